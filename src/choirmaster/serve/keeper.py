"""Holds what was answered until the calls that nobody waited for are in or late, so that the record is whole.

A shadow never delays an answer, and an early answer leaves members behind; both are measured like everybody else,
because the record of the request waits for them although the answer did not.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable

from choirmaster.ports import Clock
from choirmaster.serve.asking import Round

_LOG = logging.getLogger("choirmaster.serve")


class Keeper:
    """One thread, started with the first round it is given.

    Parameters
    ----------
    clock : Clock
    most : int
        Rounds held at the same time; beyond it they are closed at once, with what is in.
    """

    def __init__(self, clock: Clock, *, most: int = 1000) -> None:
        self._clock, self._most = clock, most
        self._changed = threading.Condition()
        self._held: dict[int, tuple[Round, Callable[[], None]]] = {}
        self._due: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def hold(self, one: Round, then: Callable[[], None]) -> None:
        """Call ``then`` once, when all of the round's calls are in or late."""
        with self._changed:
            room = not self._closed and len(self._held) < self._most
            number = next(self._numbers)
            if room:
                self._held[number] = (one, then)
                heapq.heappush(self._due, (one.gather.end, number))
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)
                    self._thread.start()
                self._changed.notify()
        if not room:
            then()
            return
        one.gather.when_done(lambda: self._hurry(number))

    def _hurry(self, number: int) -> None:
        with self._changed:
            if number in self._held:
                heapq.heappush(self._due, (0.0, number))
                self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._ready():
                    if self._closed and not self._held:
                        return
                    left = self._due[0][0] - self._clock.monotonic() if self._due else None
                    self._changed.wait(left)
                _, number = heapq.heappop(self._due)
                held = self._held.pop(number, None)
            if held is not None:
                _safely(held[1])

    def _ready(self) -> bool:
        return bool(self._due) and (self._closed or self._due[0][0] <= self._clock.monotonic())

    def close(self) -> None:
        """Close every round that is held with what is in, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()


def _safely(then: Callable[[], None]) -> None:
    try:
        then()
    except Exception:
        _LOG.exception("could not close a request whose answer is given")
