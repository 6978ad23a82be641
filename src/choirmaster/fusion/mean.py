"""The plain mean over those present."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from choirmaster.fusion.base import Floats, Fused, Known, Mask, Reach, Rule
from choirmaster.fusion.pool import pool
from choirmaster.fusion.reach import pool_reach


def mean(outputs: Floats, present: Mask, member_weight: Floats) -> Fused:
    """Return y = (1/n) sum_i y_i over the n members present; weights are not read.

    >>> mean(np.array([[1.0, 3.0, 5.0]]), np.array([[True, False, True]]), np.ones(3)).output
    array([3.])
    """
    return pool(outputs, present, np.ones_like(member_weight))


def _reach(known: Known) -> Reach | None:
    return pool_reach(replace(known, weight=np.ones_like(known.weight)))


RULE = Rule(
    name="mean",
    tasks=("binary", "multiclass", "multilabel", "regression", "quantile"),
    definition="y = (1/n) sum_i y_i over the n members present",
    range="between the smallest and the largest output present; probabilities stay probabilities",
    edge_cases=("nobody present: NaN, not answered", "weights are not read", "equal classes: the first in class order"),
    source="Clemen 1989, International Journal of Forecasting 5(4), 559-583",
    weighted=False,
    linear=True,
    compute=mean,
    reach=_reach,
)
