"""The linear pool: a weighted mean over those present, and each member's exact share in it."""

from __future__ import annotations

import numpy as np

from choirmaster.fusion.base import Floats, Fused, Mask, best_class, ordered_sum

_SHRINK = 2.0**-40
"""Outputs are scaled down by this power of two, exactly, when their sum would overflow."""


def pool(outputs: Floats, present: Mask, member_weight: Floats) -> Fused:
    """Return sum_k w_k x_k / sum_k w_k over the members present, summed in member order."""
    total, mass = _sums(outputs, present, member_weight)
    answered = mass > 0
    output = _divided(total, mass, answered)
    spilled = answered & ~np.isfinite(output if output.ndim == 1 else output.sum(axis=1))
    if spilled.any():
        small = member_weight / member_weight.max()
        total, mass = _sums(outputs[spilled] * _SHRINK, present[spilled], small)
        output[spilled] = _divided(total, mass, mass > 0) / _SHRINK
    return Fused(output, answered, best_class(output, answered))


def _sums(outputs: Floats, present: Mask, member_weight: Floats) -> tuple[Floats, Floats]:
    total = np.zeros(outputs.shape[:1] + outputs.shape[2:])
    mass = np.zeros(len(outputs))
    with np.errstate(over="ignore", invalid="ignore"):
        for member, weight in enumerate(member_weight):
            here = present[:, member]
            mask = here if outputs.ndim == 2 else here[:, None]
            total += np.where(mask, outputs[:, member], 0.0) * weight
            mass += np.where(here, weight, 0.0)
    return total, mass


def _divided(total: Floats, mass: Floats, answered: Mask) -> Floats:
    safe = np.where(answered, mass, 1.0)
    mask = answered
    if total.ndim == 2:
        safe, mask = safe[:, None], answered[:, None]
    divided: Floats = np.where(mask, total / safe, np.nan)
    return divided


def normalised(each: Floats, outputs: Floats, present: Mask) -> Floats:
    """Divide class by class answers by their row's sum; a row of zeros becomes the mean of those present."""
    total = ordered_sum(each)[:, None]
    empty = (total[:, 0] == 0) & present.any(axis=1)
    row: Floats = each / np.where(total == 0, 1.0, total)
    if empty.any():
        row[empty] = pool(outputs[empty], present[empty], np.ones(present.shape[1])).output
    return row


def pool_shares(outputs: Floats, present: Mask, member_weight: Floats) -> Floats:
    """Return each member's share w_k x_k / sum w in a linear pool; 0 for the absent.

    Shape as ``outputs``. Over the members the shares sum to the fused output, up to rounding; rows that nobody
    answered are NaN.

    >>> pool_shares(np.array([[2.0, 4.0]]), np.array([[True, True]]), np.array([1.0, 3.0]))
    array([[0.5, 3. ]])
    """
    voice: Floats = np.where(present, member_weight, 0.0)
    mass = voice.sum(axis=1, keepdims=True)
    part: Floats = np.divide(voice, mass, out=np.full_like(voice, np.nan), where=mass > 0)
    if outputs.ndim == 3:
        part, present = part[:, :, None], present[:, :, None]
    shares: Floats = part * np.where(present, outputs, 0.0)
    return shares
