"""Adaptive windowing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class _Row:
    """Buckets of one size, the oldest first: sums and sums of squared deviations."""

    totals: list[float] = field(default_factory=list)
    squares: list[float] = field(default_factory=list)


class Adwin:
    """Keeps the longest window whose older and newer part do not differ in their means.

    Definition   the window is cut at every bucket border into n0 older and n1 newer values; the oldest bucket is
                 dropped and a change seen while for one cut |mean0 - mean1| > sqrt(2 v d / m) + 2 d / (3 m), where v is
                 the variance in the window, d = ln(2 ln n / delta), 1/m = 1/(n0 - least + 1) + 1/(n1 - least + 1).
                 Buckets of 1, 2, 4, ... values, at most ``buckets`` of a size, keep memory logarithmic
    Source       Bifet, Gavalda 2007, SIAM International Conference on Data Mining, 443-448

    Parameters
    ----------
    delta : float
        Confidence: the smaller, the fewer false alarms.
    clock : int
        Look for a change with each so many values.
    buckets : int
        Of one size, before the two oldest become one of the next size.
    least : int
        Shortest part that is compared.
    grace : int
        No change is seen in a window that is not longer than this.
    restart : bool
        Begin with an empty window after a change, as river does; else the newer part is kept, as published.

    Attributes
    ----------
    width : int
        Values in the window.
    total : float
        Their sum.

    Examples
    --------
    >>> window = Adwin(clock=1)
    >>> [at for at, value in enumerate([0.0] * 50 + [1.0] * 30) if window.observe(value)][0]
    71
    """

    def __init__(
        self, delta: float = 0.002, clock: int = 32, buckets: int = 5, least: int = 5, grace: int = 10, *,
        restart: bool = False,
    ) -> None:  # fmt: skip
        self.delta, self.clock, self.buckets, self.least, self.grace = delta, clock, buckets, max(1, least), grace
        self.restart = restart
        self._begin()

    def observe(self, value: float) -> bool:
        """Take the next value; return whether a change is seen with it."""
        self._insert(value)
        self._ticks += 1
        if self._ticks % self.clock or self.width <= self.grace:
            return False
        changed = False
        while self._differs():
            changed = True
            self._drop_oldest()
        if changed and self.restart:
            self._begin()
        return changed

    @property
    def mean(self) -> float:
        """Mean of the window; 0 while it is empty."""
        return self.total / self.width if self.width else 0.0

    def _begin(self) -> None:
        self._rows = [_Row()]
        self._ticks = self.width = 0
        self.total = self._squares = 0.0

    def _insert(self, value: float) -> None:
        row = self._rows[0]
        row.totals.append(value)
        row.squares.append(0.0)
        self.width += 1
        if self.width > 1:
            before = self.width - 1
            self._squares += before * (value - self.total / before) ** 2 / self.width
        self.total += value
        for at, row in enumerate(self._rows):
            if len(row.totals) <= self.buckets:
                return
            if at + 1 == len(self._rows):
                self._rows.append(_Row())
            self._join(at)

    def _join(self, at: int) -> None:
        """Make one bucket of the next size of the two oldest of one size."""
        row, above, size = self._rows[at], self._rows[at + 1], 2**at
        one, two = row.totals[:2]
        between = (one / size - two / size) ** 2 * size / 2.0
        above.totals.append(one + two)
        above.squares.append(sum(row.squares[:2]) + between)
        del row.totals[:2], row.squares[:2]

    def _differs(self) -> bool:
        """Whether the means differ at one of the cuts, which run from the oldest bucket on."""
        older, total = 0, 0.0
        for at in range(len(self._rows) - 1, -1, -1):
            for bucket in self._rows[at].totals:
                older += 2**at
                total += bucket
                newer = self.width - older
                if min(older, newer) >= self.least and self._cut(older, total, newer):
                    return True
        return False

    def _cut(self, older: int, total: float, newer: int) -> bool:
        variance = self._squares / self.width
        confidence = math.log(2.0 * math.log(self.width) / self.delta)
        inverse = 1.0 / (older - self.least + 1) + 1.0 / (newer - self.least + 1)
        bound = math.sqrt(2.0 * inverse * variance * confidence) + 2.0 / 3.0 * confidence * inverse
        return abs(total / older - (self.total - total) / newer) > bound

    def _drop_oldest(self) -> None:
        row, size = self._rows[-1], 2 ** (len(self._rows) - 1)
        total, squares = row.totals.pop(0), row.squares.pop(0)
        self.width -= size
        self.total -= total
        rest = self.total / self.width
        self._squares -= squares + size * self.width * (total / size - rest) ** 2 / (size + self.width)
        while len(self._rows) > 1 and not self._rows[-1].totals:
            self._rows.pop()
