"""The same numbers from rows in memory, where no bin stands between: each distinct value is a bin of its own."""

from __future__ import annotations

import numpy as np

from choirmaster.metrics import roc_auc as _auc
from choirmaster.metrics.average_precision import AVERAGE_PRECISION
from choirmaster.metrics.base import Metric
from choirmaster.metrics.brier_parts import BRIER_RELIABILITY, BRIER_RESOLUTION, BRIER_UNCERTAINTY
from choirmaster.metrics.calibration import (
    EXPECTED_CALIBRATION_ERROR,
    MAXIMUM_CALIBRATION_ERROR,
    OBSERVED_EXPECTED_RATIO,
)
from choirmaster.metrics.class_ks import CLASS_KS
from choirmaster.metrics.ranked import ranked_rows
from choirmaster.metrics.recall_at_fpr import RECALL_AT_FPR
from choirmaster.metrics.review import REVIEW
from choirmaster.metrics.two_sides import ks_value
from choirmaster.states.base import Floats, Ints
from choirmaster.values import Reason, Value, undefined

OF_RANKED: dict[str, Metric] = {
    one.name: one
    for one in (
        _auc.ROC_AUC, _auc.GINI, AVERAGE_PRECISION, CLASS_KS, EXPECTED_CALIBRATION_ERROR, MAXIMUM_CALIBRATION_ERROR,
        OBSERVED_EXPECTED_RATIO, BRIER_RELIABILITY, BRIER_RESOLUTION, BRIER_UNCERTAINTY, *REVIEW, *RECALL_AT_FPR,
    )
}  # whose ``value`` takes ``ranked_rows`` as well as a state  # fmt: skip


def roc_auc(y_true: Ints, y_score: Floats) -> Value:
    """Area under the ROC curve of rows, ties by mid-rank.

    The others of ``OF_RANKED`` take rows the same way: ``average_precision(ranked_rows(y_true, y_score))``.

    Parameters
    ----------
    y_true : ndarray (n,)
        1 positive, 0 negative, anything else: no label.
    y_score : ndarray (n,)
        NaN and infinities are rows without a score.

    Returns
    -------
    Value
        Resolution 0; interval as for the metric ``roc_auc``.

    Examples
    --------
    >>> roc_auc(np.array([0, 1, 0, 1]), np.array([0.1, 0.8, 0.5, 0.5])).number
    0.875
    """
    return _auc.roc_auc(ranked_rows(y_true, y_score))


def ordered(column: Floats) -> Floats:
    """Return the finite values of a column in order, to be compared with many others.

    >>> ordered(np.array([2.0, np.nan, 1.0])).tolist()
    [1.0, 2.0]
    """
    return np.sort(column[np.isfinite(column)])


def ks(current: Floats, reference: Floats) -> Value:
    """Kolmogorov-Smirnov distance of two columns; NaN and infinities are left out.

    Examples
    --------
    >>> ks(np.array([1.0, 2.0]), np.array([2.0, 3.0])).number
    0.5
    """
    return ks_ordered(current, ordered(reference))


def ks_ordered(current: Floats, reference: Floats) -> Value:
    """Return :func:`ks` where the reference is :func:`ordered`.

    Between two neighbouring values of ``current`` its distribution stands still and the reference's only rises, so the
    greatest difference lies at one of these values or just before it: cells are these values and the gaps between.
    """
    one = current[np.isfinite(current)]
    if not len(reference):
        return undefined(Reason.NO_REFERENCE, n=len(current), detail="the reference has no finite value")
    if not len(one):
        return undefined(Reason.ALL_MISSING if len(current) else Reason.NO_ROWS, n=len(current))
    values, counts = np.unique(one, return_counts=True)
    below, through = (np.searchsorted(reference, values, side) for side in ("left", "right"))
    left = np.zeros(2 * len(values) + 1, np.int64)
    left[1::2] = counts
    borders = np.ravel(np.stack([below, through], axis=1)).astype(np.int64)
    right: Ints = np.diff(np.concatenate([[0], borders, [len(reference)]]))
    return ks_value(left, right, np.ones(len(left), np.bool_))
