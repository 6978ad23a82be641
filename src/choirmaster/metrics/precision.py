"""Precision of the positive class; for several classes each one's and their means."""

from __future__ import annotations

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.ratios import MEAN_INTERVALS, MEANS, Ratio, averaged, value, value_for
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value

_TP_OF_PREDICTED = Ratio((1, 0, 0, 0), (0, 0, 1, 0), Reason.NO_PREDICTED_POSITIVES)


def precision(state: Confusion) -> Value:
    """Share of the rows predicted positive that are positive.

    Definition   TP / (TP + FP), over rows with a known label and an answer; for several classes the mean over the
                 classes among labels or answers, where one that was never predicted counts 0
    Range        [0, 1]; higher is better
    Undefined    no_rows, no_labels, all_missing, no_predicted_positives
    Interval     Wilson; of means the delta method over the whole table
    """
    return value(state, _TP_OF_PREDICTED)


def precision_for(state: Confusion, target: str) -> Value:
    """Return the precision of one class against all others, ``micro`` or ``weighted``."""
    return value_for(state, _TP_OF_PREDICTED, target)


PRECISION = Metric(
    "precision", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    f"TP / (TP + FP); {MEANS}", f"Wilson; {MEAN_INTERVALS}", "textbook", precision, Kind.REALIZED,
    precision_for, averaged,
)  # fmt: skip
