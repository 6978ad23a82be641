"""Errors of a regression: absolute, squared, signed, and the share of variance explained."""

from __future__ import annotations

import math

from choirmaster.metrics.base import NUMBERS, QUALITY, Metric
from choirmaster.metrics.intervals import Bounds, mean_interval
from choirmaster.metrics.losses import mean, nothing
from choirmaster.states import losses as at
from choirmaster.states.losses import Losses
from choirmaster.values import Kind, Reason, Value, undefined


def mae(state: Losses) -> Value:
    """Mean absolute error.

    Definition   (1/n) sum_i |f_i - y_i|, over rows with a finite label and answer
    Undefined    no_labels, all_missing, out_of_range (an error beyond 4 times the scale of the reference's labels)
    Interval     normal, from the sum of squared errors; none below two rows
    """
    value = mean(state, at.ABSOLUTE, at.SQUARED, numbers=True)
    if value.number is None or value.lower is None:
        return value
    return Value(value.number, max(0.0, value.lower), value.upper, n=value.n, kind=value.kind)


def bias(state: Losses) -> Value:
    """Mean signed error, answer minus label.

    Definition   (1/n) sum_i (f_i - y_i), over rows with a finite label and answer
    Undefined    no_labels, all_missing, out_of_range
    Interval     normal, from the sum of squared errors; none below two rows
    """
    return mean(state, at.ERROR, at.SQUARED, numbers=True)


def rmse(state: Losses) -> Value:
    """Root of the mean squared error.

    Definition   sqrt((1/n) sum_i (f_i - y_i)^2), over rows with a finite label and answer
    Undefined    no_labels, all_missing, out_of_range
    Interval     normal for the mean square, from the sum of fourth powers; then the root of both ends
    """
    missing = nothing(state, at.SQUARED, numbers=True)
    if missing:
        return missing
    total = max(state.total(at.SQUARED), 0.0)
    bounds: Bounds = (None, None)
    if not state.clipped(at.FOURTH):
        lower, upper = mean_interval(total, state.total(at.FOURTH), state.n)
        if lower is not None and upper is not None:
            bounds = (math.sqrt(max(lower, 0.0)), math.sqrt(upper))
    return Value(math.sqrt(total / state.n), *bounds, n=state.n, kind=Kind.REALIZED)


def r2(state: Losses) -> Value:
    """Share of the labels' variance that the answers explain.

    Definition   1 - sum (f_i - y_i)^2 / sum (y_i - mean y)^2, over rows with a finite label and answer
    Range        up to 1; 0 is as good as the labels' own mean; higher is better
    Undefined    no_labels, all_missing, out_of_range, too_few_rows (below two), zero_variance
    Interval     none is known from these sums
    """
    missing = nothing(state, at.SQUARED, at.LABEL, at.LABEL_SQUARED, numbers=True)
    if missing:
        return missing
    if state.n < 2:
        return undefined(Reason.TOO_FEW_ROWS, kind=Kind.REALIZED, n=state.n)
    spread = state.total(at.LABEL_SQUARED) - state.total(at.LABEL) ** 2 / state.n
    noise = 4.0 * state.n * 2.0 ** (2 * state.part.exponents[at.LABEL] - 40)
    if spread <= noise:
        return undefined(Reason.ZERO_VARIANCE, kind=Kind.REALIZED, n=state.n)
    return Value(1.0 - state.total(at.SQUARED) / spread, n=state.n, kind=Kind.REALIZED)


MAE = Metric(
    "mae", "losses/1", QUALITY, NUMBERS, "lower", "unit of the label", "mean of |answer - label|",
    "normal, from the sum of squares", "textbook", mae, Kind.REALIZED,
)  # fmt: skip
RMSE = Metric(
    "rmse", "losses/1", QUALITY, NUMBERS, "lower", "unit of the label", "root of the mean of (answer - label)^2",
    "normal for the mean square, from the sum of fourth powers", "textbook", rmse, Kind.REALIZED,
)  # fmt: skip
BIAS = Metric(
    "bias", "losses/1", QUALITY, NUMBERS, "none", "unit of the label", "mean of answer - label",
    "normal, from the sum of squares", "textbook", bias, Kind.REALIZED,
)  # fmt: skip
R2 = Metric(
    "r2", "losses/1", QUALITY, NUMBERS, "higher", "ratio", "1 - sum of squared errors / sum of squares of the label",
    "none", "textbook", r2, Kind.REALIZED,
)  # fmt: skip
