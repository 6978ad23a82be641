"""Precision of the positive class; for several classes each one's and their mean."""

from __future__ import annotations

import numpy as np

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.pairs import class_targets, four, is_binary, macro, named, nothing, positive, ratio, share
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value, undefined


def precision(state: Confusion) -> Value:
    """Share of the rows predicted positive that are positive.

    Definition   TP / (TP + FP), over rows with a known label and an answer; for several classes the mean over the
                 classes among labels or answers, where one that was never predicted counts 0
    Range        [0, 1]; higher is better
    Undefined    no_rows, no_labels, all_missing, no_predicted_positives
    """
    return nothing(state) or (_of(state, positive(state)) if is_binary(state) else _macro(state))


def precision_for(state: Confusion, target: str) -> Value:
    """Return the precision of one class against all others."""
    return nothing(state) or _of(state, named(state, target))


def _of(state: Confusion, index: int) -> Value:
    hits, false_alarms, _ = four(state, index)
    if not hits + false_alarms:
        return undefined(Reason.NO_PREDICTED_POSITIVES, kind=Kind.REALIZED, n=int(state.matrix.sum()))
    return share(hits, hits + false_alarms)


def _macro(state: Confusion) -> Value:
    table = state.matrix.astype(np.float64)
    hits, predicted = np.diag(table), table.sum(axis=0)
    numbers = ratio(hits, predicted)
    by_column = -ratio(hits, predicted**2)
    return macro(state, numbers, by_column[None, :] + np.diag(ratio(np.ones(len(hits)), predicted)))


PRECISION = Metric(
    "precision", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    "TP / (TP + FP); several classes: each, and the mean over those that occur",
    "Wilson; of the mean: delta method over the whole table", "textbook", precision, Kind.REALIZED,
    precision_for, class_targets,
)  # fmt: skip
