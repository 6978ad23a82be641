"""``quantiles/1``: how labels fall among predicted quantiles, and fixed-point sums of what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from choirmaster.kernels.locate import read_only
from choirmaster.kernels.table import PLAIN, Kernels
from choirmaster.states.base import Floats, Ints, Part, State, per_unit, refuse_too_many, slices

MEDIAN = 0.5
_TINY = 1e-9  # two levels whose sum is this close to 1 are a central pair


@dataclass(frozen=True, eq=False)
class QuantilePart(Part):
    """The quantile levels in ascending order, as texts, and the scale 2^exponent of the label."""

    levels: tuple[str, ...]
    exponent: int = 0
    kind = "quantiles/1"

    @cached_property
    def numbers(self) -> Floats:
        """The levels."""
        return np.array([float(one) for one in self.levels])

    @cached_property
    def pairs(self) -> Ints:
        """(P, 2): places of the two levels of each central interval, the narrowest first."""
        found = [(low, high) for high in range(len(self.levels)) for low in range(high)
                 if abs(self.numbers[low] + self.numbers[high] - 1.0) < _TINY]  # fmt: skip
        return np.array(sorted(found, reverse=True), np.int64).reshape(-1, 2)

    @cached_property
    def nominal(self) -> tuple[str, ...]:
        """The share each central interval should hold, as text: ``0.9`` of the levels 0.05 and 0.95."""
        return tuple(f"{self.numbers[high] - self.numbers[low]:.10g}" for low, high in self.pairs)

    @cached_property
    def share(self) -> Floats:
        """What a level's pinball loss counts in the weighted interval score: 2 / (levels in pairs, and the median)."""
        used = np.abs(self.numbers - MEDIAN) < _TINY
        used[self.pairs.reshape(-1)] = True
        return np.where(used, 2.0 / max(int(used.sum()), 1), 0.0)

    @property
    def exponents(self) -> tuple[int, ...]:
        return (self.exponent, 2 * self.exponent) * (len(self.levels) + 2 + len(self.pairs))

    @property
    def cells(self) -> int:
        """See ``kernels.quantiles``."""
        return 5 + len(self.exponents) + 2 * len(self.levels) + 3 * len(self.pairs)

    def payload(self) -> bytes:
        names = b"".join(len(one.encode()).to_bytes(4, "little") + one.encode() for one in self.levels)
        return self.exponent.to_bytes(4, "little", signed=True) + names


class Quantiles(State):
    """Rows by what is known of them; labels below each quantile and inside each interval; sums of losses and widths."""

    kind = "quantiles/1"
    part: QuantilePart

    @property
    def n(self) -> int:
        """Rows with a label and every level."""
        return int(self.counts[0])

    @property
    def unanswered(self) -> int:
        """Rows with a label that lack a level."""
        return int(self.counts[1])

    @property
    def rows(self) -> int:
        """All rows."""
        return int(self._after[:3].sum())

    @property
    def answered(self) -> int:
        """Rows with every level, labelled or not."""
        return int(self._after[1:3].sum())

    @property
    def crossing(self) -> int:
        """Answered rows in which a quantile lies above one of a higher level."""
        return int(self._after[2])

    @property
    def below(self) -> Ints:
        """(L, 2): labels above this quantile, and not above it."""
        out: Ints = self._after[3 : 3 + 2 * len(self.part.levels)].reshape(-1, 2)
        return out

    @property
    def inside(self) -> Ints:
        """(P, 3): rows with this interval that have no label, a label outside, a label inside."""
        out: Ints = self._after[3 + 2 * len(self.part.levels) :].reshape(-1, 3)
        return out

    def clipped(self, index: int) -> int:
        """Contributions left out of one sum because they lie beyond its range."""
        return int(self.counts[2 + index])

    @property
    def _after(self) -> Ints:
        return self.counts[2 + len(self.part.exponents) :]

    def update(self, answer: Floats, label: Floats, kernels: Kernels = PLAIN) -> None:
        """Add rows: (n, L) quantiles and (n,) labels, NaN for none."""
        for piece in slices(len(answer)):
            q, y = answer[piece], label[piece]
            counts, units = sum_quantiles(self.part, q, y, np.zeros(len(q), np.int64), 1, kernels)
            self.add(counts[0], units[0])


def sum_quantiles(
    part: QuantilePart, answer: Floats, label: Floats, group: Ints, groups: int, kernels: Kernels
) -> tuple[Ints, Ints]:
    """Scan at most 2^20 answers against labels; one row for each group."""
    refuse_too_many(len(answer))
    counts = np.zeros((groups, part.cells), np.int64)
    units = np.zeros((groups, len(part.exponents)), np.int64)
    scale = np.array([per_unit(one) for one in part.exponents])
    fixed = (read_only(part.numbers), read_only(part.pairs), read_only(part.share), read_only(scale))
    rows = (read_only(np.ascontiguousarray(answer)), read_only(np.ascontiguousarray(label)), read_only(group))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        kernels.quantile_losses(*rows, *fixed, counts, units)
    return counts, units
