"""What each member has to do with an answer: its exact share where there is one, else what leaving it out changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from choirmaster.fusion.base import Floats, Mask, checked, checked_weight
from choirmaster.fusion.prepared import YES, Fusion
from choirmaster.fusion.shares import member_shares

SHARE, LEAVE_ONE_OUT = "share", "leave_one_out"


@dataclass(frozen=True, slots=True)
class Explained:
    """What each member has to do with some answers.

    Attributes
    ----------
    kind : str
        ``share``: over the members the values sum to the fused output, up to rounding. ``leave_one_out``: the output
        less what it would have been without this member; these do not sum to anything.
    values : (n_samples, n_members, n_classes) or (n_samples, n_members) float64
        0 for the absent; NaN in rows that nobody answered, and as a leave-one-out change of one who answered alone.
    """

    kind: str
    values: Floats


def explain(fusion: Fusion, outputs: Floats, present: Mask, member_weight: Floats | None = None) -> Explained:
    """Return each member's exact share in a linear pool, or, of any other fusion, leave-one-out changes.

    >>> from choirmaster.fusion import prepare
    >>> pool = prepare("weighted_mean", task="regression", members=["a", "b"])
    >>> explain(pool, np.array([[2.0, 4.0]]), np.array([[True, True]]), np.array([1.0, 3.0]))
    Explained(kind='share', values=array([[0.5, 3. ]]))
    >>> middle = prepare("median", task="regression", members=["a", "b", "c"])
    >>> explain(middle, np.array([[2.0, 4.0, 9.0]]), np.ones((1, 3), bool))
    Explained(kind='leave_one_out', values=array([[-2.5, -1.5,  1. ]]))
    """
    outputs, present = checked(outputs, present)
    weight = checked_weight(member_weight, present.shape[1])
    if fusion.linear:
        return Explained(SHARE, _shares(fusion, outputs, present, weight))
    return Explained(LEAVE_ONE_OUT, _changes(fusion, outputs, present, weight))


def _shares(fusion: Fusion, outputs: Floats, present: Mask, weight: Floats) -> Floats:
    each = [member_shares(fusion.rule, view, present, weight) for view in fusion.views(outputs)]
    if fusion.names.task == "multilabel":
        return np.stack([one[..., YES] for one in each], axis=2)
    if fusion.names.task != "quantile":
        return each[0]
    shares = np.stack(each, axis=2)
    levels = np.stack([fusion.rule.fuse(view, present, weight).output for view in fusion.views(outputs)], axis=1)
    return np.take_along_axis(shares, np.argsort(levels, axis=1)[:, None, :], axis=2)  # sorted as the answer is


def _changes(fusion: Fusion, outputs: Floats, present: Mask, weight: Floats) -> Floats:
    whole = fusion.fuse(outputs, present, weight)
    changes = np.zeros(present.shape + whole.output.shape[1:])
    for member in range(present.shape[1]):
        others, here = present.copy(), present[:, member]
        others[:, member] = False
        without = fusion.fuse(outputs, others, weight)
        changes[here, member] = whole.output[here] - without.output[here]
    changes[~whole.answered] = np.nan
    return changes
