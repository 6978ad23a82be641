"""What the metrics of a confusion table share: when there is no number, the binary four cells, the delta method."""

from __future__ import annotations

import math

import numpy as np

from choirmaster.metrics.base import class_index
from choirmaster.metrics.intervals import Z, wilson
from choirmaster.states.base import Floats
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value, undefined


def is_binary(state: Confusion) -> bool:
    """Whether one of two classes is declared positive."""
    return len(state.part.classes) == 2 and state.part.positive >= 0


def class_targets(state: Confusion) -> tuple[str, ...]:
    """Return the classes that have values of their own: none for a binary task, whose value is the positive class's."""
    return () if is_binary(state) else state.part.classes


def nothing(state: Confusion) -> Value | None:
    """Return why no metric of labels against answers can be had, or None."""
    if not state.rows:
        return undefined(Reason.NO_ROWS, kind=Kind.REALIZED)
    if not state.labelled:
        return undefined(Reason.NO_LABELS, kind=Kind.REALIZED)
    if not state.matrix.any():
        return undefined(Reason.ALL_MISSING, kind=Kind.REALIZED, detail="no labelled row has an answer")
    return None


def four(state: Confusion, index: int) -> tuple[int, int, int]:
    """Return hits, false alarms and misses of one class, over rows with label and answer."""
    matrix = state.matrix
    hits = int(matrix[index, index])
    return hits, int(matrix[:, index].sum()) - hits, int(matrix[index].sum()) - hits


def positive(state: Confusion) -> int:
    """Return the index of the positive class."""
    return state.part.positive


def named(state: Confusion, target: str) -> int:
    """Return the index of a class by name."""
    return class_index(state.part.classes, target)


def share(hits: int, n: int, kind: Kind = Kind.REALIZED) -> Value:
    """Return hits / n with Wilson's interval."""
    lower, upper = wilson(hits, n)
    return Value(hits / n, lower, upper, n=n, kind=kind)


def occurring(state: Confusion) -> Floats:
    """Return 1.0 for each class among the labels or the answers, else 0.0."""
    matrix = state.matrix
    out: Floats = ((matrix.sum(axis=0) + matrix.sum(axis=1)) > 0).astype(np.float64)
    return out


def macro(state: Confusion, numbers: Floats, gradient: Floats) -> Value:
    """Return the mean of class values over the classes that occur.

    ``gradient`` (K, K) is the derivative of their sum by each cell. All three metrics are shares, so that
    sum N g = 0 and the delta method gives Var = sum N g^2. Where that is 0 (all right, all wrong), Wilson's interval.
    """
    used = occurring(state)
    classes, n = float(used.sum()), int(state.matrix.sum())
    number = float((numbers * used).sum() / classes)
    spread = math.sqrt(float((state.matrix * (gradient / classes) ** 2).sum()))
    if spread == 0.0:
        lower, upper = wilson(number * n, n)
    else:
        lower, upper = max(0.0, number - Z * spread), min(1.0, number + Z * spread)
    return Value(number, lower, upper, n=n, kind=Kind.REALIZED)


def ratio(top: Floats, bottom: Floats) -> Floats:
    """Divide; 0 where there is nothing to divide by."""
    return np.divide(top, bottom, out=np.zeros(len(top)), where=bottom > 0)
