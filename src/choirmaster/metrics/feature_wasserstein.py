"""Wasserstein distance of a feature, or of predicted numbers: in its own unit, and in the reference's spread."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from choirmaster.drift.wasserstein import Side
from choirmaster.metrics.base import BY_CHANCE, DRIFT, EVERY, Metric
from choirmaster.metrics.feature_drift import PARTS_KEPT, nothing
from choirmaster.metrics.two_sides import wasserstein_value
from choirmaster.states.base import Floats
from choirmaster.states.bins import single_valued
from choirmaster.states.histogram import Histogram, NumericPart
from choirmaster.values import Reason, Value, undefined

CLIPPED = -1
ABOVE, BELOW = 0, 1


def feature_wasserstein(current: Histogram, reference: Histogram) -> Value:
    """Wasserstein-1 (earth mover's) distance of the finite values, over all bins.

    Definition   :func:`choirmaster.drift.wasserstein.wasserstein`: int |F(x) - G(x)| dx, in the unit of the feature
    Range        [0, inf); lower is better
    Undefined    no_rows, all_missing, no_reference, not_applicable (categories), out_of_range (rows so far outside the
                 reference's range that their distance was not summed)
    Resolution   the rows' own distance lies within it of the number, always; 0 where all bins in use hold one value
    Interval     normal, the lower end less what chance adds at most; widened by the resolution
    """
    return _read(current, reference, 1.0)


def feature_wasserstein_scaled(current: Histogram, reference: Histogram) -> Value:
    """The distance of :func:`feature_wasserstein` divided by the reference's standard deviation.

    Definition   W / s, s of the reference's finite values (divisor n), against whatever the distance is taken
    Range        [0, inf); lower is better; without unit, so that features can be compared
    Undefined    as the distance; also zero_variance (the reference has one value)
    Resolution, interval    as of the distance, divided by s
    """
    if not isinstance(current.part, NumericPart) or not current.inside.any() or not reference.inside.any():
        return _read(current, reference, 1.0)
    scale = current.part.deviation
    if scale == 0.0:
        return undefined(Reason.ZERO_VARIANCE, n=current.rows, detail="the reference has one value only")
    if not math.isfinite(scale):
        return undefined(Reason.OUT_OF_RANGE, n=current.rows,
                         detail="the reference has no standard deviation")  # fmt: skip
    return _read(current, reference, scale)


def _read(current: Histogram, reference: Histogram, scale: float) -> Value:
    if not isinstance(current.part, NumericPart):
        return undefined(Reason.NOT_APPLICABLE, n=current.rows, detail="categories have no distance from each other")
    missing = nothing(current, reference)
    if missing:
        return missing
    clipped = int(current.counts[CLIPPED] + reference.counts[CLIPPED])
    if clipped:
        return undefined(Reason.OUT_OF_RANGE, n=current.rows, detail=f"{clipped} rows lie too far outside")
    return wasserstein_value(_side(current), _side(reference), _widths(current.part), scale)


def _side(state: Histogram) -> Side:
    return Side(state.inside, state.total(BELOW), state.total(ABOVE))


@lru_cache(maxsize=PARTS_KEPT)
def _widths(part: NumericPart) -> Floats:
    """Return the width of each bin between two edges, 0 for one that holds a single value."""
    with np.errstate(over="ignore"):
        return np.where(single_valued(part.edges), 0.0, np.diff(part.edges))


WASSERSTEIN = Metric(
    "wasserstein", "histogram/1", DRIFT, EVERY, "lower", "unit of the feature",
    "int |F - G| of the finite values over all bins", "normal, less what chance adds, widened by the resolution",
    "Vallender 1974, Theory of Probability and its Applications 18(4), 784-786", feature_wasserstein,
    least=BY_CHANCE,
)  # fmt: skip
WASSERSTEIN_SCALED = Metric(
    "wasserstein_scaled", "histogram/1", DRIFT, EVERY, "lower", "standard deviations of the reference",
    "wasserstein / standard deviation of the reference", "as wasserstein", "as wasserstein",
    feature_wasserstein_scaled,
    least=BY_CHANCE,
)  # fmt: skip
