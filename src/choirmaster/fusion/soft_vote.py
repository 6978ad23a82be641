"""The soft vote: the class with the greatest weighted mean probability."""

from __future__ import annotations

from choirmaster.errors import ShapeMismatch
from choirmaster.fusion.base import Floats, Fused, Mask, Rule
from choirmaster.fusion.pool import pool
from choirmaster.fusion.reach import pool_reach


def soft_vote(outputs: Floats, present: Mask, member_weight: Floats) -> Fused:
    """Return the weighted mean probability of each class over those present, and the class where it is greatest.

    >>> import numpy as np
    >>> soft_vote(np.array([[[0.75, 0.25], [0.0, 1.0]]]), np.array([[True, True]]), np.array([1.0, 1.0])).choice
    array([1])
    """
    need_classes(outputs, "soft_vote")
    return pool(outputs, present, member_weight)


def need_classes(outputs: Floats, rule: str) -> None:
    """Raise ``ShapeMismatch`` unless the members give one number per class."""
    if outputs.ndim != 3:
        raise ShapeMismatch(
            f"{rule} votes between classes", where="outputs", expected="(n_samples, n_members, n_classes)",
            got=str(outputs.shape),
        )  # fmt: skip


RULE = Rule(
    name="soft_vote",
    tasks=("binary", "multiclass", "multilabel"),
    definition="p_c = sum_i w_i p_ic / sum_i w_i over the members present; the choice is the class of the greatest p_c",
    range="[0, 1]; a row sums to 1 as its members' rows do",
    edge_cases=(
        "only members of weight zero present: NaN, not answered",
        "equal classes: the first in class order",
    ),
    source="Kuncheva 2004, Combining Pattern Classifiers, 5.2; scikit-learn's VotingClassifier(voting='soft')",
    weighted=True,
    linear=True,
    compute=soft_vote,
    reach=pool_reach,
)
