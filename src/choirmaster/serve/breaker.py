"""A circuit breaker: a member that fails again and again is left alone for a while, then probed, then asked again.

::

    closed --5 failures in a row, or half of the last 20--> open
    open --its rest is over--> half open: at most 3 calls go through as probes
    half open --every probe answers--> closed
    half open --one probe fails--> open, for twice as long

A pure state machine: every method takes the time, nothing here reads a clock. A call holds the :class:`Pass` it was let
through with; what became of a call that was let through before the last change of state says nothing about now, and is
not counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from choirmaster.errors import ConfigError


class State(StrEnum):
    """Where a breaker is."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker opens, and how long it stays so.

    Attributes
    ----------
    failures : int
        Failures in a row that open it.
    window : int
        Calls over which the share of failures is looked at, once there are as many.
    failure_share : float
        Share of failures in that window that opens it.
    probes : int
        Calls let through when its rest is over; all must answer.
    rest_seconds, most_seconds : float
        The first rest, doubled by every failed probe up to the most.
    jitter : float
        A rest is drawn between ``1 - jitter`` and ``1 + jitter`` times its length, so that many servers do not
        probe one member at once.
    """

    failures: int = 5
    window: int = 20
    failure_share: float = 0.5
    probes: int = 3
    rest_seconds: float = 5.0
    most_seconds: float = 300.0
    jitter: float = 0.1

    def check(self, where: str) -> None:
        """Raise ConfigError for the first setting that cannot work."""
        for name, good, expected in (
            ("failures", self.failures >= 1, "at least 1"),
            ("window", self.window >= 1, "at least 1"),
            ("failure_share", 0 < self.failure_share <= 1, "above 0, at most 1"),
            ("probes", self.probes >= 1, "at least 1"),
            ("rest", 0 < self.rest_seconds <= self.most_seconds, "above 0, at most the longest"),
            ("jitter", 0 <= self.jitter < 1, "0 to 1"),
        ):
            if not good:
                raise ConfigError("breaker setting out of range", where=f"{where}.{name}", expected=expected)


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave for one call; ``turn`` is the state change it was given after."""

    turn: int
    probe: bool = False


class Breaker:
    """One member's breaker. Not thread-safe: its owner locks.

    Parameters
    ----------
    settings : BreakerSettings
    uniform : callable
        Returns a number in [0, 1) for the jitter.

    Examples
    --------
    >>> breaker = Breaker(BreakerSettings(failures=2, probes=1, jitter=0), lambda: 0.0)
    >>> for now in (0.0, 1.0):
    ...     breaker.settle(breaker.admit(now), good=False, now=now)
    >>> breaker.state(2.0), breaker.admit(2.0), breaker.state(6.0)
    (<State.OPEN: 'open'>, None, <State.HALF_OPEN: 'half_open'>)
    >>> breaker.settle(breaker.admit(6.0), good=True, now=6.1)
    >>> breaker.state(6.1)
    <State.CLOSED: 'closed'>
    """

    def __init__(self, settings: BreakerSettings, uniform: Callable[[], float]) -> None:
        self.settings, self._uniform = settings, uniform
        self.opened = 0
        self._state = State.CLOSED
        self._turn = 0
        self._recent: deque[bool] = deque(maxlen=settings.window)
        self._row = 0
        self._rest, self._until = settings.rest_seconds, 0.0
        self._out = self._answered = 0

    def state(self, now: float) -> State:
        """Return the state, which time alone may have moved from open to half open."""
        if self._state is State.OPEN and now >= self._until:
            self._become(State.HALF_OPEN)
        return self._state

    def admit(self, now: float) -> Pass | None:
        """Return leave for one call, or None. Every pass must come back, by ``settle`` or by ``withdraw``."""
        state = self.state(now)
        if state is State.CLOSED:
            return Pass(self._turn)
        if state is State.OPEN or self._out + self._answered >= self.settings.probes:
            return None
        self._out += 1
        return Pass(self._turn, probe=True)

    def settle(self, one: Pass | None, *, good: bool, now: float) -> None:
        """Count what became of a call, unless the state changed since it was let through."""
        if one is None or one.turn != self._turn:
            return
        if self._state is State.CLOSED:
            self._count(good, now)
        elif not good:
            self._rest = min(self._rest * 2, self.settings.most_seconds)
            self._open(now)
        else:
            self._out, self._answered = self._out - 1, self._answered + 1
            if self._answered >= self.settings.probes:
                self._rest = self.settings.rest_seconds
                self._become(State.CLOSED)

    def withdraw(self, one: Pass | None) -> None:
        """Take back a pass whose call was not made, or says nothing about the member."""
        if one is not None and one.turn == self._turn and one.probe:
            self._out -= 1

    def _count(self, good: bool, now: float) -> None:
        self._recent.append(good)
        self._row = 0 if good else self._row + 1
        failed, window = self._recent.count(False), self.settings.window
        often = len(self._recent) == window and failed >= self.settings.failure_share * window
        if self._row >= self.settings.failures or often:
            self._open(now)

    def _open(self, now: float) -> None:
        self.opened += 1
        drawn = 1 + self.settings.jitter * (2 * self._uniform() - 1)
        self._until = now + min(self._rest * drawn, self.settings.most_seconds)
        self._become(State.OPEN)

    def _become(self, state: State) -> None:
        self._state, self._turn = state, self._turn + 1
        self._recent.clear()
        self._row = self._out = self._answered = 0
