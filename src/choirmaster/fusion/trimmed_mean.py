"""The trimmed mean: the mean of those present without the smallest and the largest of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from choirmaster.fusion.base import Floats, Fused, Mask, Names, Rule
from choirmaster.fusion.classwise import fuse_each, ranked, reach_each
from choirmaster.fusion.parameters import number

TRIM = 0.2
"""The share cut off at each end where none is said: with five members, the smallest and the largest."""

_SHRINK = 2.0**-40


def trimmed_mean(outputs: Floats, present: Mask, member_weight: Floats, *, trim: float = TRIM) -> Fused:  # noqa: ARG001  every member left counts the same
    """Return the mean of those present without the ``trim`` n smallest and as many largest, rounded down.

    >>> five = np.array([[1.0, 2.0, 3.0, 4.0, 90.0]])
    >>> trimmed_mean(five, np.ones((1, 5), bool), np.ones(5)).output
    array([3.])
    """
    return fuse_each(partial(_trimmed, trim=trim), outputs, present)


def _trimmed(outputs: Floats, present: Mask, *, trim: float) -> Floats:
    order, count = ranked(outputs, present), present.sum(axis=1)
    cut = np.floor(trim * count).astype(np.intp)
    place = np.arange(present.shape[1])
    kept = (place >= cut[:, None]) & (place < (count - cut)[:, None])
    left = np.maximum(count - 2 * cut, 1).astype(np.float64)
    if outputs.ndim == 3:
        kept, left, count = kept[:, :, None], left[:, None], count[:, None]
    inner = np.where(kept, order, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        total = _sum(inner)
        mean = np.where(np.isfinite(total), total / left, _sum(inner * _SHRINK) / left / _SHRINK)
    out: Floats = np.where(count > 0, mean, np.nan)
    return out


def _sum(inner: Floats) -> Floats:
    """Add what is in ascending order already."""
    total = np.zeros(inner.shape[:1] + inner.shape[2:])
    for place in range(inner.shape[1]):
        total += inner[:, place]
    return total


def _bind(parameters: Mapping[str, Any], names: Names) -> Rule:
    trim = number(parameters, "trim", names, least=0.0, below=0.5, default=TRIM)
    return replace(
        RULE, compute=partial(trimmed_mean, trim=trim), reach=partial(reach_each, partial(_trimmed, trim=trim))
    )


RULE = Rule(
    name="trimmed_mean",
    tasks=("binary", "multiclass", "multilabel", "regression", "quantile"),
    definition="the mean of the n outputs present without the floor(trim n) smallest and as many largest (trim 0.2 if "
    "not said); for classes, class by class and then divided by the row's sum",
    range="between the smallest and the largest output present; a row of probabilities sums to 1",
    edge_cases=(
        "nobody present: NaN, not answered",
        "trim n below 1, as with three members at 0.2: nothing is cut off, the plain mean",
        "all classes are 0 after the cut: the row is the mean instead",
        "weights are not read",
    ),
    source="Jose and Winkler 2008, International Journal of Forecasting 24(1), 163-169; scipy.stats.trim_mean",
    weighted=False,
    linear=False,
    compute=trimmed_mean,
    parameters=("trim",),
    bind=_bind,
    reach=partial(reach_each, partial(_trimmed, trim=TRIM)),
)
