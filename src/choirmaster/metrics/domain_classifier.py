"""How well a classifier tells the rows of a window from those of the reference. It needs the rows themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from choirmaster.drift.domain import FOLDS, domain_scores, folds_of
from choirmaster.metrics.base import BY_CHANCE, DRIFT, EVERY, Metric
from choirmaster.metrics.ranked import ranked_rows
from choirmaster.metrics.roc_auc import roc_auc
from choirmaster.states.base import Floats, Ints
from choirmaster.states.rowscore import RowScores
from choirmaster.values import Reason, Value, undefined

_LIMITS = ("number", "lower", "upper")


def domain_classifier_auc(current: RowScores, _: RowScores) -> Value:
    """ROC AUC of a classifier that tells the rows of a window from those of the reference.

    Definition   mean of the ``roc_auc`` of both halves of the rows, each scored by a fit on the other half
                 (:func:`choirmaster.drift.domain.domain_scores`); at most 5,000 rows of either side, evenly spaced
    Range        [0, 1]; about 0.5, above or below, where nothing has moved; 1 where every row is recognised
    Undefined    needs_rows (files, stores and Spark: only frames in memory have the rows), no_rows, no_reference,
                 too_few_rows (below 30 on either side)
    Interval     mean of both halves' limits (DeLong on the log-odds, the fit as it is): as wide as if chance moved the
                 two alike, so never too narrow for it
    Source       Friedman 2003, On multivariate goodness-of-fit and two-sample testing; Lopez-Paz, Oquab 2017,
                 Revisiting classifier two-sample tests, ICLR
    """
    if not current.rows:
        return undefined(Reason.NO_ROWS)
    return undefined(Reason.NEEDS_ROWS, n=current.rows, detail="measure a frame in memory against one")


def auc_of_rows(numbers: Sequence[Floats], categories: Sequence[Ints], current: Ints) -> Value:
    """Return the value from rows: columns as :func:`domain_scores` takes them, ``current`` 1 or 0 for the reference."""
    n = int(current.sum())
    least = DOMAIN_CLASSIFIER_AUC.least
    if min(n, len(current) - n) < least.n:
        few = f"{least} on either side, has {n:,} and {len(current) - n:,}"
        return undefined(Reason.TOO_FEW_ROWS, n=n, detail=few)
    scores, folds = domain_scores(numbers, categories, current), folds_of(current)
    halves = [roc_auc(ranked_rows(current[folds == one], scores[folds == one])) for one in range(FOLDS)]
    number, lower, upper = (float(np.mean([getattr(one, name) for one in halves])) for name in _LIMITS)
    return Value(number, lower, upper, n=n)


DOMAIN_CLASSIFIER_AUC = Metric(
    "domain_classifier_auc", "rowscore/1", DRIFT, EVERY, "lower", "ratio",
    "roc_auc of a cross-validated classifier that tells the window's rows from the reference's; frames only",
    "mean of both halves' limits by DeLong on the log-odds",
    "Lopez-Paz, Oquab 2017, Revisiting classifier two-sample tests, ICLR",
    domain_classifier_auc, least=BY_CHANCE,
)  # fmt: skip
