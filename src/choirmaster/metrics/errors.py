"""Errors of a regression: absolute, squared, signed, and the share of variance explained."""

from __future__ import annotations

import math

from choirmaster.metrics.base import NUMBERS, QUALITY, Least, Metric
from choirmaster.metrics.intervals import Bounds, Z, mean_interval
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


def mse(state: Losses) -> Value:
    """Mean squared error.

    Definition   (1/n) sum_i (f_i - y_i)^2, over rows with a finite label and answer
    Undefined    no_labels, all_missing, out_of_range
    Interval     normal, from the sum of fourth powers; none below two rows
    """
    value = mean(state, at.SQUARED, at.FOURTH, numbers=True)
    if value.number is None:
        return value
    lower = None if value.lower is None else max(0.0, value.lower)
    return Value(max(value.number, 0.0), lower, value.upper, n=value.n, kind=value.kind)


def r2(state: Losses) -> Value:
    """Share of the labels' variance that the answers explain.

    Definition   1 - sum (f_i - y_i)^2 / sum (y_i - mean y)^2, over rows with a finite label and answer
    Range        up to 1; 0 is as good as the labels' own mean; higher is better
    Undefined    no_labels, all_missing, out_of_range, too_few_rows (below two), zero_variance
    Interval     delta method: with q = 1 - r2, the variance is sum (e_i^2 - q (y_i - mean y)^2)^2 / (n (n - 1) S^2),
                 S the variance of the labels; none below three rows, or where a power of a label lies out of range
    State        losses/1, the labels counted from the reference's mean
    Source       the ratio estimator of Cochran 1977, Sampling Techniques, 6.4
    """
    missing = nothing(state, at.SQUARED, *(_labels(state)), numbers=True)
    if missing:
        return missing
    if state.n < 2:
        return undefined(Reason.TOO_FEW_ROWS, kind=Kind.REALIZED, n=state.n)
    first, second = _labels(state)
    spread = state.total(second) - state.total(first) ** 2 / state.n
    noise = 4.0 * state.n * 2.0 ** (2 * state.part.exponents[first] - 40)
    if spread <= noise:
        return undefined(Reason.ZERO_VARIANCE, kind=Kind.REALIZED, n=state.n)
    lost = max(state.total(at.SQUARED), 0.0) / spread
    return Value(1.0 - lost, *_r2_interval(state, lost, spread), n=state.n, kind=Kind.REALIZED)


def _labels(state: Losses) -> tuple[int, int]:
    """Return the sums of labels and of their squares: counted from the centre where they are kept and complete."""
    if state.part.relative and not state.clipped(at.D1) and not state.clipped(at.D2):
        return at.D1, at.D2
    return at.LABEL, at.LABEL_SQUARED


_CROSSED = (at.FOURTH, at.D1, at.D2, at.D3, at.D4, at.SQUARED_D1, at.SQUARED_D2)


def _r2_interval(state: Losses, lost: float, spread: float) -> Bounds:
    n = state.n
    if n < 3 or not state.part.relative or any(state.clipped(one) for one in _CROSSED):
        return None, None
    fourth, d1, d2, d3, d4, squared_d1, squared_d2 = (state.total(one) for one in _CROSSED)
    shift = d1 / n
    crossed = squared_d2 - 2.0 * shift * squared_d1 + shift**2 * state.total(at.SQUARED)
    kurtosis = d4 - 4.0 * shift * d3 + 6.0 * shift**2 * d2 - 4.0 * shift**3 * d1 + n * shift**4
    squares = max(fourth - 2.0 * lost * crossed + lost**2 * kurtosis, 0.0)
    half = Z * math.sqrt(squares * n / (n - 1)) / spread
    return 1.0 - lost - half, min(1.0 - lost + half, 1.0)


MAE = Metric(
    "mae", "losses/1", QUALITY, NUMBERS, "lower", "unit of the label", "mean of |answer - label|",
    "normal, from the sum of squares", "textbook", mae, Kind.REALIZED,
)  # fmt: skip
MSE = Metric(
    "mse", "losses/1", QUALITY, NUMBERS, "lower", "squared unit of the label", "mean of (answer - label)^2",
    "normal, from the sum of fourth powers", "textbook", mse, Kind.REALIZED,
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
    "delta method", "textbook", r2, Kind.REALIZED,
    least=Least(2),
)  # fmt: skip
