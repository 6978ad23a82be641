"""The cascade: cheap members are asked first, and the others only where those are not sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from choirmaster.errors import ConfigError, unknown
from choirmaster.fusion.base import NOBODY, Floats, Fused, Known, Mask, Names, Reach, Rule
from choirmaster.fusion.parameters import finite, numbers
from choirmaster.fusion.pool import pool
from choirmaster.fusion.soft_vote import need_classes

Stages = tuple[tuple[int, ...], ...]


def cascade(
    outputs: Floats, present: Mask, member_weight: Floats, *, stages: Stages = (), confidence: Sequence[float] = ()
) -> Fused:
    """Return the weighted mean over the stages up to the first that is sure; over all stages where none is.

    >>> p = np.array([[[0.95, 0.05], [0.1, 0.9]], [[0.6, 0.4], [0.1, 0.9]]])
    >>> cascade(p, np.ones((2, 2), bool), np.ones(2), stages=((0,), (1,)), confidence=(0.9,)).output.tolist()
    [[0.95, 0.05], [0.35, 0.65]]
    """
    need_classes(outputs, "cascade")
    fused = pool(outputs, present, member_weight)
    output, choice = fused.output, fused.choice
    open_: Mask = np.ones(len(outputs), dtype=np.bool_)
    for pooled, sure in _stages(outputs, present, member_weight, stages, confidence):
        now = open_ & sure
        output[now] = pooled.output[now]
        if choice is not None and pooled.choice is not None:
            choice[now] = pooled.choice[now]
        open_ &= ~sure
    return Fused(output, fused.answered, choice)


def decide(
    outputs: Floats, present: Mask, member_weight: Floats, stage: int, *, stages: Stages, confidence: Sequence[float]
) -> Mask:
    """Return the rows that some stage up to ``stage`` (from 0) is sure of; after the last one, every row."""
    if stage >= len(stages) - 1:
        return np.ones(len(outputs), dtype=np.bool_)
    sure = np.zeros(len(outputs), dtype=np.bool_)
    for one in _stages(outputs, present, member_weight, stages[: stage + 2], confidence[: stage + 1]):
        sure |= one[1]
    return sure


def _reach(known: Known, *, stages: Stages, confidence: Sequence[float]) -> Reach:
    """Tell the answer of rows whose sure stage waits for nobody; the rest is open."""
    outputs, present, missing = known.outputs, known.present, known.missing
    shape = outputs.shape[:1] + outputs.shape[2:]
    lower, upper = np.zeros(shape), np.ones(shape)
    lead = np.full(len(outputs), NOBODY, dtype=np.intp)
    waits: Mask = np.zeros(len(outputs), dtype=np.bool_)
    for place, (pooled, sure) in enumerate(_stages(outputs, present, known.weight, stages, confidence)):
        waits |= missing[:, list(stages[place])].any(axis=1)
        now = sure & ~waits & (lead == NOBODY)
        lower[now] = upper[now] = pooled.output[now]
        if pooled.choice is not None:
            lead[now] = pooled.choice[now]
    return Reach(lower, upper, lead)


def _stages(
    outputs: Floats, present: Mask, weight: Floats, stages: Stages, confidence: Sequence[float]
) -> list[tuple[Fused, Mask]]:
    """Return of each stage but the last the mean so far, and the rows it is sure of."""
    asked = np.zeros(present.shape[1], dtype=np.bool_)
    out = []
    for members, bound in zip(stages[:-1], confidence, strict=True):
        asked[list(members)] = True
        pooled = pool(outputs, present & asked, weight)
        sure: Mask = pooled.answered & (np.nan_to_num(pooled.output).max(axis=1) >= bound)
        out.append((pooled, sure))
    return out


def _bind(parameters: Mapping[str, Any], names: Names) -> Rule:
    stages = _read_stages(parameters.get("stages"), names)
    confidence = _read_confidence(parameters.get("confidence"), len(stages) - 1, names)
    read: dict[str, Any] = {"stages": stages, "confidence": confidence}
    return replace(RULE, compute=partial(cascade, **read), stages=stages, decide=partial(decide, **read),
                   reach=partial(_reach, **read))  # fmt: skip


def _read_stages(value: Any, names: Names) -> Stages:
    where, members = f"{names.where}.stages", names.members
    if not value or isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise ConfigError("a cascade needs stages", where=where, expected="lists of members, such as [[cheap], [dear]]",
                          got=repr(value)[:80])  # fmt: skip
    stages = []
    for place, stage in enumerate(value):
        if not stage or isinstance(stage, str) or not isinstance(stage, Sequence):
            raise ConfigError("a stage is a list of members", where=f"{where}[{place}]", got=repr(stage)[:80])
        for one in stage:
            if one not in members:
                raise unknown("member", str(one), members, where=f"{where}[{place}]")
        stages.append(tuple(members.index(one) for one in stage))
    asked = [member for stage in stages for member in stage]
    for place, name in enumerate(members):
        if asked.count(place) != 1:
            raise ConfigError("each member stands in one stage", where=where, expected=f'"{name}" once',
                              got=f"{asked.count(place)} times")  # fmt: skip
    return tuple(stages)


def _read_confidence(value: Any, count: int, names: Names) -> tuple[float, ...]:
    where = f"{names.where}.confidence"
    if value is None or value == ():
        raise ConfigError("a cascade needs a confidence", where=where, expected="the probability from which a stage is "
                          "sure, such as 0.9, or a list with one for each stage but the last")  # fmt: skip
    bounds = [finite(value, where)] * count if isinstance(value, int | float) else numbers(value, where)
    if len(bounds) == 1:
        bounds *= count
    if len(bounds) != count:
        raise ConfigError("wrong number of confidences", where=where, expected=f"{count}, one for each stage but the "
                          "last", got=str(len(bounds)))  # fmt: skip
    for one in bounds:
        if not 0.0 < one <= 1.0:
            raise ConfigError("confidence out of range", where=where, expected="above 0, at most 1", got=f"{one:g}")
    return tuple(bounds)


RULE = Rule(
    name="cascade",
    tasks=("binary", "multiclass", "multilabel"),
    definition="p = the weighted mean over the members present of stages 1 to s, s the first stage where the greatest "
    "p_c reaches the stage's confidence, else the last; later stages are not asked",
    range="[0, 1]; a row sums to 1 as its members' rows do",
    edge_cases=(
        "nobody of a stage present: the next one is asked",
        "no stage sure, or later ones late: the weighted mean over all present",
        "only members of weight zero present: NaN, not answered",
        "multilabel: a row is decided when each of its classes is",
    ),
    source="Viola and Jones 2001, CVPR 1, 511-518; with means of several members a stage: Wang and others 2022, ICLR "
    "(committee-based cascades)",
    weighted=True,
    linear=False,
    compute=cascade,
    parameters=("stages", "confidence"),
    bind=_bind,
)
