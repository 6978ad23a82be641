"""How far the members' answers lie apart: needs no label. Read off ``spread/1``."""

from __future__ import annotations

from choirmaster.metrics.base import CLASSES, DATA_QUALITY, DRIFT, NUMBERS, Metric
from choirmaster.metrics.difference import since_reference
from choirmaster.metrics.intervals import mean_interval
from choirmaster.states.spread import VARIANCE, VARIANCE_SQUARED, Spread
from choirmaster.values import Reason, Value, undefined


def spread(state: Spread) -> Value:
    """Mean variance of the members' answers within a row.

    Definition   mean over the rows with two answers or more of (1/k) sum_j (x_j - f)^2, f the mean of the k answers;
                 several classes: summed over them. On rows with a label this is what ``diversity`` measures.
    Range        [0, inf); classes [0, 2]; 0 where all say the same
    Undefined    no_rows, all_missing (no row with two answers), out_of_range
    Interval     normal, from the sum of squares; none below two rows
    State        spread/1
    Source       Krogh, Vedelsby 1995, Advances in Neural Information Processing Systems 7, 231-238
    """
    n = state.n
    if not n:
        return undefined(Reason.ALL_MISSING if state.fewer else Reason.NO_ROWS,
                         detail="no row that two members answered" if state.fewer else "")  # fmt: skip
    if clipped := state.clipped(VARIANCE):
        return undefined(Reason.OUT_OF_RANGE, n=n, detail=f"{clipped} of {n} rows lie beyond the range")
    total = state.total(VARIANCE)
    lower, upper = (None, None) if state.clipped(VARIANCE_SQUARED) else mean_interval(
        total, state.total(VARIANCE_SQUARED), n
    )  # fmt: skip
    return Value(total / n, None if lower is None else max(0.0, lower), upper, n=n)


def spread_drift(current: Spread, reference: Spread) -> Value:
    """Spread now minus that of the reference; interval as ``disagreement_drift``."""
    return since_reference(spread(current), spread(reference))


SPREAD = Metric(
    "spread", "spread/1", DATA_QUALITY, (*CLASSES, *NUMBERS), "none", "square of the answer's unit",
    "mean variance of the members' answers within a row", "normal, from the sum of squares",
    "Krogh, Vedelsby 1995, NIPS 7, 231-238", spread,
)  # fmt: skip
SPREAD_DRIFT = Metric(
    "spread_drift", "spread/1", DRIFT, (*CLASSES, *NUMBERS), "none", "square of the answer's unit",
    "spread minus that of the reference", "Newcombe, from both sides' normal limits",
    "Newcombe 1998, Statistics in Medicine 17, 873-890", spread_drift,
)  # fmt: skip
