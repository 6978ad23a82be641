"""Specificity and its complement, the false positive rate."""

from __future__ import annotations

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.ratios import MEAN_INTERVALS, MEANS, Ratio, averaged, complement_of, value, value_for
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value

_TN_OF_NEGATIVE = Ratio((1, -1, -1, 1), (0, -1, 0, 1), Reason.ONE_CLASS_ONLY, "no negative among the labels")


def specificity(state: Confusion) -> Value:
    """Share of the negative rows that were not predicted positive.

    Definition   TN / (TN + FP), over rows with a known label and an answer; for several classes the mean over the
                 classes among labels or answers, each against all others; one without a negative counts 0
    Range        [0, 1]; higher is better
    Undefined    no_rows, no_labels, all_missing, one_class_only (no negative)
    Interval     Wilson; of means the delta method over the whole table
    """
    return value(state, _TN_OF_NEGATIVE)


def specificity_for(state: Confusion, target: str) -> Value:
    """Return the specificity of one class against all others, ``micro`` or ``weighted``."""
    return value_for(state, _TN_OF_NEGATIVE, target)


SPECIFICITY = Metric(
    "specificity", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    f"TN / (TN + FP); {MEANS}", f"Wilson; {MEAN_INTERVALS}", "textbook", specificity, Kind.REALIZED,
    specificity_for, averaged,
)  # fmt: skip
FALSE_POSITIVE_RATE = complement_of(
    SPECIFICITY, "false_positive_rate", "FP / (TN + FP) = 1 - specificity, of a class and of each mean"
)
