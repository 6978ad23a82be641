"""Log loss and Brier score."""

from __future__ import annotations

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.intervals import Bounds, mean_interval
from choirmaster.states import losses as at
from choirmaster.states.losses import Losses
from choirmaster.values import Kind, Reason, Value, undefined


def nothing(state: Losses, *indices: int, numbers: bool) -> Value | None:
    """Return why no mean of these sums can be had, or None. A clipped sum names the mean of what is in range."""
    if state.part.numbers != numbers:
        kept = "numbers" if state.part.numbers else "classes"
        return undefined(Reason.NOT_APPLICABLE, kind=Kind.REALIZED, n=state.n, detail=f"{kept} are predicted")
    if not state.n:
        reason = Reason.ALL_MISSING if state.unanswered else Reason.NO_LABELS
        return undefined(reason, kind=Kind.REALIZED, detail="no labelled row has an answer" if state.unanswered else "")
    for index in indices:
        if clipped := state.clipped(index):
            left = state.n - clipped
            mean = f"; the mean of the other {left} is {state.total(index) / left!r}" if left else ""
            return undefined(Reason.OUT_OF_RANGE, kind=Kind.REALIZED, n=state.n,
                             detail=f"{clipped} of {state.n} rows lie beyond the range{mean}")  # fmt: skip
    return None


def mean(state: Losses, index: int, square: int, *, numbers: bool) -> Value:
    """Return the mean of a sum, its interval from the sum of squares where that is complete."""
    missing = nothing(state, index, numbers=numbers)
    if missing:
        return missing
    total = state.total(index)
    bounds: Bounds = (None, None)
    if not state.clipped(square):
        bounds = mean_interval(total, state.total(square), state.n)
    return Value(total / state.n, *bounds, n=state.n, kind=Kind.REALIZED)


def log_loss(state: Losses) -> Value:
    """Mean surprise at the label.

    Definition   -(1/n) sum_i ln max(p_i(label_i), 2^-52), over rows with a known label and a usable answer
    Range        [0, 36.05]; 0 is best; unit: nats
    Undefined    no_labels, all_missing
    Interval     normal, from the sum of squares; none below two rows
    State        losses/1; each row's loss is rounded to 2^-36
    Source       Good 1952, Journal of the Royal Statistical Society B 14(1), 107-114. Clipping at 2^-52 is the default
                 of scikit-learn; rows that do not sum to 1 are not renormalised.
    """
    return _not_negative(mean(state, at.LOG_LOSS, at.LOG_LOSS_SQUARED, numbers=False))


def brier(state: Losses) -> Value:
    """Brier score of a probability forecast.

    Definition   binary: (1/n) sum_i (p_i - y_i)^2; several classes: (1/n) sum_i sum_k (p_ik - 1[y_i = k])^2
    Range        [0, 1], several classes [0, 2]; 0 is best; unit: squared probability
    Undefined    no_labels, all_missing
    Interval     normal, from the sum of squares; none below two rows
    State        losses/1
    Source       Brier 1950, Monthly Weather Review 78(1), 1-3. Summed over both classes of a binary task it would be
                 twice ours.
    """
    return _not_negative(mean(state, at.BRIER, at.BRIER_SQUARED, numbers=False))


def _not_negative(value: Value) -> Value:
    if value.number is None or value.lower is None or value.lower >= 0.0:
        return value
    return Value(value.number, 0.0, value.upper, value.resolution, value.n, value.kind)


LOG_LOSS = Metric(
    "log_loss", "losses/1", QUALITY, CLASSES, "lower", "nats",
    "-(1/n) sum ln max(p(label), 2^-52)", "normal, from the sum of squares", "Good 1952, JRSS B 14(1), 107-114",
    log_loss, Kind.REALIZED,
)  # fmt: skip
BRIER = Metric(
    "brier", "losses/1", QUALITY, CLASSES, "lower", "squared probability",
    "mean of (p - y)^2; several classes: summed over them", "normal, from the sum of squares",
    "Brier 1950, Monthly Weather Review 78(1), 1-3", brier, Kind.REALIZED,
)  # fmt: skip
