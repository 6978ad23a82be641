"""Shares of rows: with a label, predicted positive, labelled positive."""

from __future__ import annotations

from choirmaster.metrics.base import CLASSES, DATA_QUALITY, Metric
from choirmaster.metrics.pairs import class_targets, is_binary, named, share
from choirmaster.schema import Task
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value, undefined


def label_share(state: Confusion) -> Value:
    """Share of all rows whose label has arrived, whether its class is known or not.

    Undefined    no_rows
    """
    if not state.rows:
        return undefined(Reason.NO_ROWS)
    return share(state.rows - state.unlabelled, state.rows, Kind.OBSERVED)


def positive_rate(state: Confusion) -> Value:
    """Share of the answered rows, labelled or not, that are predicted positive.

    Undefined    no_rows, all_missing (no answer), not_applicable (several classes: ask for one of them)
    """
    if not is_binary(state):
        return undefined(Reason.NOT_APPLICABLE, n=state.rows, detail="several classes; there is a value for each")
    return _predicted(state, state.part.positive)


def positive_rate_for(state: Confusion, target: str) -> Value:
    """Return the share of answered rows predicted to be of one class."""
    return _predicted(state, named(state, target))


def prevalence(state: Confusion) -> Value:
    """Share of the rows with a known label that are positive, answered or not.

    Undefined    no_rows, no_labels, not_applicable (several classes: ask for one of them)
    """
    if not is_binary(state):
        return undefined(Reason.NOT_APPLICABLE, n=state.rows, kind=Kind.REALIZED,
                         detail="several classes; there is a value for each")  # fmt: skip
    return _labelled(state, state.part.positive)


def prevalence_for(state: Confusion, target: str) -> Value:
    """Return the share of rows with a known label that are of one class."""
    return _labelled(state, named(state, target))


def _predicted(state: Confusion, index: int) -> Value:
    answered = int(state.table[:, :-1].sum())
    if not answered:
        return undefined(Reason.ALL_MISSING if state.rows else Reason.NO_ROWS)
    return share(int(state.table[:, index].sum()), answered, Kind.OBSERVED)


def _labelled(state: Confusion, index: int) -> Value:
    if not state.labelled:
        return undefined(Reason.NO_LABELS if state.rows else Reason.NO_ROWS, kind=Kind.REALIZED)
    return share(int(state.table[index].sum()), state.labelled)


LABEL_SHARE = Metric(
    "label_share", "confusion/1", DATA_QUALITY, (Task.BINARY, Task.MULTICLASS), "higher", "ratio",
    "rows whose label has arrived / rows", "Wilson", "textbook", label_share,
)  # fmt: skip
POSITIVE_RATE = Metric(
    "positive_rate", "confusion/1", DATA_QUALITY, CLASSES, "none", "ratio",
    "rows predicted positive (or as the class) / answered rows", "Wilson", "textbook", positive_rate,
    Kind.OBSERVED, positive_rate_for, class_targets,
)  # fmt: skip
PREVALENCE = Metric(
    "prevalence", "confusion/1", DATA_QUALITY, CLASSES, "none", "ratio",
    "rows labelled positive (or as the class) / rows with a known label", "Wilson", "textbook", prevalence,
    Kind.REALIZED, prevalence_for, class_targets,
)  # fmt: skip
