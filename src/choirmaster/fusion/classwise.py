"""Rules that take each class alone, whatever the others are, and then divide by the row's sum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from choirmaster.fusion.base import Floats, Fused, Known, Mask, Reach, best_class
from choirmaster.fusion.pool import normalised
from choirmaster.fusion.reach import PROBABILITIES, classwise_reach

Each = Callable[[Floats, Mask], Floats]


def fuse_each(each: Each, outputs: Floats, present: Mask) -> Fused:
    """Return the answer of a rule for numbers, applied to every class."""
    answered: Mask = np.any(present, axis=1)
    found = each(outputs, present)
    if found.ndim == 2:
        found = normalised(found, outputs, present)
    return Fused(found, answered, best_class(found, answered))


def reach_each(each: Each, known: Known) -> Reach | None:
    """Return the reach of a rule that never falls when an output rises, or when a greatest one is added.

    Its bounds are its answers were all who are missing at one end of the limits.
    """
    outputs, missing = known.outputs, known.missing
    limits = PROBABILITIES if outputs.ndim == 3 else known.limits
    if limits is None:
        return None
    gone, everybody = missing if outputs.ndim == 2 else missing[:, :, None], known.present | missing
    low, high = (each(np.where(gone, end, outputs), everybody) for end in limits)
    return classwise_reach(low, high)


def ranked(outputs: Floats, present: Mask) -> Floats:
    """Return the outputs of those present in ascending order, infinity for the others behind them."""
    mask = present if outputs.ndim == 2 else present[:, :, None]
    out: Floats = np.sort(np.where(mask, outputs, np.inf), axis=1)
    return out
