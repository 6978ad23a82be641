"""How far a mean has moved, in standard deviations of the reference: of a feature, or of the labels of a regression."""

from __future__ import annotations

import math
from typing import NamedTuple

from choirmaster.metrics.base import DRIFT, EVERY, NUMBERS, Least, Metric
from choirmaster.metrics.intervals import Z
from choirmaster.states import losses as at
from choirmaster.states.losses import Losses
from choirmaster.states.moments import Moments
from choirmaster.values import Kind, Reason, Value, undefined


class Sums(NamedTuple):
    """Rows, sum, sum of squares; the greatest error of a square by rounding to units; values left out."""

    n: int
    total: float
    squares: float
    rounding: float
    clipped: int

    @property
    def variance(self) -> float:
        """The sample variance; at least two rows."""
        return max(self.squares - self.total**2 / self.n, 0.0) / (self.n - 1)

    @property
    def constant(self) -> bool:
        """Whether rounding alone may have made the variance."""
        return self.variance * (self.n - 1) <= 4.0 * self.n * self.rounding


def mean_shift(current: Moments, reference: Moments) -> Value:
    """Shift of the mean of a feature's finite values, standardised by the reference.

    Definition   d = (mean of the current rows - mean of the reference) / s, s the reference's standard deviation
                 (divisor n - 1)
    Range        any number; 0 is no shift; the sign says the direction
    Undefined    no_rows, too_few_rows (below two on either side), no_reference, zero_variance (the reference has one
                 value), out_of_range (a value beyond 4 times the scale of the reference)
    Interval     normal: variance v / (n s^2) + 1/m + d^2 / (2 m), v the current variance; the last term is the
                 reference's own error in s, for values that lie normally
    """
    return shift_value(_values(current), _values(reference))


def label_mean_shift(current: Losses, reference: Losses) -> Value:
    """Shift of the mean label of a regression, over rows with a finite label and answer; see :func:`mean_shift`.

    Undefined    as ``mean_shift``; no_labels where no label has arrived
    """
    return shift_value(_labels(current), _labels(reference), Reason.NO_LABELS).with_kind(Kind.REALIZED)


def shift_value(current: Sums, reference: Sums, none: Reason = Reason.NO_ROWS) -> Value:
    """Return the standardised shift of a mean between two samples."""
    n, m = current.n, reference.n
    if not n:
        return undefined(none)
    clipped = current.clipped + reference.clipped
    if clipped:
        return undefined(Reason.OUT_OF_RANGE, n=n, detail=f"{clipped} values or squares lie beyond the range")
    if not m:
        return undefined(Reason.NO_REFERENCE, n=n, detail="the reference has no finite value")
    if n < 2 or m < 2:
        return undefined(Reason.TOO_FEW_ROWS, n=n, detail="needs 2 rows on both sides")
    if reference.constant:
        return undefined(Reason.ZERO_VARIANCE, n=n, detail="the reference has one value only")
    square = reference.variance
    number = (current.total / n - reference.total / m) / math.sqrt(square)
    half = Z * math.sqrt(current.variance / (n * square) + 1.0 / m + number * number / (2.0 * m))
    return Value(number, number - half, number + half, n=n)


def _values(state: Moments) -> Sums:
    return Sums(state.n, state.total(0), state.total(1), 2.0 ** (2 * state.part.exponent - 40), state.clipped)


def _labels(state: Losses) -> Sums:
    if not state.part.numbers:
        return Sums(0, 0.0, 0.0, 0.0, 0)
    clipped = state.clipped(at.LABEL) + state.clipped(at.LABEL_SQUARED)
    return Sums(state.n, state.total(at.LABEL), state.total(at.LABEL_SQUARED),
                2.0 ** (2 * state.part.exponents[at.LABEL] - 40), clipped)  # fmt: skip


MEAN_SHIFT = Metric(
    "mean_shift", "moments/1", DRIFT, EVERY, "none", "standard deviations of the reference",
    "(mean - mean of the reference) / standard deviation of the reference", "normal", "Cohen 1988 (d); textbook",
    mean_shift,
    least=Least(2),
)  # fmt: skip
LABEL_MEAN_SHIFT = Metric(
    "label_mean_shift", "losses/1", DRIFT, NUMBERS, "none", "standard deviations of the reference",
    "mean_shift of the labels", "normal", "as mean_shift", label_mean_shift, Kind.REALIZED,
    least=Least(2),
)  # fmt: skip
