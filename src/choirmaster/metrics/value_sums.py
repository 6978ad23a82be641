"""How much value (money) was caught, missed and falsely alarmed about."""

from __future__ import annotations

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.pairs import class_targets, named
from choirmaster.metrics.valued import SUM_INTERVAL, false_alarms, hits, misses, several, sum_of_value, without_value
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Value


def value_caught(state: Confusion) -> Value:
    """Value of the positive rows that were predicted positive.

    Definition   sum of v over TP, rows with a known label, an answer and a usable value; several classes: of each
    Range        [0, inf); higher is better; unit: that of the value
    Undefined    no_rows, no_labels, all_missing, out_of_range (a value is beyond the range of the sums),
                 not_applicable (no value column is declared)
    Interval     of the expected sum over as many rows: normal, from the sums of squares; none where no row adds to it
                 or where the square of a value is beyond the range
    """
    return several(state) or value_caught_for(state, state.part.classes[state.part.positive])


def value_caught_for(state: Confusion, target: str) -> Value:
    """Return the value of the rows of one class that were predicted so."""
    return without_value(state) or sum_of_value(state, hits(state, named(state, target)))


def value_missed(state: Confusion) -> Value:
    """Value of the positive rows that were not predicted positive.

    Definition   sum of v over FN; otherwise as ``value_caught``, and lower is better
    """
    return several(state) or value_missed_for(state, state.part.classes[state.part.positive])


def value_missed_for(state: Confusion, target: str) -> Value:
    """Return the value of the rows of one class that were predicted otherwise."""
    return without_value(state) or sum_of_value(state, misses(state, named(state, target)))


def value_false_alarms(state: Confusion) -> Value:
    """Value of the negative rows that were predicted positive.

    Definition   sum of v over FP; otherwise as ``value_caught``, and lower is better
    """
    return several(state) or value_false_alarms_for(state, state.part.classes[state.part.positive])


def value_false_alarms_for(state: Confusion, target: str) -> Value:
    """Return the value of the rows of other classes that were predicted as this one."""
    return without_value(state) or sum_of_value(state, false_alarms(state, named(state, target)))


VALUE_CAUGHT = Metric(
    "value_caught", "confusion/1", QUALITY, CLASSES, "higher", "value",
    "sum of the value over TP; several classes: each", SUM_INTERVAL, "textbook", value_caught, Kind.REALIZED,
    value_caught_for, class_targets,
)  # fmt: skip
VALUE_MISSED = Metric(
    "value_missed", "confusion/1", QUALITY, CLASSES, "lower", "value",
    "sum of the value over FN; several classes: each", SUM_INTERVAL, "textbook", value_missed, Kind.REALIZED,
    value_missed_for, class_targets,
)  # fmt: skip
VALUE_FALSE_ALARMS = Metric(
    "value_false_alarms", "confusion/1", QUALITY, CLASSES, "lower", "value",
    "sum of the value over FP; several classes: each", SUM_INTERVAL, "textbook", value_false_alarms, Kind.REALIZED,
    value_false_alarms_for, class_targets,
)  # fmt: skip
