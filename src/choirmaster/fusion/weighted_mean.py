"""The weighted mean over those present."""

from __future__ import annotations

from choirmaster.fusion.base import Rule
from choirmaster.fusion.pool import pool
from choirmaster.fusion.reach import pool_reach

RULE = Rule(
    name="weighted_mean",
    tasks=("binary", "multiclass", "multilabel", "regression", "quantile"),
    definition="y = sum_i w_i y_i / sum_i w_i over the members present",
    range="between the smallest and the largest output of those present with a weight above zero",
    edge_cases=(
        "only members of weight zero present: NaN, not answered",
        "weights count by their ratio: doubling all changes nothing",
        "equal classes: the first in class order",
    ),
    source="Stone 1961, Annals of Mathematical Statistics 32(4), 1339-1342 (the linear opinion pool)",
    weighted=True,
    linear=True,
    compute=pool,
    reach=pool_reach,
)
