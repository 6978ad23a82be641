"""The rank average: the weighted mean of where each member's score stands among its own reference scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from choirmaster.errors import ConfigError
from choirmaster.fusion.base import Floats, Fused, Known, Mask, Names, Reach, Rule
from choirmaster.fusion.parameters import mapping, numbers
from choirmaster.fusion.pool import pool
from choirmaster.fusion.reach import pool_reach
from choirmaster.fusion.soft_vote import need_classes

LEVELS = 100
"""Steps of the stored quantiles: the minimum, the 99 percentiles and the maximum."""


def reference_quantiles(scores: Floats) -> list[float]:
    """Return the quantiles of a member's reference scores that its ranks are read off.

    >>> reference_quantiles(np.linspace(0.0, 1.0, 201))[:3]
    [0.0, 0.01, 0.02]
    """
    return [float(one) for one in np.quantile(np.asarray(scores, dtype=np.float64), np.arange(LEVELS + 1) / LEVELS)]


def ranks(score: Floats, quantiles: Floats) -> Floats:
    """Return in [0, 1] where scores stand among evenly spaced quantiles; between two of them along a straight line.

    A score that several quantiles equal stands in their middle.

    >>> ranks(np.array([0.1, 0.4, 0.5, 0.9]), np.array([0.0, 0.5, 0.5, 0.8, 1.0])).round(4).tolist()
    [0.05, 0.2, 0.375, 0.875]
    """
    left = np.searchsorted(quantiles, score, side="left")
    right = np.searchsorted(quantiles, score, side="right")
    steps = len(quantiles) - 1
    below, above = np.clip(left - 1, 0, steps), np.clip(left, 0, steps)
    width = quantiles[above] - quantiles[below]
    along = np.divide(score - quantiles[below], width, out=np.zeros_like(score), where=width > 0)
    between = np.where(left == 0, 0.0, np.where(left > steps, float(steps), below + along))
    out: Floats = np.where(right > left, (left + right - 1) / 2, between) / steps
    return out


def _ranked(outputs: Floats, present: Mask, quantiles: tuple[Floats, ...], positive: int) -> Floats:
    out = np.empty(outputs.shape)
    for member, own in enumerate(quantiles):
        score = np.where(present[:, member], outputs[:, member, positive], 0.0)
        out[:, member, positive] = ranks(score, own)
    out[:, :, 1 - positive] = 1.0 - out[:, :, positive]
    return out


def rank_average(
    outputs: Floats, present: Mask, member_weight: Floats, *, quantiles: tuple[Floats, ...], positive: int
) -> Fused:
    """Return the weighted mean rank of the positive class's score over those present, and 1 less it."""
    need_classes(outputs, "rank_average")
    return pool(_ranked(outputs, present, quantiles, positive), present, member_weight)


def _reach(known: Known, *, quantiles: tuple[Floats, ...], positive: int) -> Reach | None:
    ranked = _ranked(known.outputs, known.present, quantiles, positive)
    return pool_reach(replace(known, outputs=ranked))


def _bind(parameters: Mapping[str, Any], names: Names) -> Rule:
    where = f"{names.where}.quantiles"
    if not parameters.get("quantiles"):
        raise without_quantiles(where)
    given = mapping(parameters["quantiles"], where, names.members, "member")
    read: dict[str, Any] = {"quantiles": tuple(_quantiles(given[one], f"{where}.{one}") for one in names.members),
            "positive": names.positive}  # fmt: skip
    return replace(RULE, compute=partial(rank_average, **read), reach=partial(_reach, **read))


def _quantiles(value: Any, where: str) -> Floats:
    found = np.array(numbers(value, where))
    if len(found) < 2 or (np.diff(found) < 0).any():
        raise ConfigError("cannot read quantiles", where=where, expected="at least two numbers in ascending order",
                          got=f"{len(found)} numbers" + (", not ascending" if len(found) > 1 else ""))  # fmt: skip
    return found


def without_quantiles(where: str) -> ConfigError:
    """Return the error of a rank average that has nothing to rank against."""
    return ConfigError(
        "rank_average needs reference quantiles of each member's score", where=where,
        expected="{member: [minimum, ..., maximum]} at even steps",
        fix='train with fusion="rank_average", which writes them, or take numpy.quantile of reference scores',
    )  # fmt: skip


def _unbound(outputs: Floats, present: Mask, member_weight: Floats) -> Fused:  # noqa: ARG001  there is nothing to compute with
    raise without_quantiles("$.fusion.quantiles")


RULE = Rule(
    name="rank_average",
    tasks=("binary",),
    definition="p = sum_i w_i r_i / sum_i w_i over the members present, r_i in [0, 1] the place of member i's score of "
    "the positive class among the quantiles of its own reference scores, on a straight line between two",
    range="[0, 1]; an order of rows, no probability: recalibrate it, or choose a cutoff",
    edge_cases=(
        "only members of weight zero present: NaN, not answered",
        "no quantiles given: an error that says where they come from",
        "a score beyond the reference: rank 0 or 1",
        "a score that several quantiles equal: the middle of their places",
    ),
    source="Aslam and Montague 2001, SIGIR, 276-284 (Borda count); ranks are read off stored quantiles, so that "
    "one row can be ranked",
    weighted=True,
    linear=False,
    compute=_unbound,
    parameters=("quantiles",),
    bind=_bind,
)
