"""Area under the ROC curve, off score bins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.intervals import logit_interval
from choirmaster.metrics.ranked import Ranked, one_class, ranked
from choirmaster.states.base import Floats
from choirmaster.states.scores import Scores
from choirmaster.values import Kind, Value


def roc_auc(source: Scores | Ranked) -> Value:
    """Chance that a positive scores above a negative, ties counting one half.

    Definition   (1 / (m n)) sum over pairs of 1[p+ > p-] + 1/2 1[p+ = p-];
                 m positives, n negatives, with label and score
    Range        [0, 1]; 0.5 without skill; higher is better
    Undefined    no_rows, no_labels, all_missing, one_class_only
    Resolution   Pairs within one bin count one half each, so the rows' own AUC lies within
                 sum_j a_j b_j / (2 m n) of the number, over the bins j that hold more than one value (a_j positives,
                 b_j negatives). Bins of a single value hold true ties and add nothing.
    Interval     DeLong's variance from the bins, taken on the log-odds so that it stays in (0, 1), then widened by the
                 resolution. At perfect separation: Wilson's interval of min(m, n) trials.
    State        scores/1
    Source       DeLong, DeLong, Clarke-Pearson 1988, Biometrics 44(3), 837-845
    """
    counts = ranked(source)
    return one_class(counts) or _of(counts)


def gini(source: Scores | Ranked) -> Value:
    """Gini coefficient of the scores, also called accuracy ratio or Somers' D.

    Definition   2 AUC - 1
    Range        [-1, 1]; 0 without skill; higher is better
    Undefined    as roc_auc
    Resolution   twice that of roc_auc
    Interval     that of roc_auc, mapped
    State        scores/1
    Source       Somers 1962, American Sociological Review 27(6), 799-811
    """
    auc = roc_auc(source)
    if auc.number is None or auc.lower is None or auc.upper is None:
        return auc
    number, lower, upper = (2.0 * one - 1.0 for one in (auc.number, auc.lower, auc.upper))
    return replace(auc, number=number, lower=lower, upper=upper, resolution=2.0 * auc.resolution)


def _of(counts: Ranked) -> Value:
    a, b = counts.positives.astype(np.float64), counts.negatives.astype(np.float64)
    m, n = a.sum(), b.sum()
    beaten = (np.cumsum(b) - b + 0.5 * b) / n
    beats = (m - np.cumsum(a) + 0.5 * a) / m
    number = float((a * beaten).sum() / m)
    variance = _spread(a, beaten, number) + _spread(b, beats, number)
    resolution = float((a * b)[~counts.single].sum() / (2.0 * m * n))
    lower, upper = logit_interval(number, variance, int(min(m, n)))
    lower, upper = max(0.0, lower - resolution), min(1.0, upper + resolution)
    return Value(min(max(number, 0.0), 1.0), lower, upper, resolution, int(m + n), Kind.REALIZED)


def _spread(counts: Floats, chances: Floats, mean: float) -> float:
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
GINI = Metric(
    "gini", "scores/1", QUALITY, CLASSES, "higher", "ratio", "2 roc_auc - 1", "that of roc_auc, mapped",
    "Somers 1962, American Sociological Review 27(6), 799-811", gini, Kind.REALIZED,
)  # fmt: skip
