"""``moments/1``: how many, how much, and how much squared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from choirmaster.kernels.table import PLAIN, Kernels
from choirmaster.states.base import Floats, Part, State, slices
from choirmaster.states.histogram import NumericPart, count_numeric


@dataclass(frozen=True, eq=False)
class MomentsPart(Part):
    """The scale 2^exponent of a numeric feature, and the reference's mean and standard deviation."""

    exponent: int
    mean: float
    deviation: float
    kind = "moments/1"

    @property
    def cells(self) -> int:
        """How many rows, clipped values, clipped squares."""
        return 3

    @property
    def exponents(self) -> tuple[int, ...]:
        return (self.exponent, 2 * self.exponent)

    def payload(self) -> bytes:
        return self.exponent.to_bytes(4, "little", signed=True) + np.array([self.mean, self.deviation]).tobytes()


def moments_part(x: Floats, exponent: int) -> MomentsPart:
    """Build the part of a numeric column of the reference."""
    finite = x[np.isfinite(x)]
    if not len(finite):
        return MomentsPart(exponent, 0.0, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(finite.mean()), float(finite.std())
    if not np.isfinite([mean, deviation]).all():  # a sum or a square is beyond the greatest number
        greatest = float(np.abs(finite).max())
        mean, deviation = (float(one) * greatest for one in ((finite / greatest).mean(), (finite / greatest).std()))
    return MomentsPart(exponent, mean, deviation)


class Moments(State):
    """n, sum of x and sum of x^2 of a numeric feature."""

    kind = "moments/1"
    part: MomentsPart

    @property
    def n(self) -> int:
        """Rows with a finite value."""
        return int(self.counts[0])

    @property
    def clipped(self) -> int:
        """Rows that lie too far outside the reference's range to be summed."""
        return int(self.counts[1] + self.counts[2])

    def update(self, x: Floats, kernels: Kernels = PLAIN) -> None:
        """Add rows; NaN is missing."""
        edges = NumericPart(np.array([0.0, 1.0]), np.zeros(6, np.int64), self.part.exponent)
        for piece in slices(len(x)):
            group = np.zeros(len(x[piece]), np.int64)
            _, _, counts, sums = count_numeric(edges, x[piece], group, 1, kernels)
            self.add(counts[0], sums[0])
