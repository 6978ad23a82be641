"""Matthews correlation coefficient and Cohen's kappa: agreement beyond what the margins alone would give."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.intervals import Z
from choirmaster.metrics.pairs import nothing, occurring
from choirmaster.states.base import Floats
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value, undefined

Read = Callable[[Floats], tuple[float, Floats]]  # a table to the number and its gradient


def mcc(state: Confusion) -> Value:
    """Correlation of labels and answers, each as a row of 0 and 1 for every class.

    Definition   (c n - sum_k t_k p_k) / sqrt((n^2 - sum_k p_k^2) (n^2 - sum_k t_k^2)); c right answers of n rows, t_k
                 labelled and p_k predicted as class k. Binary: (TP TN - FP FN) / sqrt of the product of the margins
    Range        [-1, 1]; 0 without skill; higher is better
    Undefined    no_rows, no_labels, all_missing, one_class_only (labels), zero_variance (one answer throughout;
                 scikit-learn says 0 for both)
    Interval     delta method over the whole table. Where its variance is 0, that of the table with half a row more
                 in each cell
    Source       Matthews 1975, Biochimica et Biophysica Acta 405(2); Gorodkin 2004, Computational Biology and
                 Chemistry 28(5-6), 367-374
    """
    missing = nothing(state)
    if missing:
        return missing
    matrix = state.matrix
    n = int(matrix.sum())
    if (matrix.sum(axis=1) > 0).sum() < 2:
        return undefined(Reason.ONE_CLASS_ONLY, kind=Kind.REALIZED, n=n)
    if (matrix.sum(axis=0) > 0).sum() < 2:
        return undefined(Reason.ZERO_VARIANCE, kind=Kind.REALIZED, n=n, detail="every answer is the same class")
    return _between(state, _mcc)


def kappa(state: Confusion) -> Value:
    """Cohen's kappa of labels and answers.

    Definition   (p_o - p_e) / (1 - p_e); p_o share of right answers, p_e = sum_k t_k p_k / n^2 the share that the
                 margins alone would give
    Range        [-1, 1]; 0 without skill; higher is better
    Undefined    no_rows, no_labels, all_missing, one_class_only (labels and answers are all one class)
    Interval     delta method over the whole table. Where its variance is 0, that of the table with half a row more
                 in each cell
    Source       Cohen 1960, Educational and Psychological Measurement 20(1), 37-46; interval: Fleiss, Cohen, Everitt
                 1969, Psychological Bulletin 72(5), 323-327
    """
    missing = nothing(state)
    if missing:
        return missing
    if occurring(state).sum() < 2:
        return undefined(Reason.ONE_CLASS_ONLY, kind=Kind.REALIZED, n=int(state.matrix.sum()))
    return _between(state, _kappa)


def _between(state: Confusion, read: Read) -> Value:
    table = state.matrix.astype(np.float64)
    used = occurring(state) > 0
    if not used.all():
        table = table[np.ix_(used, used)]
    number, gradient = read(table)
    number = min(max(number, -1.0), 1.0)
    spread = math.sqrt(float((table * gradient**2).sum()))
    if spread < 1e-12:  # nothing but rounding
        near = table + 0.5
        spread = math.sqrt(float((near * read(near)[1] ** 2).sum()))
    lower, upper = max(-1.0, number - Z * spread), min(1.0, number + Z * spread)
    return Value(number, lower, upper, n=int(table.sum()), kind=Kind.REALIZED)


def _mcc(table: Floats) -> tuple[float, Floats]:
    labelled, predicted, n = _margins(table)
    top, d_top = _beyond_chance(table, labelled, predicted, n)
    said, true = n * n - float(predicted @ predicted), n * n - float(labelled @ labelled)
    bottom = math.sqrt(said) * math.sqrt(true)
    number = top / bottom
    by_column, by_row = (n - predicted) * (number / said), (n - labelled) * (number / true)
    return number, d_top / bottom - by_column - by_row[:, None]


def _kappa(table: Floats) -> tuple[float, Floats]:
    labelled, predicted, n = _margins(table)
    top, d_top = _beyond_chance(table, labelled, predicted, n)
    bottom = n * n - float(labelled @ predicted)
    number = top / bottom
    return number, (d_top - number * (2.0 * n - labelled - predicted[:, None])) / bottom


def _margins(table: Floats) -> tuple[Floats, Floats, float]:
    labelled = table.sum(axis=1)
    return labelled, table.sum(axis=0), float(labelled.sum())


def _beyond_chance(table: Floats, labelled: Floats, predicted: Floats, n: float) -> tuple[float, Floats]:
    """Return c n - sum t p and its derivative by each cell."""
    right = float(np.trace(table))
    gradient = (right - labelled) - predicted[:, None]
    gradient.flat[:: len(table) + 1] += n
    return right * n - float(labelled @ predicted), gradient


_INTERVAL = "delta method over the whole table"
MCC = Metric(
    "mcc", "confusion/1", QUALITY, CLASSES, "higher", "correlation",
    "(c n - sum t p) / sqrt((n^2 - sum p^2) (n^2 - sum t^2))", _INTERVAL,
    "Matthews 1975, BBA 405(2), 442-451; Gorodkin 2004, Computational Biology and Chemistry 28(5-6), 367-374",
    mcc, Kind.REALIZED,
)  # fmt: skip
KAPPA = Metric(
    "kappa", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    "(p_o - p_e) / (1 - p_e), right answers beyond those that the margins alone would give", _INTERVAL,
    "Cohen 1960, Educational and Psychological Measurement 20(1), 37-46", kappa, Kind.REALIZED,
)  # fmt: skip
