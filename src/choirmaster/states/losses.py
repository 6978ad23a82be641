"""``losses/1``: fixed-point sums of losses and of their squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from choirmaster.kernels.locate import read_only
from choirmaster.kernels.table import PLAIN, Kernels
from choirmaster.states.base import Floats, Ints, Part, State, per_unit, refuse_too_many, slices

LOG_LOSS, LOG_LOSS_SQUARED, BRIER, BRIER_SQUARED = range(4)
ERROR, ABSOLUTE, SQUARED, FOURTH, LABEL, LABEL_SQUARED = range(6)
_CLASS_EXPONENTS = (4, 10, 0, 0)  # log loss reaches 36.05 = -ln 2^-52, its square 1,300


@dataclass(frozen=True, eq=False)
class LossPart(Part):
    """Whether classes or numbers are predicted, and the scale 2^exponent of the label (numbers only)."""

    numbers: bool
    exponent: int = 0
    kind = "losses/1"

    @property
    def cells(self) -> int:
        """How many rows, no answer, then clipped contributions of each sum."""
        return 2 + len(self.exponents)

    @property
    def exponents(self) -> tuple[int, ...]:
        if not self.numbers:
            return _CLASS_EXPONENTS
        e = self.exponent
        return (e, e, 2 * e, 4 * e, e, 2 * e)

    def payload(self) -> bytes:
        return bytes([self.numbers]) + self.exponent.to_bytes(4, "little", signed=True)


class Losses(State):
    """Sums over rows with a label and an answer."""

    kind = "losses/1"
    part: LossPart

    @property
    def n(self) -> int:
        """Rows with a label and an answer."""
        return int(self.counts[0])

    @property
    def unanswered(self) -> int:
        """Rows with a label but without a usable answer."""
        return int(self.counts[1])

    def clipped(self, index: int) -> int:
        """Contributions left out of one sum because they lie beyond its range."""
        return int(self.counts[2 + index])

    def update(self, answer: Floats, label: Ints | Floats, kernels: Kernels = PLAIN) -> None:
        """Add rows: (n, 1) or (n, classes) probabilities with label codes, or (n,) numbers with labels."""
        for piece in slices(len(answer)):
            f, y = answer[piece], label[piece]
            counts, units = sum_losses(self.part, f, y, np.zeros(len(f), np.int64), 1, kernels)
            self.add(counts[0], units[0])


def sum_losses(
    part: LossPart, answer: Floats, label: Ints | Floats, group: Ints, groups: int, kernels: Kernels
) -> tuple[Ints, Ints]:
    """Scan at most 2^20 answers against labels; one row for each group."""
    refuse_too_many(len(answer))
    counts = np.zeros((groups, part.cells), np.int64)
    units = np.zeros((groups, len(part.exponents)), np.int64)
    scale = np.array([per_unit(one) for one in part.exponents])
    kernel = kernels.number_losses if part.numbers else kernels.class_losses
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        kernel(read_only(answer), read_only(label), read_only(group), read_only(scale), counts, units)
    return counts, units
