"""Who is let in: a request that would wait longer than it may is refused at once, before anything is spent on it.

A queue that is longer than the deadline answers nobody in time, however fast it is worked off. So the wait of a
newcomer is foretold from how many are inside and how fast they have been leaving, and it is let in only where enough of
its time is left. Pure: time comes in as an argument. Not thread-safe; the event loop is its only caller.
"""

from __future__ import annotations

from dataclasses import dataclass

SMOOTHING = 0.05
"""Weight of the newest departure in the mean time between two."""
PATIENCE = 0.5
"""Share of its time that a request may spend on waiting."""
ALWAYS = 4
"""So many are let in whatever is foretold: only those who leave teach how fast it goes now."""


@dataclass(slots=True)
class Admission:
    """Counts who is inside, and foretells a newcomer's wait.

    Parameters
    ----------
    limit : int
        Most requests inside at once, whatever their time.

    Examples
    --------
    >>> door = Admission(limit=100)
    >>> for _ in range(8):
    ...     door.enter()
    >>> for moment in (1.0, 1.5, 2.0, 2.5):
    ...     door.leave(moment)
    >>> door.inside, door.wait
    (4, 2.0)
    >>> door.admits(10.0), door.admits(0.1)
    (True, False)
    """

    limit: int
    inside: int = 0
    pace: float = 0.0
    _left: float | None = None

    @property
    def wait(self) -> float:
        """Seconds that a newcomer will wait."""
        return self.inside * self.pace

    def admits(self, seconds: float | None = None) -> bool:
        """Return whether one more may enter; ``seconds`` is the time it has, None where that does not matter."""
        if self.inside >= self.limit:
            return False
        return seconds is None or self.inside < ALWAYS or self.wait <= PATIENCE * seconds

    def enter(self) -> None:
        """Count one in."""
        self.inside += 1

    def leave(self, now: float) -> None:
        """Count one out; while others are inside, the time since the last one left says how fast it goes."""
        if self._left is not None and self.inside > 1:
            step = max(0.0, now - self._left)
            self.pace = step if self.pace == 0.0 else self.pace + SMOOTHING * (step - self.pace)
        self.inside -= 1
        self._left = now if self.inside else None
