"""Negative predictive value: precision of what was not predicted positive."""

from __future__ import annotations

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.ratios import MEAN_INTERVALS, MEANS, Ratio, averaged, value, value_for
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value

_TN_OF_PREDICTED = Ratio((1, -1, -1, 1), (0, 0, -1, 1), Reason.NO_PREDICTED_NEGATIVES)


def negative_predictive_value(state: Confusion) -> Value:
    """Share of the rows not predicted positive that are negative.

    Definition   TN / (TN + FN), over rows with a known label and an answer; for several classes the mean over the
                 classes among labels or answers, each against all others; one that was always predicted counts 0
    Range        [0, 1]; higher is better
    Undefined    no_rows, no_labels, all_missing, no_predicted_negatives
    Interval     Wilson; of means the delta method over the whole table
    """
    return value(state, _TN_OF_PREDICTED)


def negative_predictive_value_for(state: Confusion, target: str) -> Value:
    """Return the value of one class against all others, ``micro`` or ``weighted``."""
    return value_for(state, _TN_OF_PREDICTED, target)


NEGATIVE_PREDICTIVE_VALUE = Metric(
    "negative_predictive_value", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    f"TN / (TN + FN); {MEANS}", f"Wilson; {MEAN_INTERVALS}", "textbook", negative_predictive_value, Kind.REALIZED,
    negative_predictive_value_for, averaged,
)  # fmt: skip
