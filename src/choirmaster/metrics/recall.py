"""Recall of the positive class; for several classes each one's and their mean."""

from __future__ import annotations

import numpy as np

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.pairs import class_targets, four, is_binary, macro, named, nothing, positive, ratio, share
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value, undefined


def recall(state: Confusion) -> Value:
    """Share of the positive rows that were predicted positive.

    Definition   TP / (TP + FN), over rows with a known label and an answer; for several classes the mean over the
                 classes among labels or answers, where one without a label counts 0
    Range        [0, 1]; higher is better
    Undefined    no_rows, no_labels, all_missing, no_positives
    """
    return nothing(state) or (_of(state, positive(state)) if is_binary(state) else _macro(state))


def recall_for(state: Confusion, target: str) -> Value:
    """Return the recall of one class."""
    return nothing(state) or _of(state, named(state, target))


def _of(state: Confusion, index: int) -> Value:
    hits, _, misses = four(state, index)
    if not hits + misses:
        return undefined(Reason.NO_POSITIVES, kind=Kind.REALIZED, n=int(state.matrix.sum()))
    return share(hits, hits + misses)


def _macro(state: Confusion) -> Value:
    table = state.matrix.astype(np.float64)
    hits, labelled = np.diag(table), table.sum(axis=1)
    numbers = ratio(hits, labelled)
    by_row = -ratio(hits, labelled**2)
    return macro(state, numbers, by_row[:, None] + np.diag(ratio(np.ones(len(hits)), labelled)))


RECALL = Metric(
    "recall", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    "TP / (TP + FN); several classes: each, and the mean over those that occur",
    "Wilson; of the mean: delta method over the whole table", "textbook", recall, Kind.REALIZED,
    recall_for, class_targets,
)  # fmt: skip
