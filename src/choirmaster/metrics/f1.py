"""F1 of the positive class; for several classes each one's and their mean."""

from __future__ import annotations

import numpy as np

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.intervals import wilson
from choirmaster.metrics.pairs import class_targets, four, is_binary, macro, named, nothing, positive, ratio
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value, undefined


def f1(state: Confusion) -> Value:
    """Harmonic mean of precision and recall.

    Definition   2 TP / (2 TP + FP + FN), over rows with a known label and an answer; for several classes the mean
                 over the classes among labels or answers
    Range        [0, 1]; higher is better
    Undefined    no_rows, no_labels, all_missing, no_positives (neither among labels nor among answers)
    Interval     F1 = 2 J / (1 + J) rises with J = TP / (TP + FP + FN), a plain share: Wilson's interval of J, mapped.
                 For large n this is the delta method, Var F1 = 4 TP (FP + FN) (TP + FP + FN) / (2 TP + FP + FN)^4.
    """
    return nothing(state) or (_of(state, positive(state)) if is_binary(state) else _macro(state))


def f1_for(state: Confusion, target: str) -> Value:
    """Return the F1 of one class against all others."""
    return nothing(state) or _of(state, named(state, target))


def _of(state: Confusion, index: int) -> Value:
    hits, false_alarms, misses = four(state, index)
    either, n = hits + false_alarms + misses, int(state.matrix.sum())
    if not either:
        return undefined(Reason.NO_POSITIVES, kind=Kind.REALIZED, n=n)
    number = 2.0 * hits / (either + hits)
    lower, upper = (2.0 * j / (1.0 + j) for j in wilson(hits, either))
    return Value(number, min(lower, number), max(upper, number), n=n, kind=Kind.REALIZED)


def _macro(state: Confusion) -> Value:
    table = state.matrix.astype(np.float64)
    hits, both = np.diag(table), table.sum(axis=0) + table.sum(axis=1)
    slope = -2.0 * ratio(hits, both**2)
    own = np.diag(ratio(np.full(len(hits), 2.0), both))
    return macro(state, ratio(2.0 * hits, both), slope[:, None] + slope[None, :] + own)


F1 = Metric(
    "f1", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    "2 TP / (2 TP + FP + FN); several classes: each, and the mean over those that occur",
    "Wilson on TP / (TP + FP + FN), mapped; of the mean: delta method over the whole table",
    "van Rijsbergen 1979, Information Retrieval", f1, Kind.REALIZED, f1_for, class_targets,
)  # fmt: skip
