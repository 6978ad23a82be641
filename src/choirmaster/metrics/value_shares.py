"""Accuracy, precision and recall where each row counts as much as its value (money)."""

from __future__ import annotations

from collections.abc import Callable

from choirmaster.metrics.base import CLASSES, DATA_QUALITY, QUALITY, Metric
from choirmaster.metrics.pairs import class_targets, named, share
from choirmaster.metrics.valued import (
    SHARE_INTERVAL,
    Pairs,
    both,
    false_alarms,
    hits,
    misses,
    right,
    several,
    share_of_value,
    without_value,
)
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value, undefined


def value_accuracy(state: Confusion) -> Value:
    """Share of the value that was answered right.

    Definition   sum_i v_i 1[predicted_i = label_i] / sum_i v_i over rows with a known label, an answer and a usable
                 value v (finite, not negative; ``value_missing_rate`` tells of the others)
    Range        [0, 1]; higher is better
    Undefined    no_rows, no_labels, all_missing, zero_variance (the values sum to 0), out_of_range (a value is beyond
                 the range of the sums), not_applicable (no value column is declared)
    Interval     delta method on the log-odds; at 0 and 1 Wilson's of (sum v)^2 / sum v^2 trials; none where the square
                 of a value is beyond the range
    """
    return without_value(state) or share_of_value(state, right(state), both(state), Reason.ZERO_VARIANCE)


def value_precision(state: Confusion) -> Value:
    """Share of the value predicted positive that is positive.

    Definition   V_TP / (V_TP + V_FP), V the sum of the value over such rows; several classes: of each
    Range        [0, 1]; higher is better
    Undefined    as ``value_accuracy``, and no_predicted_positives (no value among them)
    Interval     as ``value_accuracy``
    """
    return several(state) or value_precision_for(state, state.part.classes[state.part.positive])


def value_precision_for(state: Confusion, target: str) -> Value:
    """Return the value precision of one class against all others."""
    return _caught(state, target, false_alarms, Reason.NO_PREDICTED_POSITIVES)


def value_recall(state: Confusion) -> Value:
    """Share of the value of the positives that was predicted positive: how much of the money was caught.

    Definition   V_TP / (V_TP + V_FN), V the sum of the value over such rows; several classes: of each
    Range        [0, 1]; higher is better
    Undefined    as ``value_accuracy``, and no_positives (no value among them)
    Interval     as ``value_accuracy``
    """
    return several(state) or value_recall_for(state, state.part.classes[state.part.positive])


def value_recall_for(state: Confusion, target: str) -> Value:
    """Return the value recall of one class."""
    return _caught(state, target, misses, Reason.NO_POSITIVES)


def _caught(state: Confusion, target: str, wrong: Callable[[Confusion, int], Pairs], empty: Reason) -> Value:
    """Return the value of a class that was caught, over that and what ``wrong`` names."""
    missing = without_value(state)
    if missing:
        return missing
    index = named(state, target)
    caught = hits(state, index)
    return share_of_value(state, caught, [*caught, *wrong(state, index)], empty)


def value_missing_rate(state: Confusion) -> Value:
    """Share of all rows whose value is missing, negative or not finite; they are in no sum of value.

    Undefined    no_rows, not_applicable (no value column is declared)
    """
    if not state.valued:
        return undefined(Reason.NOT_APPLICABLE, detail="no value column is declared")
    if not state.rows:
        return undefined(Reason.NO_ROWS)
    return share(state.worth(range(state.part.pairs)).unusable, state.rows, Kind.OBSERVED)


VALUE_ACCURACY = Metric(
    "value_accuracy", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    "value answered right / value of rows with a known label and an answer", SHARE_INTERVAL, "textbook",
    value_accuracy, Kind.REALIZED,
)  # fmt: skip
VALUE_PRECISION = Metric(
    "value_precision", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    "V_TP / (V_TP + V_FP), V the sum of the value; several classes: each", SHARE_INTERVAL, "textbook",
    value_precision, Kind.REALIZED, value_precision_for, class_targets,
)  # fmt: skip
VALUE_RECALL = Metric(
    "value_recall", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    "V_TP / (V_TP + V_FN), V the sum of the value; several classes: each", SHARE_INTERVAL, "textbook",
    value_recall, Kind.REALIZED, value_recall_for, class_targets,
)  # fmt: skip
VALUE_MISSING_RATE = Metric(
    "value_missing_rate", "confusion/1", DATA_QUALITY, CLASSES, "lower", "ratio",
    "rows whose value is missing, negative or not finite / rows", "Wilson", "textbook", value_missing_rate,
)  # fmt: skip
