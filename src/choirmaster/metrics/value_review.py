"""How much of the positives' value (money) a review of the highest scores catches."""

from __future__ import annotations

import math
from collections.abc import Callable

from choirmaster.metrics.base import CLASSES, QUALITY, Least, Metric
from choirmaster.metrics.ranked import PER_MILLE, Ranked, amount_above, no_positives, ranked, top
from choirmaster.states.scores import POSITIVE, Scores
from choirmaster.values import Kind, Reason, Value, undefined

RATES = {"1pct": 10, "5pct": 50, "10pct": 100}  # in parts of a thousand


def value_recall_at_review(state: Scores | Ranked, per_mille: int) -> Value:
    """Share of the positives' value that is among the rows with the highest scores.

    Definition   V_h / V_m: the value of the positives among the q n rows with the highest scores over that of all
                 positives, rows with label and score; rows without a usable value (missing, negative, not finite)
                 take part in the order and have no value
    Range        [0, 1]; higher is better
    Undefined    no_rows, no_labels, all_missing, no_positives (or no value among them), too_few_rows (q n < 1),
                 out_of_range (the value of a positive is beyond the range of the sums), not_applicable (no value column
                 is declared)
    Resolution   The cut falls in one bin: any part of the value of its positives may be above it; the number takes it
                 in proportion to the rows taken. In a bin of one score that is the mean over every order.
    Interval     none: the squares of the values are not kept by score
    State        scores/1
    Source       the usual reading of recall at k, each row counting as much as its value
    """
    if isinstance(state, Ranked):
        return undefined(Reason.NOT_APPLICABLE, kind=Kind.REALIZED, detail="ranked rows come without their value")
    if not state.valued:
        return undefined(Reason.NOT_APPLICABLE, kind=Kind.REALIZED, detail="no value column is declared")
    counts = ranked(state)
    missing = no_positives(counts)
    if missing:
        return missing
    n, (_, clipped) = counts.n, state.faults(POSITIVE)
    if n * per_mille < PER_MILLE:
        needed = math.ceil(PER_MILLE / per_mille)
        return undefined(Reason.TOO_FEW_ROWS, kind=Kind.REALIZED, n=n, detail=f"needs about {needed} rows")
    if clipped:
        return undefined(Reason.OUT_OF_RANGE, kind=Kind.REALIZED, n=n,
                         detail=f"the value of {clipped} positives lies beyond the range")  # fmt: skip
    amounts = state.amounts(POSITIVE)[(state.positives + state.negatives) > 0]
    whole = float(amounts.sum())
    if not whole:
        return undefined(Reason.NO_POSITIVES, kind=Kind.REALIZED, n=n, detail="the positives have no value")
    found = amount_above(amounts, top(counts.both, per_mille), counts.single)
    share = min(found.number / whole, 1.0)
    return Value(share, resolution=found.resolution / whole, n=n, kind=Kind.REALIZED)


def _at(per_mille: int) -> Callable[[Scores | Ranked], Value]:
    return lambda state: value_recall_at_review(state, per_mille)


VALUE_REVIEW: tuple[Metric, ...] = tuple(
    Metric(
        f"value_recall_at_review_{name}", "scores/1", QUALITY, CLASSES, "higher", "ratio",
        f"share of the positives' value among the {per_mille / 10:g} % highest scores",
        "none: the squares of the values are not kept by score", "textbook", _at(per_mille), Kind.REALIZED,
        least=Least(math.ceil(PER_MILLE / per_mille)),
    )
    for name, per_mille in RATES.items()
)  # fmt: skip
