"""Choose the cutoff of a binary score from its state."""

from __future__ import annotations

import numpy as np

from choirmaster.states.scores import Scores


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
