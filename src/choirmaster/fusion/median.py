"""The median over those present."""

from __future__ import annotations

from functools import partial

import numpy as np

from choirmaster.fusion.base import Floats, Fused, Mask, Rule
from choirmaster.fusion.classwise import fuse_each, ranked, reach_each


def median(outputs: Floats, present: Mask, member_weight: Floats) -> Fused:  # noqa: ARG001  the median takes no weights
    """Return the median of those present, class by class; rows of probabilities are then divided by their sum.

    With an even number present it is the mean of the two in the middle. Should the medians of all classes be 0, which
    takes members that contradict each other fully, the row falls back to the mean.

    >>> p = np.array([[[0.2, 0.8], [0.4, 0.6], [1.0, 0.0]]])
    >>> median(p, np.array([[True, True, True]]), np.ones(3)).output
    array([[0.4, 0.6]])
    """
    return fuse_each(_middle, outputs, present)


def _middle(outputs: Floats, present: Mask) -> Floats:
    order = ranked(outputs, present)
    count = present.sum(axis=1)
    rows = np.arange(len(outputs))
    low, high = order[rows, np.maximum(count - 1, 0) // 2], order[rows, np.minimum(count // 2, present.shape[1] - 1)]
    some = count > 0 if outputs.ndim == 2 else (count > 0)[:, None]
    middle: Floats = np.where(some, np.where(some, low, 0.0) / 2 + np.where(some, high, 0.0) / 2, np.nan)
    return middle


RULE = Rule(
    name="median",
    tasks=("binary", "multiclass", "multilabel", "regression", "quantile"),
    definition="the median of the outputs present; for classes, class by class and then divided by the row's sum",
    range="between the smallest and the largest output present; a row of probabilities sums to 1",
    edge_cases=(
        "nobody present: NaN, not answered",
        "an even number present: the mean of the two in the middle",
        "the medians of all classes are 0: the row is the mean instead",
        "weights are not read",
    ),
    source="Hora, Fransen, Hawkins and Susel 2013, Decision Analysis 10(4), 279-291",
    weighted=False,
    linear=False,
    compute=median,
    reach=partial(reach_each, _middle),
)
