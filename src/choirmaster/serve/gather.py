"""Collects the replies of one request: some are waited for, the others may come after the answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from choirmaster.layout import Status
from choirmaster.ports import Clock


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one call: a raw answer when ``status`` is ok, else why not.

    ``why`` is one word where the call was not made: ``busy``, ``hung``, ``closing``.
    """

    status: Status
    raw: Any = None
    latency_us: int | None = None
    detail: str = ""
    why: str = ""


class Gather:
    """The replies of one request.

    Parameters
    ----------
    eager : bool
        Whether ``wait`` returns at each reply, and not only when all that is awaited is in.
    """

    def __init__(self, *, eager: bool = False) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._replies: list[Reply | None] = []
        self._deadlines: list[float] = []
        self._awaited: set[int] = set()
        self._open: set[int] = set()
        self._twice: dict[int, Reply | None] = {}
        self._eager, self._news = eager, False
        self._then: Callable[[], None] | None = None

    def expect(self, deadline: float, *, awaited: bool = True) -> int:
        """Return the place of one more call; an answer waits for it if it is ``awaited``."""
        with self._changed:
            index = len(self._replies)
            self._replies.append(None)
            self._deadlines.append(deadline)
            self._open.add(index)
            if awaited:
                self._awaited.add(index)
            return index

    def put(self, index: int, reply: Reply) -> bool:
        """Take a reply; False when nobody waits for it any more."""
        with self._changed:
            if index not in self._open:
                return False
            if self._other_may_answer(index, reply):
                return True
            self._replies[index] = reply
            self._open.discard(index)
            self._tell(index)
            then = None if self._open else self._then
        if then is not None:
            then()
        return True

    def twice(self, index: int) -> bool:
        """Say that a second call is about to be made; False when the first has answered."""
        with self._changed:
            if index not in self._open or index in self._twice:
                return False
            self._twice[index] = None
            return True

    def _other_may_answer(self, index: int, reply: Reply) -> bool:
        if index not in self._twice or reply.status is Status.OK:
            return False
        if reply.status is Status.QUARANTINED:  # the second call was not made after all
            del self._twice[index]
            return True
        first = self._twice[index] is None
        self._twice[index] = reply
        return first

    def _tell(self, index: int) -> None:
        if index not in self._awaited:
            return
        self._news = True
        self._awaited.discard(index)
        if self._eager or self._deadlines[index] > self._last():
            self._changed.notify_all()

    def _last(self) -> float:
        return max((self._deadlines[i] for i in self._awaited), default=0.0)

    def wait(self, clock: Clock, until: float = float("inf")) -> bool:
        """Wait for the awaited replies, at most until a time; returns whether there is anything left to wait for.

        With ``eager`` it returns at each reply as well.
        """
        with self._changed:
            while True:
                left = self._last() - (now := clock.monotonic())
                if not self._awaited or left <= 0:
                    return False
                if now >= until or (self._eager and self._news):
                    self._news = False
                    return True
                self._changed.wait(min(left, until - now))

    def reply(self, index: int) -> Reply | None:
        """Return the reply of one call, None while there is none."""
        return self._replies[index]

    def cut(self, index: int) -> Reply | None:
        """Return the reply of one call and take none from now on; of a call made twice also the first's failure."""
        with self._changed:
            self._open.discard(index)
            return self._replies[index] or self._twice.get(index)

    def when_done(self, then: Callable[[], None]) -> None:
        """Call back once every reply is in, at once where they are; not on a cut."""
        with self._changed:
            self._then = then
            done = not self._open
        if done:
            then()

    @property
    def end(self) -> float:
        """The last deadline of all calls that have no reply."""
        with self._changed:
            return max((self._deadlines[i] for i in self._open), default=0.0)
