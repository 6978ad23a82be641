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


def ks(current: Floats, reference: Floats) -> Value:
    """Kolmogorov-Smirnov distance of two columns; NaN and infinities are left out.

    Examples
    --------
    >>> ks(np.array([1.0, 2.0]), np.array([2.0, 3.0])).number
    0.5
    """
    one, two = current[np.isfinite(current)], reference[np.isfinite(reference)]
    if not len(two):
        return undefined(Reason.NO_REFERENCE, n=len(current), detail="the reference has no finite value")
    if not len(one):
        return undefined(Reason.ALL_MISSING if len(current) else Reason.NO_ROWS, n=len(current))
    values, codes = np.unique(np.concatenate([one, two]), return_inverse=True)
    k = len(values)
    left = np.bincount(codes[: len(one)], minlength=k).astype(np.int64)
    right = np.bincount(codes[len(one) :], minlength=k).astype(np.int64)
    return ks_value(left, right, np.ones(k, np.bool_))
