"""The hard vote: each member has one vote, of its weight, for its most probable class."""

from __future__ import annotations

import numpy as np

from choirmaster.fusion.base import NOBODY, SLACK, Floats, Fused, Indices, Mask, Rule
from choirmaster.fusion.pool import pool
from choirmaster.fusion.reach import ballots, vote_reach
from choirmaster.fusion.soft_vote import need_classes


def hard_vote(outputs: Floats, present: Mask, member_weight: Floats) -> Fused:
    """Return each class's share of the votes, and the class with the most.

    A member's own tie goes to the first class in class order. Between classes with equal votes the one with the
    greater weighted mean probability wins, then the first in class order.

    >>> two = np.array([[[0.9, 0.1], [0.4, 0.6]]])
    >>> fused = hard_vote(two, np.array([[True, True]]), np.ones(2))
    >>> fused.output.tolist(), fused.choice.tolist()
    ([[0.5, 0.5]], [0])
    """
    need_classes(outputs, "hard_vote")
    votes = pool(ballots(outputs), present, member_weight)
    proba = pool(outputs, present, member_weight)
    return Fused(votes.output, votes.answered, _decide(votes.output, proba.output, votes.answered))


def _decide(votes: Floats, proba: Floats, answered: Mask) -> Indices:
    choice = np.full(len(votes), NOBODY, dtype=np.intp)
    most = votes[answered].max(axis=1, keepdims=True)
    # Shares that are equal as ratios may differ in the last bits once weights are not whole numbers.
    tied = votes[answered] >= most - SLACK
    choice[answered] = np.where(tied, proba[answered], -1.0).argmax(axis=1)
    return choice


RULE = Rule(
    name="hard_vote",
    tasks=("binary", "multiclass", "multilabel"),
    definition="v_c = sum of w_i over present members whose most probable class is c / sum of w_i over those present",
    range="[0, 1]; a row sums to 1; shares of votes, not probabilities",
    edge_cases=(
        "only members of weight zero present: NaN, not answered",
        "equal votes (within 1e-12): the greater weighted mean probability, then the first in class order",
        "a member whose classes are equal votes for the first in class order, of a multilabel task for yes",
        "multilabel: each class is a vote of its own, and the answer is the share of yes",
    ),
    source="Lam and Suen 1997, IEEE Transactions on Systems, Man and Cybernetics A 27(5), 553-568",
    weighted=True,
    linear=False,
    compute=hard_vote,
    reach=vote_reach,
)
