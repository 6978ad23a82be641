"""Accuracy and error rate."""

from __future__ import annotations

import numpy as np

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.pairs import nothing, share
from choirmaster.metrics.ratios import complement
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Value


def accuracy(state: Confusion) -> Value:
    """Share of right answers.

    Definition   (1/n) sum_i 1[predicted_i = label_i] over the n rows with a known label and an answer
    Range        [0, 1]; higher is better
    Undefined    no_rows, no_labels, all_missing (labelled rows without an answer)
    Example
                 >>> from choirmaster.states.confusion import ConfusionPart
                 >>> state = Confusion.zero(ConfusionPart(("no", "yes"), 1, 0.5))
                 >>> state.update(np.array([0, 1, 1, 1]), np.array([0, 1, 0, 1]))
                 >>> accuracy(state).number
                 0.75
    """
    return nothing(state) or share(int(np.trace(state.matrix)), int(state.matrix.sum()))


def error_rate(state: Confusion) -> Value:
    """Share of wrong answers.

    Definition   1 - accuracy
    Range        [0, 1]; lower is better
    Undefined    no_rows, no_labels, all_missing (labelled rows without an answer)
    Interval     Wilson
    """
    return complement(accuracy(state))


ACCURACY = Metric(
    "accuracy", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    "right answers / rows with a known label and an answer", "Wilson", "textbook", accuracy, Kind.REALIZED,
)  # fmt: skip
ERROR_RATE = Metric(
    "error_rate", "confusion/1", QUALITY, CLASSES, "lower", "ratio",
    "wrong answers / rows with a known label and an answer", "Wilson", "textbook", error_rate, Kind.REALIZED,
)  # fmt: skip
