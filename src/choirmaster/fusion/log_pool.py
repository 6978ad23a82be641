"""The logarithmic pool: the weighted geometric mean of probabilities, made to sum to 1."""

from __future__ import annotations

import numpy as np

from choirmaster.fusion.base import Floats, Fused, Mask, Rule, best_class
from choirmaster.fusion.logs import clipped_logs, softmax
from choirmaster.fusion.pool import pool
from choirmaster.fusion.reach import log_reach
from choirmaster.fusion.soft_vote import need_classes


def log_pool(outputs: Floats, present: Mask, member_weight: Floats) -> Fused:
    """Return p_c proportional to prod_i p_ic^(w_i / W) over those present, W the sum of their weights.

    For two classes it is the weighted mean of log-odds.

    >>> two = np.array([[[0.5, 0.5], [0.1, 0.9]]])
    >>> log_pool(two, np.array([[True, True]]), np.ones(2)).output.round(12)
    array([[0.25, 0.75]])
    """
    need_classes(outputs, "log_pool")
    score = pool(clipped_logs(outputs), present, member_weight)
    output = softmax(np.where(score.answered[:, None], score.output, 0.0))
    output[~score.answered] = np.nan
    return Fused(output, score.answered, best_class(output, score.answered))


RULE = Rule(
    name="log_pool",
    tasks=("binary", "multiclass", "multilabel"),
    definition="p_c = prod_i p_ic^(w_i / W) / sum_b prod_i p_ib^(w_i / W) over the members present, W the sum of their "
    "weights, probabilities lifted to 2^-52 first",
    range="(0, 1); a row sums to 1; never less certain than the least certain nor more than the most certain, for two "
    "classes",
    edge_cases=(
        "only members of weight zero present: NaN, not answered",
        "a probability of 0 counts as 2^-52, so that no member alone forbids a class",
        "equal classes: the first in class order",
    ),
    source="Genest and Zidek 1986, Statistical Science 1(1), 114-135",
    weighted=True,
    linear=False,
    compute=log_pool,
    reach=log_reach,
)
