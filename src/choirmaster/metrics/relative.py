"""Errors of a regression in relation to the label, and on a logarithmic scale."""

from __future__ import annotations

import math
from dataclasses import replace

from choirmaster.metrics.base import NUMBERS, QUALITY, Metric
from choirmaster.metrics.intervals import Bounds, mean_interval
from choirmaster.metrics.losses import nothing
from choirmaster.states import losses as at
from choirmaster.states.losses import Losses
from choirmaster.values import Kind, Reason, Value, undefined


def mape(state: Losses) -> Value:
    """Mean absolute percentage error, as a ratio: 0.1 is 10 %.

    Definition   (1/n) sum_i |f_i - y_i| / |y_i|, over the n rows with a finite answer and a finite label other than 0;
                 rows with label 0 are left out and counted
    Range        [0, 4096]; 0 is best; lower is better
    Undefined    no_labels, all_missing, out_of_range (an error of more than 4,096 times the label), too_few_rows
                 (every label is 0)
    Interval     normal, from the sum of squares; none below two rows, or where an error is above 64 times the label
    State        losses/1; each row's share is rounded to 2^-30
    Source       Makridakis 1993, International Journal of Forecasting 9(4), 527-529. Some divide by a small number
                 where the label is 0, which lets that one row decide.
    """
    return _over(state, at.APE, at.APE_SQUARED, state.zero_labels, "with label 0")


def smape(state: Losses) -> Value:
    """Symmetric mean absolute percentage error, as a ratio.

    Definition   (1/n) sum_i 2 |f_i - y_i| / (|f_i| + |y_i|), 0 where both are 0
    Range        [0, 2]; 0 is best; lower is better. Some leave out the 2: that is half of ours.
    Undefined    no_labels, all_missing
    Interval     normal, from the sum of squares; none below two rows
    State        losses/1
    Source       Makridakis and Hibon 2000, International Journal of Forecasting 16(4), 451-476
    """
    return _over(state, at.SAPE, at.SAPE_SQUARED, 0, "")


def msle(state: Losses) -> Value:
    """Mean squared logarithmic error.

    Definition   (1/n) sum_i (ln(1 + f_i) - ln(1 + y_i))^2, over the n rows whose answer and label are finite and not
                 negative; rows where one is negative are left out and counted
    Range        [0, 256]; 0 is best; lower is better
    Undefined    no_labels, all_missing, out_of_range (the two differ by more than e^16), too_few_rows (no row is
                 without a negative number)
    Interval     normal, from the sum of squares; none below two rows, or where the two differ by more than e^5
    State        losses/1; each row's square is rounded to 2^-34
    Source       textbook; scikit-learn's mean_squared_log_error, which refuses negative numbers
    """
    return _over(state, at.LOG_SQUARED, at.LOG_FOURTH, state.negative, "with a negative label or answer")


def rmsle(state: Losses) -> Value:
    """Root of the mean squared logarithmic error.

    Definition   sqrt(msle)
    Undefined    as msle
    Interval     of msle, then the root of both ends
    """
    value = msle(state)
    if value.number is None:
        return value
    ends = [None if one is None else math.sqrt(max(one, 0.0)) for one in (value.lower, value.upper)]
    return replace(value, number=math.sqrt(max(value.number, 0.0)), lower=ends[0], upper=ends[1])


def _over(state: Losses, index: int, square: int, left_out: int, which: str) -> Value:
    """Return the mean of a sum over the rows that have this error."""
    missing = nothing(state, numbers=True)
    if missing:
        return missing
    if not state.part.relative:
        return undefined(Reason.NOT_APPLICABLE, kind=Kind.REALIZED, n=state.n, detail="not kept by this reference")
    n = state.n - left_out
    detail = f"{left_out} rows {which} are left out" if left_out else ""
    if not n:
        return undefined(Reason.TOO_FEW_ROWS, kind=Kind.REALIZED, detail=detail)
    if clipped := state.clipped(index):
        return undefined(Reason.OUT_OF_RANGE, kind=Kind.REALIZED, n=n, detail=f"{clipped} of {n} rows")
    total = state.total(index)
    lower, upper = _interval(state, total, square, n)
    return Value(total / n, lower, upper, n=n, kind=Kind.REALIZED, detail=detail)


def _interval(state: Losses, total: float, square: int, n: int) -> Bounds:
    if state.clipped(square):
        return None, None
    lower, upper = mean_interval(total, state.total(square), n)
    return None if lower is None else max(0.0, lower), upper


_NORMAL = "normal, from the sum of squares"
MAPE = Metric(
    "mape", "losses/1", QUALITY, NUMBERS, "lower", "ratio", "mean of |answer - label| / |label|; labels 0 left out",
    _NORMAL, "Makridakis 1993, International Journal of Forecasting 9(4), 527-529", mape, Kind.REALIZED,
)  # fmt: skip
SMAPE = Metric(
    "smape", "losses/1", QUALITY, NUMBERS, "lower", "ratio", "mean of 2 |answer - label| / (|answer| + |label|)",
    _NORMAL, "Makridakis and Hibon 2000, International Journal of Forecasting 16(4), 451-476", smape, Kind.REALIZED,
)  # fmt: skip
MSLE = Metric(
    "msle", "losses/1", QUALITY, NUMBERS, "lower", "squared nats",
    "mean of (ln(1 + answer) - ln(1 + label))^2; negative numbers left out", _NORMAL, "textbook", msle, Kind.REALIZED,
)  # fmt: skip
RMSLE = Metric(
    "rmsle", "losses/1", QUALITY, NUMBERS, "lower", "nats", "root of msle", "of msle, then the root of both ends",
    "textbook", rmsle, Kind.REALIZED,
)  # fmt: skip
