"""Keeps a running process to what was decided: looks for news twice a second or more, and applies it whole."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from choirmaster.operate.operator import Operator
from choirmaster.overlay import Overlay, overlay_of
from choirmaster.ports import Clock, Decisions

_LOG = logging.getLogger("choirmaster.operate")
EVERY_SECONDS = 0.25  # what was decided anywhere holds in this process after at most so long


class Follower:
    """Applies each new overlay of the ensembles that run here.

    Parameters
    ----------
    store : Decisions
    clock : Clock
    operator : Operator
        Writes down the end of what has run out.
    running : callable
        Returns the names of the ensembles that run in this process.
    apply : callable
        Takes (ensemble, Overlay) and makes it hold from the next request on, all of it or nothing.
    """

    def __init__(
        self, store: Decisions, clock: Clock, operator: Operator, running: Callable[[], Iterable[str]],
        apply: Callable[[str, Overlay], None],
    ) -> None:  # fmt: skip
        self._store, self._clock, self._operator = store, clock, operator
        self._running, self._apply = running, apply
        self._held: dict[str, Overlay] = {}
        self._newest = -1
        self._said: dict[str, str] = {}
        self._lock = threading.Lock()

    def look(self) -> None:
        """Look once; does nothing where nothing was decided and nothing ran out."""
        with self._lock:
            now, newest = self._clock.now(), self._store.last_decision()
            news, names = newest != self._newest, sorted(self._running())
            wanted = [name for name in names if news or self._stale(name, now)]
            done = [self._follow(name, now) for name in wanted]
            if all(done):
                self._newest = newest

    def _stale(self, name: str, now: int) -> bool:
        held = self._held.get(name)
        return held is None or (held.next_change is not None and held.next_change <= now)

    def _follow(self, name: str, now: int) -> bool:
        """Apply what holds of one ensemble; one that cannot be applied keeps no other from it."""
        found = overlay_of(name, self._store.decisions(name), now)
        try:
            if found != self._held.get(name):
                self._apply(name, found)
            self._held[name] = found
            self._operator.expire(name)
        except Exception as error:
            self._say(name, f"cannot follow the decisions about {name}: {type(error).__name__}: {error}")
            return False
        self._said.pop(name, None)
        return True

    def _say(self, about: str, text: str) -> None:
        """Log a trouble once, and not at every look."""
        if self._said.get(about) != text:
            self._said[about] = text
            _LOG.warning(text)

    def run(self, stop: threading.Event) -> None:
        """Look again and again until told to stop; while the store is away, what was known goes on holding."""
        while not stop.wait(EVERY_SECONDS):
            try:
                self.look()
                self._said.pop("", None)
            except Exception as error:
                self._say("", f"cannot look for decisions: {type(error).__name__}: {error}")
