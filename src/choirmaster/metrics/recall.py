"""Recall of the positive class and its complement; for several classes each one's and their means."""

from __future__ import annotations

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.ratios import MEAN_INTERVALS, MEANS, Ratio, averaged, complement_of, value, value_for
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value

_TP_OF_LABELLED = Ratio((1, 0, 0, 0), (0, 1, 0, 0), Reason.NO_POSITIVES)


def recall(state: Confusion) -> Value:
    """Share of the positive rows that were predicted positive.

    Definition   TP / (TP + FN), over rows with a known label and an answer; for several classes the mean over the
                 classes among labels or answers, where one without a label counts 0
    Range        [0, 1]; higher is better
    Undefined    no_rows, no_labels, all_missing, no_positives
    Interval     Wilson; of means the delta method over the whole table
    """
    return value(state, _TP_OF_LABELLED)


def recall_for(state: Confusion, target: str) -> Value:
    """Return the recall of one class, ``micro`` or ``weighted``."""
    return value_for(state, _TP_OF_LABELLED, target)


RECALL = Metric(
    "recall", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    f"TP / (TP + FN); {MEANS}", f"Wilson; {MEAN_INTERVALS}", "textbook", recall, Kind.REALIZED,
    recall_for, averaged,
)  # fmt: skip
FALSE_NEGATIVE_RATE = complement_of(
    RECALL, "false_negative_rate", "FN / (TP + FN) = 1 - recall, of a class and of each mean"
)
