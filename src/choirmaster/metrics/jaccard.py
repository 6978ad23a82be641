"""Jaccard index of the positive class; for several classes each one's and their means."""

from __future__ import annotations

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.ratios import MEAN_INTERVALS, MEANS, Ratio, averaged, value, value_for
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value

_TP_OF_EITHER = Ratio((1, 0, 0, 0), (-1, 1, 1, 0), Reason.NO_POSITIVES)


def jaccard(state: Confusion) -> Value:
    """Share of hits among the rows that are positive or predicted so.

    Definition   TP / (TP + FP + FN), over rows with a known label and an answer; for several classes the mean over
                 the classes among labels or answers
    Range        [0, 1]; higher is better
    Undefined    no_rows, no_labels, all_missing, no_positives (neither among labels nor among answers)
    Interval     Wilson; of means the delta method over the whole table
    Source       Jaccard 1912, The New Phytologist 11(2), 37-50
    """
    return value(state, _TP_OF_EITHER)


def jaccard_for(state: Confusion, target: str) -> Value:
    """Return the Jaccard index of one class against all others, ``micro`` or ``weighted``."""
    return value_for(state, _TP_OF_EITHER, target)


JACCARD = Metric(
    "jaccard", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    f"TP / (TP + FP + FN); {MEANS}", f"Wilson; {MEAN_INTERVALS}", "Jaccard 1912, The New Phytologist 11(2), 37-50",
    jaccard, Kind.REALIZED, jaccard_for, averaged,
)  # fmt: skip
