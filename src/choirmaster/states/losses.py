"""``losses/1``: fixed-point sums of losses and of their squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from choirmaster.kernels.locate import read_only
from choirmaster.kernels.table import PLAIN, Kernels
from choirmaster.states.base import Floats, Ints, Part, State, per_unit, refuse_too_many, slices
from choirmaster.states.bins import scale_exponent

LOG_LOSS, LOG_LOSS_SQUARED, BRIER, BRIER_SQUARED = range(4)
ERROR, ABSOLUTE, SQUARED, FOURTH, LABEL, LABEL_SQUARED = range(6)
APE, APE_SQUARED, SAPE, SAPE_SQUARED, LOG_SQUARED, LOG_FOURTH = range(6, 12)
D1, D2, D3, D4, SQUARED_D1, SQUARED_D2 = range(12, 18)  # powers of the label less the centre, and of it with e^2
_CLASS_EXPONENTS = (4, 10, 0, 0)  # log loss reaches 36.05 = -ln 2^-52, its square 1,300
_RELATIVE_EXPONENTS = (10, 10, 0, 0, 6, 8)  # errors up to 4,096 times the label; e^16 between answer and label


@dataclass(frozen=True, eq=False)
class LossPart(Part):
    """Whether classes or numbers are predicted, and the scale 2^exponent of the label (numbers only).

    Attributes
    ----------
    numbers : bool
    exponent : int
    relative : bool
        Whether relative and logarithmic errors and the spread of the labels are kept as well; without them the part and
        its bytes are as they always were.
    centre : float
        Labels are counted from here where ``relative``: their mean in the reference.
    spread : int
        Labels lie within 2^spread of the centre.
    """

    numbers: bool
    exponent: int = 0
    relative: bool = False
    centre: float = 0.0
    spread: int = 0
    kind = "losses/1"

    @property
    def cells(self) -> int:
        """How many rows, no answer, clipped contributions of each sum; where relative, labels 0 and negative rows."""
        return 2 + len(self.exponents) + 2 * self.relative

    @property
    def exponents(self) -> tuple[int, ...]:
        if not self.numbers:
            return _CLASS_EXPONENTS
        e, s = self.exponent, self.spread
        plain = (e, e, 2 * e, 4 * e, e, 2 * e)
        return plain + (*_RELATIVE_EXPONENTS, s, 2 * s, 3 * s, 4 * s, 2 * e + s, 2 * (e + s)) * self.relative

    def payload(self) -> bytes:
        plain = bytes([self.numbers]) + self.exponent.to_bytes(4, "little", signed=True)
        return (
            plain + (np.float64(self.centre).tobytes() + self.spread.to_bytes(4, "little", signed=True)) * self.relative
        )


def number_part(labels: Floats) -> LossPart:
    """Build the part of a regression from the labels of the reference; NaN is none."""
    finite = labels[np.isfinite(labels)]
    exponent = scale_exponent(finite)
    centre = float((finite * 2.0**-exponent).mean() * 2.0**exponent) if len(finite) else 0.0
    return LossPart(True, exponent, relative=True, centre=centre, spread=scale_exponent(finite - centre))


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

    @property
    def zero_labels(self) -> int:
        """Rows with label and answer whose label is 0, which have no relative error."""
        return int(self.counts[-2]) if self.part.relative else 0

    @property
    def negative(self) -> int:
        """Rows with label and answer of which one is negative, which have no logarithmic error."""
        return int(self.counts[-1]) if self.part.relative else 0

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
        if part.relative:
            kernels.relative_losses(
                read_only(answer), read_only(label), read_only(group), part.centre, read_only(scale), counts, units
            )
    return counts, units
