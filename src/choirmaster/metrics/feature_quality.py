"""Quality of a feature's values: missing, unseen, out of range, not finite; and their mean."""

from __future__ import annotations

from choirmaster.metrics.base import DATA_QUALITY, EVERY, Metric
from choirmaster.metrics.intervals import Bounds, mean_interval
from choirmaster.metrics.pairs import share
from choirmaster.states.histogram import Histogram
from choirmaster.states.moments import Moments
from choirmaster.values import Kind, Reason, Value, undefined


def missing_rate(state: Histogram) -> Value:
    """Rows without a value / rows. Undefined: no_rows."""
    return _rate(state.missing, state.rows)


def not_finite_rate(state: Histogram) -> Value:
    """Rows whose value is infinite / rows. Undefined: no_rows, not_applicable (categories)."""
    if not state.numeric:
        return undefined(Reason.NOT_APPLICABLE, n=state.rows, detail="categories are neither finite nor infinite")
    return _rate(state.not_finite, state.rows)


def unseen_rate(state: Histogram) -> Value:
    """Rows whose category the reference does not know / rows with a value.

    Undefined    no_rows, all_missing, not_applicable (numbers: see out_of_range_rate)
    """
    if state.numeric:
        return undefined(Reason.NOT_APPLICABLE, n=state.rows, detail="numbers have no categories")
    return _rate(state.unseen, int(state.inside.sum()), state.rows)


def out_of_range_rate(state: Histogram) -> Value:
    """Rows below the least or above the greatest value of the reference / rows with a finite value.

    Undefined    no_rows, all_missing, not_applicable (categories: see unseen_rate), no_reference (the reference has no
                 finite value, hence no range)
    """
    if not state.numeric:
        return undefined(Reason.NOT_APPLICABLE, n=state.rows, detail="categories have no range")
    if len(state.inside) < 3:
        return undefined(Reason.NO_REFERENCE, n=state.rows, detail="the reference has no finite value")
    return _rate(int(state.inside[0] + state.inside[-1]), int(state.inside.sum()), state.rows)


def feature_mean(state: Moments) -> Value:
    """Mean of the finite values.

    Definition   (1/n) sum_i x_i
    Undefined    no_rows (also where all are missing: a state without rows cannot tell), out_of_range (a value beyond 4
                 times the scale of the reference)
    Interval     normal, from the sum of squares; none below two rows
    """
    if not state.n:
        return undefined(Reason.NO_ROWS)
    values, squares = int(state.counts[1]), int(state.counts[2])
    total = state.total(0)
    if values:
        left = state.n - values
        inside = f"; the mean of the other {left} is {total / left!r}" if left else ""
        return undefined(Reason.OUT_OF_RANGE, n=state.n,
                         detail=f"{values} of {state.n} rows lie beyond the range{inside}")  # fmt: skip
    bounds: Bounds = (None, None) if squares else mean_interval(total, state.total(1), state.n)
    return Value(total / state.n, *bounds, n=state.n)


def _rate(hits: int, n: int, rows: int = 0) -> Value:
    if n:
        return share(hits, n, Kind.OBSERVED)
    return undefined(Reason.ALL_MISSING if rows else Reason.NO_ROWS, n=rows)


MISSING_RATE = Metric(
    "missing_rate", "histogram/1", DATA_QUALITY, EVERY, "lower", "ratio", "rows without a value / rows", "Wilson",
    "textbook", missing_rate,
)  # fmt: skip
NOT_FINITE_RATE = Metric(
    "not_finite_rate", "histogram/1", DATA_QUALITY, EVERY, "lower", "ratio", "rows with an infinite value / rows",
    "Wilson", "textbook", not_finite_rate,
)  # fmt: skip
UNSEEN_RATE = Metric(
    "unseen_rate", "histogram/1", DATA_QUALITY, EVERY, "lower", "ratio",
    "rows with a category unknown to the reference / rows with a value", "Wilson", "textbook", unseen_rate,
)  # fmt: skip
OUT_OF_RANGE_RATE = Metric(
    "out_of_range_rate", "histogram/1", DATA_QUALITY, EVERY, "lower", "ratio",
    "rows outside the reference's least and greatest value / rows with a finite value", "Wilson", "textbook",
    out_of_range_rate,
)  # fmt: skip
MEAN = Metric(
    "mean", "moments/1", DATA_QUALITY, EVERY, "none", "unit of the feature", "mean of the finite values",
    "normal, from the sum of squares", "textbook", feature_mean,
)  # fmt: skip
