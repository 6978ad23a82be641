"""Choose the cutoff of a binary score from its state."""

from __future__ import annotations

import numpy as np

from choirmaster.costs import BinaryCosts
from choirmaster.states.scores import Scores


def best_cost(state: Scores, costs: BinaryCosts) -> float | None:
    """Return the bin edge of the least cost when rows at or above it count as positive; None without both classes.

    The least such edge wins among equals; a number just above the last edge calls nothing positive.
    """
    positives, negatives = state.positives, state.negatives
    if int(positives.sum()) == 0 or int(negatives.sum()) == 0:
        return None
    caught, wrong = (np.append(side[::-1].cumsum()[::-1], 0) for side in (positives, negatives))
    cost = (
        caught * costs.true_positive + (caught[0] - caught) * costs.false_negative
        + wrong * costs.false_positive + (wrong[0] - wrong) * costs.true_negative
    )  # fmt: skip
    best: int = int(np.argmin(cost))
    edges = state.part.edges
    return float(edges[best]) if best < len(edges) else float(np.nextafter(edges[-1], np.inf))


def best_f1(state: Scores) -> float | None:
    """Return the bin edge with the greatest F1 when rows at or above it count as positive; None without both classes.

    The least such edge wins among equals. F1 = 2 TP / (2 TP + FP + FN).
    """
    positives, negatives = state.positives, state.negatives
    total = int(positives.sum())
    if total == 0 or int(negatives.sum()) == 0:
        return None
    caught = positives[::-1].cumsum()[::-1]
    wrong = negatives[::-1].cumsum()[::-1]
    f1 = 2.0 * caught / (caught + wrong + total)
    f1[caught == 0] = -1.0
    best: int = int(np.argmax(f1))
    return float(state.part.edges[best])
