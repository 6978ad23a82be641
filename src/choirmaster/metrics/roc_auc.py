"""Area under the ROC curve, off score bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.intervals import logit_interval
from choirmaster.states.base import Ints
from choirmaster.states.bins import single_valued
from choirmaster.states.scores import Scores
from choirmaster.values import Kind, Reason, Value, undefined


def roc_auc(state: Scores) -> Value:
    """Chance that a positive scores above a negative, ties counting one half.

    Definition   (1 / (m n)) sum over pairs of 1[p+ > p-] + 1/2 1[p+ = p-];
                 m positives, n negatives, with label and score
    Range        [0, 1]; 0.5 without skill; higher is better
    Undefined    no_rows, no_labels, one_class_only
    Resolution   Pairs within one bin count one half each, so the rows' own AUC lies within
                 sum_j a_j b_j / (2 m n) of the number, over the bins j that hold more than one value (a_j positives,
                 b_j negatives). Bins of a single value hold true ties and add nothing.
    Interval     DeLong's variance from the bins, taken on the log-odds so that it stays in (0, 1), then widened by the
                 resolution. At perfect separation: Wilson's interval of min(m, n) trials.
    State        scores/1
    Source       DeLong, DeLong, Clarke-Pearson 1988, Biometrics 44(3), 837-845
    """
    m, n = int(state.positives.sum()), int(state.negatives.sum())
    if m and n:
        return auc_of_counts(state.positives, state.negatives, single_valued(state.part.edges))
    if not state.counts.any():
        return undefined(Reason.NO_ROWS, kind=Kind.REALIZED)
    if m or n:
        return undefined(Reason.ONE_CLASS_ONLY, kind=Kind.REALIZED, n=m + n)
    labelled = bool(state.table[:2].any())
    return undefined(Reason.ALL_MISSING if labelled else Reason.NO_LABELS, kind=Kind.REALIZED,
                     detail="no labelled row has a score" if labelled else "")  # fmt: skip


def auc_of_counts(positives: Ints, negatives: Ints, single: NDArray[np.bool_]) -> Value:
    """Return the AUC of counts over ascending bins, both classes present."""
    a, b = positives.astype(np.float64), negatives.astype(np.float64)
    m, n = a.sum(), b.sum()
    beaten = (np.cumsum(b) - b + 0.5 * b) / n
    beats = (m - np.cumsum(a) + 0.5 * a) / m
    number = float((a * beaten).sum() / m)
    variance = _spread(a, beaten, number) + _spread(b, beats, number)
    resolution = float((a * b)[~single].sum() / (2.0 * m * n))
    lower, upper = logit_interval(number, variance, int(min(m, n)))
    lower, upper = max(0.0, lower - resolution), min(1.0, upper + resolution)
    return Value(min(max(number, 0.0), 1.0), lower, upper, resolution, int(m + n), Kind.REALIZED)


def _spread(counts: NDArray[np.float64], chances: NDArray[np.float64], mean: float) -> float:
    """Return the variance of the mean of the chances; with one row, of the most a share can vary."""
    rows = float(counts.sum())
    if rows < 2.0:
        return mean * (1.0 - mean)
    return float((counts * (chances - mean) ** 2).sum()) / (rows - 1.0) / rows


ROC_AUC = Metric(
    "roc_auc", "scores/1", QUALITY, CLASSES, "higher", "ratio",
    "chance that a positive scores above a negative, ties one half",
    "DeLong on the log-odds, widened by the resolution of the bins",
    "DeLong, DeLong, Clarke-Pearson 1988, Biometrics 44(3), 837-845", roc_auc, Kind.REALIZED,
)  # fmt: skip
