"""Answers that are read off many stored states: remembered until what they were read off changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from choirmaster.ports import StatePack

T = TypeVar("T")


class Remembered:
    """The latest answer to each question, and what stood in the store when it was given.

    Parameters
    ----------
    at_most : int
        Questions whose answers are held; the one that was not asked for longest is forgotten first.

    Examples
    --------
    >>> known = Remembered()
    >>> known.answer("sum", 1, lambda: [1, 2]), known.answer("sum", 1, lambda: [3]), known.answer("sum", 2, lambda: [4])
    ([1, 2], [1, 2], [4])
    """

    def __init__(self, at_most: int = 256) -> None:
        self._at_most = at_most
        self._held: OrderedDict[Hashable, tuple[Hashable, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def answer(self, question: Hashable, stand: Hashable, read: Callable[[], T]) -> T:
        """Return the answer given before at the same stand of the store, or read it."""
        with self._lock:
            found = self._held.get(question)
            if found is not None and found[0] == stand:
                self._held.move_to_end(question)
                told: T = found[1]
                return told
        answer = read()
        with self._lock:
            self._held[question] = (stand, answer)
            self._held.move_to_end(question)
            while len(self._held) > self._at_most:
                self._held.popitem(last=False)
        return answer


def stand_of(packs: Sequence[StatePack]) -> Hashable:
    """Return what changes whenever the states of these windows do: each new measuring is a new revision."""
    return len(packs), sum(one.revision for one in packs), packs[-1].window.end if packs else 0
