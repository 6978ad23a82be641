"""Who is let in: a queue that is longer than the deadline answers nobody in time, however fast it is worked off.

What counts is how much of its time a request had spent when its members were about to be asked. Where that is more than
half, fewer are let in at once; where it is less, one more now and then. Slow members do not count, for waiting for them
is no queue: only what is spent before they are asked says that the server has too much to do.
"""

from __future__ import annotations

import threading

PATIENCE = 0.5
"""Share of its time that a request may spend before members are asked."""
LEAST = 4
"""So many are let in whatever happens: only those who come in can tell that it goes well again."""
CUT = 0.7
"""What is left of the number inside where it was too many."""


class Admission:
    """Counts who is inside, and how many may be. Thread-safe.

    Parameters
    ----------
    limit : int
        Most requests inside at once.

    Examples
    --------
    >>> door = Admission(100)
    >>> for _ in range(20):
    ...     door.enter()
    >>> door.admits()
    True
    >>> door.started(0.09, 0.1)  # nine tenths of its time were gone
    >>> door.admits(), door.allowed
    (False, 14)
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.inside = limit, 0
        self._allowed = float(limit)
        self._before = 0  # those who came in before the last cut, and so say nothing about it
        self._lock = threading.Lock()

    @property
    def allowed(self) -> int:
        """How many may be inside now."""
        return min(self.limit, max(LEAST, round(self._allowed)))

    def admits(self) -> bool:
        """Return whether one more may enter."""
        return self.inside < self.allowed

    def enter(self) -> None:
        """Count one in."""
        with self._lock:
            self.inside += 1

    def started(self, spent: float, seconds: float) -> None:
        """Learn how long a request took until its members could be asked, and how long it had in all."""
        with self._lock:
            if spent <= PATIENCE * seconds:
                self._allowed = min(self._allowed + 1.0 / self._allowed, float(self.limit))
            elif self._before <= 0:
                self._allowed = max(float(LEAST), CUT * min(self._allowed, self.inside))
                self._before = self.inside
            self._before -= 1

    def leave(self) -> None:
        """Count one out; when nobody is inside any more, whatever was too much is over."""
        with self._lock:
            self.inside -= 1
            if self.inside == 0:
                self._allowed, self._before = float(self.limit), 0
