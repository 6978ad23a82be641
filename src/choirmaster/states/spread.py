"""``spread/1``: how far the members' answers lie apart. Needs no label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from choirmaster.kernels.locate import read_only
from choirmaster.kernels.table import PLAIN, Kernels
from choirmaster.states.base import Floats, Ints, Part, State, per_unit, refuse_too_many, slices

VARIANCE, VARIANCE_SQUARED = range(2)


@dataclass(frozen=True, eq=False)
class SpreadPart(Part):
    """Whose answers, and of what.

    Attributes
    ----------
    members : tuple of str
    classes : int
        0 where numbers are predicted, 1 for the positive one of two classes, else their number.
    exponent : int
        The scale 2^exponent of the label (numbers only).
    """

    members: tuple[str, ...]
    classes: int
    exponent: int = 0
    kind = "spread/1"

    @property
    def width(self) -> int:
        """Numbers in one answer."""
        return max(1, self.classes)

    @property
    def cells(self) -> int:
        """Rows with two answers or more, rows with fewer, clipped variances, clipped squares."""
        return 4

    @property
    def exponents(self) -> tuple[int, ...]:
        return (2 * self.exponent, 4 * self.exponent)

    def payload(self) -> bytes:
        names = b"".join(len(one.encode()).to_bytes(4, "little") + one.encode() for one in self.members)
        head = len(self.members).to_bytes(4, "little") + names + self.classes.to_bytes(4, "little")
        return head + self.exponent.to_bytes(4, "little", signed=True)


class Spread(State):
    """Sums of the variance of the present members' answers within a row, and of its square."""

    kind = "spread/1"
    part: SpreadPart

    @property
    def n(self) -> int:
        """Rows with two answers or more."""
        return int(self.counts[0])

    @property
    def fewer(self) -> int:
        """Rows with one answer or none."""
        return int(self.counts[1])

    def clipped(self, index: int) -> int:
        """Contributions left out of one sum because they lie beyond its range."""
        return int(self.counts[2 + index])

    def update(self, answers: Floats, kernels: Kernels = PLAIN) -> None:
        """Add rows: (n, members) or (n, members, width) answers, NaN for none."""
        p = answers.reshape(len(answers), len(self.part.members), self.part.width)
        for piece in slices(len(p)):
            counts, units = sum_spread(self.part, p[piece], np.zeros(len(p[piece]), np.int64), 1, kernels)
            self.add(counts[0], units[0])


def sum_spread(part: SpreadPart, answers: Floats, group: Ints, groups: int, kernels: Kernels) -> tuple[Ints, Ints]:
    """Scan at most 2^20 rows of (n, members, width) answers; one row for each group."""
    refuse_too_many(len(answers))
    counts = np.zeros((groups, part.cells), np.int64)
    units = np.zeros((groups, 2), np.int64)
    scale = np.array([per_unit(one) for one in part.exponents])
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        kernels.spread(read_only(np.ascontiguousarray(answers)), part.classes > 0, read_only(group), read_only(scale),
                       counts, units)  # fmt: skip
    return counts, units
