"""The second call: a member that is slower than usual is asked once more, and the first answer counts.

Second calls are paid from a budget that first calls fill, so a member that is down is not asked twice as often.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from choirmaster.errors import ConfigError

_KNOWN = 20  # answers that must have come before a quantile of them says anything
_MEMORY = 256
_EVERY = 16  # answers between two looks at the quantile
_SAVED = 10.0  # second calls that a quiet hour can save up


@dataclass(frozen=True, slots=True)
class HedgeSettings:
    """When a second call is made.

    Attributes
    ----------
    after_seconds : float or None
        After so long without an answer.
    quantile : float or None
        In place of it: after the time in which this share of the member's recent calls had answered.
    budget : float
        Second calls for each first call, at most.
    """

    after_seconds: float | None = None
    quantile: float | None = 0.95
    budget: float = 0.1

    def check(self, where: str) -> None:
        """Raise ConfigError for the first setting that cannot work."""
        if (self.after_seconds is None) == (self.quantile is None):
            raise ConfigError("a second call needs exactly one of a time and a quantile", where=f"{where}.after")
        if self.after_seconds is not None and self.after_seconds <= 0:
            raise ConfigError("time of a second call out of range", where=f"{where}.after", expected="above 0")
        if self.quantile is not None and not 0 < self.quantile < 1:
            raise ConfigError("quantile of a second call out of range", where=f"{where}.after", expected="p1 to p99")
        if not 0 < self.budget <= 1:
            raise ConfigError("budget of second calls out of range", where=f"{where}.budget",
                              expected="above 0, at most 1", got=str(self.budget))  # fmt: skip


class Hedger:
    """One member's second calls: when the next is due, and whether there is budget for it. Thread-safe."""

    def __init__(self, settings: HedgeSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._saved = 0.0
        self._seconds: deque[float] = deque(maxlen=_MEMORY)
        self._since = 0
        self._delay = settings.after_seconds

    def first(self) -> float | None:
        """Count a first call; returns after how many seconds a second one is due, None while that is not known."""
        with self._lock:
            self._saved = min(self._saved + self.settings.budget, _SAVED)
            return self._delay

    def take(self) -> bool:
        """Take leave for a second call out of the budget."""
        with self._lock:
            if self._saved < 1.0 - 1e-9:  # ten times 0.1 is a little less than 1
                return False
            self._saved -= 1.0
            return True

    def answered(self, seconds: float) -> None:
        """Learn how long an answer took."""
        if self.settings.quantile is None:
            return
        with self._lock:
            self._seconds.append(seconds)
            self._since += 1
            if self._since >= _EVERY and len(self._seconds) >= _KNOWN:
                self._since = 0
                ranked = sorted(self._seconds)
                self._delay = ranked[min(int(self.settings.quantile * len(ranked)), len(ranked) - 1)]
