"""Recall at a fixed false-positive rate: a point of the ROC curve."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from choirmaster.metrics.base import CLASSES, QUALITY, Least, Metric
from choirmaster.metrics.intervals import logit_interval
from choirmaster.metrics.ranked import PER_MILLE, Above, Ranked, amount_above, one_class, ranked, top_rows
from choirmaster.states.base import Ints
from choirmaster.states.scores import Scores
from choirmaster.values import Kind, Reason, Value, undefined

RATES = {"0_1pct": 1, "1pct": 10, "5pct": 50, "10pct": 100}  # in parts of a thousand
_ROOTS = 5.0


def recall_at_fpr(source: Scores | Ranked, per_mille: int) -> Value:
    """Recall when so small a share of the negatives is allowed above the cutoff.

    Definition   height of the ROC curve at false-positive rate q: its points, one for each score, joined by straight
                 lines; where it climbs at q itself, the top of the climb
    Range        [0, 1]; q without skill; higher is better
    Undefined    no_rows, no_labels, all_missing, one_class_only, too_few_rows (fewer than 1 / q negatives)
    Resolution   The cut falls in one bin: none to all of its positives are above it; the number takes the share of its
                 negatives that are.
    Interval     Var = T (1 - T) / m + l^2 q (1 - q) / n: T the recall over m positives, and the cut's own straying over
                 n negatives times the local slope l of the curve; on the log-odds, then widened by the resolution.
                 Where that is 0: Wilson's interval of m trials.
    State        scores/1
    Source       Pepe 2003, The Statistical Evaluation of Medical Tests for Classification and Prediction, 5.2
    """
    counts = ranked(source)
    return one_class(counts) or _of(counts, per_mille)


def _of(counts: Ranked, per_mille: int) -> Value:
    m, negatives = counts.m, counts.n - counts.m
    if negatives * per_mille < PER_MILLE:
        needed = math.ceil(PER_MILLE / per_mille)
        return undefined(Reason.TOO_FEW_ROWS, kind=Kind.REALIZED, n=counts.n, detail=f"needs about {needed} negatives")
    q = per_mille / PER_MILLE
    found = _hits(counts, per_mille)
    share, resolution = found.number / m, found.resolution / m
    variance = share * (1.0 - share) / m + _slope(counts, q) ** 2 * q * (1.0 - q) / negatives
    lower, upper = logit_interval(share, variance if 0.0 < share < 1.0 else 0.0, m)
    return Value(share, max(0.0, lower - resolution), min(1.0, upper + resolution), resolution, counts.n, Kind.REALIZED)


def _hits(counts: Ranked, per_mille: int) -> Above:
    """Return the positives above the cut, which lies in the bin of the first negative that is one too many."""
    allowed, from_top = per_mille * int(counts.negatives.sum()), np.cumsum(counts.negatives[::-1]) * PER_MILLE
    at = int(np.searchsorted(from_top, allowed, side="right"))
    border = counts.negatives.size - 1 - at
    size = int(counts.negatives[border])
    taken = (allowed - int(from_top[at])) / PER_MILLE + size
    whole, own = float(counts.positives[border + 1 :].sum()), float(counts.positives[border])
    number = whole + own * taken / size
    return Above(number, number, number) if counts.single[border] else Above(number, whole, whole + own)


def _slope(counts: Ranked, q: float) -> float:
    """Return the slope of the ROC curve around the cut."""
    negatives: Ints = counts.negatives
    total = int(negatives.sum())
    size = q * total
    reach = size * min(0.5, _ROOTS / math.sqrt(size))
    outer, inner = top_rows(negatives, size + reach), top_rows(negatives, size - reach)
    positives = counts.positives.astype(float)
    climb = amount_above(positives, outer, counts.single).number - amount_above(positives, inner, counts.single).number
    return (climb / counts.m) / ((outer.size - inner.size) / total)


RECALL_AT_FPR: tuple[Metric, ...] = tuple(
    Metric(
        f"recall_at_fpr_{name}", "scores/1", QUALITY, CLASSES, "higher", "ratio",
        f"recall at the cutoff that {per_mille / 10:g} % of the negatives pass",
        "binomial variance plus that of the cut, on the log-odds, widened by the resolution of the bins",
        "Pepe 2003, The Statistical Evaluation of Medical Tests for Classification and Prediction, 5.2",
        partial(recall_at_fpr, per_mille=per_mille), Kind.REALIZED,
        least=Least(math.ceil(PER_MILLE / per_mille), "negatives"),
    )
    for name, per_mille in RATES.items()
)  # fmt: skip
