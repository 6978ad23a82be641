"""What was wrong in a source, counted by column and reason; the first few are kept to be shown."""

from __future__ import annotations

import threading
from collections import Counter

_SHOWN = 5


class Faults:
    """A counter that several threads write.

    Attributes
    ----------
    counts : Counter
        ``{(column, reason): cells}``; a fault of a whole row has the column ''.
    examples : dict
        ``{(column, reason): [text, ...]}``, at most five each.

    Examples
    --------
    >>> faults = Faults()
    >>> faults.add("x", "not a number", 2, "oops")
    >>> faults.lines()
    ['column "x": 2 not a number, such as oops']
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.examples: dict[tuple[str, str], list[str]] = {}
        self._lock = threading.Lock()

    def add(self, column: str, reason: str, count: int = 1, *examples: object) -> None:
        """Count cells (or rows, for the column '')."""
        if not count:
            return
        with self._lock:
            self.counts[column, reason] += count
            kept = self.examples.setdefault((column, reason), [])
            kept += [str(one)[:80] for one in examples[: _SHOWN - len(kept)]]

    def lines(self) -> list[str]:
        """Return one line for each column and reason."""
        out = []
        for (column, reason), count in sorted(self.counts.items()):
            shown = ", ".join(self.examples[column, reason])
            head = f'column "{column}": {count} {reason}' if column else f"{count} {reason}"
            out.append(f"{head}, such as {shown}" if shown else head)
        return out
