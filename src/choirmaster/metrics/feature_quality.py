"""Quality of a feature's values: missing, unseen, out of range, not finite; and their mean."""

from __future__ import annotations

import numpy as np

from choirmaster.metrics.base import DATA_QUALITY, EVERY, Metric
from choirmaster.metrics.intervals import Bounds, mean_interval
from choirmaster.metrics.pairs import share
from choirmaster.states.bins import single_valued
from choirmaster.states.histogram import Histogram, NumericPart
from choirmaster.states.moments import Moments
from choirmaster.values import Kind, Reason, Value, undefined

RARE_BELOW = 100  # a category is rare where one row of the reference in so many, or fewer, has it
CONSTANT_FROM = 30


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


def rare_rate(state: Histogram) -> Value:
    """Rows in categories that under 1 % of the reference's rows with a value have / rows with a value.

    Unseen categories are not among them (see unseen_rate).

    Undefined    no_rows, all_missing, no_reference (it has no value), not_applicable (numbers have no categories)
    """
    if state.numeric:
        return undefined(Reason.NOT_APPLICABLE, n=state.rows, detail="numbers have no categories")
    known = state.part.reference[:-2]
    if not known.sum():
        return undefined(Reason.NO_REFERENCE, n=state.rows, detail="the reference has no value")
    rare = known * RARE_BELOW < int(state.part.reference[:-1].sum())
    return _rate(int(state.counts[:-2][rare].sum()), int(state.inside.sum()), state.rows)


def constant(state: Histogram) -> Value:
    """1 where every row with a value has the same value, else 0.

    Undefined    no_rows, all_missing, too_few_rows (below 30 with a value), beyond_bins (all lie in one bin that holds
                 several values, so that one cannot tell)
    Interval     none: it is a fact about these rows
    """
    inside = state.inside
    n = int(inside.sum())
    if not n:
        return undefined(Reason.ALL_MISSING if state.rows else Reason.NO_ROWS, n=state.rows)
    if n < CONSTANT_FROM:
        return undefined(Reason.TOO_FEW_ROWS, n=n, detail=f"needs {CONSTANT_FROM} rows with a value")
    used = np.flatnonzero(inside)
    if len(used) > 1 or (isinstance(state.part, NumericPart) and state.not_finite):
        return Value(0.0, n=n)
    cell = int(used[0])
    if isinstance(state.part, NumericPart):
        last = len(state.part.edges)
        told = 0 < cell < last and bool(single_valued(state.part.edges)[cell - 1])
    else:
        told = cell < len(state.part.categories)
    return (
        Value(1.0, n=n) if told else undefined(Reason.BEYOND_BINS, n=n, detail="all lie in one bin of several values")
    )


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
RARE_RATE = Metric(
    "rare_rate", "histogram/1", DATA_QUALITY, EVERY, "lower", "ratio",
    "rows in categories below 1 % of the reference / rows with a value", "Wilson", "textbook", rare_rate,
)  # fmt: skip
CONSTANT = Metric(
    "constant", "histogram/1", DATA_QUALITY, EVERY, "none", "0 or 1",
    "1 where at least 30 rows with a value all have the same one", "none: a fact about these rows", "textbook",
    constant,
)  # fmt: skip
MEAN = Metric(
    "mean", "moments/1", DATA_QUALITY, EVERY, "none", "unit of the feature", "mean of the finite values",
    "normal, from the sum of squares", "textbook", feature_mean,
)  # fmt: skip
