"""What the metrics of a confusion table share: when there is no number, the counts of one class."""

from __future__ import annotations

import numpy as np

from choirmaster.metrics.base import class_index
from choirmaster.metrics.intervals import wilson
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
    return state.once("nothing", _nothing)


def _nothing(state: Confusion) -> Value | None:
    if state.matrix.any():
        return None
    if not state.rows:
        return undefined(Reason.NO_ROWS, kind=Kind.REALIZED)
    if not state.labelled:
        return undefined(Reason.NO_LABELS, kind=Kind.REALIZED)
    return undefined(Reason.ALL_MISSING, kind=Kind.REALIZED, detail="no labelled row has an answer")


def margins(state: Confusion, index: int) -> tuple[int, int, int, int]:
    """Return hits, rows labelled, rows predicted as one class, and all rows, over rows with label and answer."""
    if len(state.part.classes) == 2:  # the usual case, without an array
        a, b, _, c, d = state.counts[:5].tolist()
        return (d, c + d, b + d, a + b + c + d) if index else (a, a + b, a + c, a + b + c + d)
    matrix = state.matrix
    return int(matrix[index, index]), int(matrix[index].sum()), int(matrix[:, index].sum()), int(matrix.sum())


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


def ratio(top: Floats, bottom: Floats) -> Floats:
    """Divide; 0 where there is nothing to divide by."""
    return np.divide(top, bottom, out=np.zeros(len(top)), where=bottom > 0)
