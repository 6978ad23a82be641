"""Balanced accuracy."""

from __future__ import annotations

import math

import numpy as np

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.intervals import wilson
from choirmaster.metrics.pairs import nothing
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value, undefined


def balanced_accuracy(state: Confusion) -> Value:
    """Mean recall of the classes among the labels, each counting the same.

    Definition   (1/C) sum_c hits_c / n_c over the C classes with a label, over rows with a known label and an answer
    Range        [0, 1]; 1/C by chance; higher is better
    Undefined    no_rows, no_labels, all_missing, one_class_only
    Interval     from Wilson's interval [l_c, u_c] of each recall r_c, which are independent given the labels:
                 lower = mean - sqrt(sum (r_c - l_c)^2) / C, upper = mean + sqrt(sum (u_c - r_c)^2) / C
    Source       Brodersen et al. 2010, ICPR, 3121-3124; interval: Zou, Donner 2008, Statistics in Medicine 27(10)
    """
    missing = nothing(state)
    if missing:
        return missing
    matrix = state.matrix
    hits, labelled = np.diag(matrix), matrix.sum(axis=1)
    used, n = labelled > 0, int(labelled.sum())
    if used.sum() < 2:
        return undefined(Reason.ONE_CLASS_ONLY, kind=Kind.REALIZED, n=n)
    recalls = (hits[used] / labelled[used]).tolist()
    bounds = [wilson(one, rows) for one, rows in zip(hits[used].tolist(), labelled[used].tolist(), strict=True)]
    count = len(recalls)
    number = sum(recalls) / count
    down = math.sqrt(sum((one - low) ** 2 for one, (low, _) in zip(recalls, bounds, strict=True))) / count
    up = math.sqrt(sum((high - one) ** 2 for one, (_, high) in zip(recalls, bounds, strict=True))) / count
    return Value(number, max(0.0, number - down), min(1.0, number + up), n=n, kind=Kind.REALIZED)


BALANCED_ACCURACY = Metric(
    "balanced_accuracy", "confusion/1", QUALITY, CLASSES, "higher", "ratio",
    "mean recall of the classes among the labels", "put together from Wilson's of each recall",
    "Brodersen et al. 2010, ICPR, 3121-3124; interval: Zou, Donner 2008, Statistics in Medicine 27(10), 1693-1702",
    balanced_accuracy, Kind.REALIZED,
)  # fmt: skip
