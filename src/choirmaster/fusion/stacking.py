"""Stacking: a linear or logistic model of the members' outputs, as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from choirmaster.errors import ConfigError
from choirmaster.fusion.base import NOBODY, Floats, Fused, Known, Mask, Names, Reach, Rule, best_class, ordered_sum
from choirmaster.fusion.logs import WIDEST, clipped_logs, sigmoid, softmax
from choirmaster.fusion.parameters import finite, mapping

LOG_ODDS, PROBABILITY = "log_odds", "probability"
INPUTS = (LOG_ODDS, PROBABILITY)


@dataclass(frozen=True, slots=True)
class Stack:
    """A fitted meta-model.

    Attributes
    ----------
    coefficients : (n_scores, n_members, n_inputs) float64
        One score and one input of a binary task (the positive class's) and of numbers; one of each class otherwise.
    intercept : (n_scores,) float64
    inputs : str
        ``log_odds`` or ``probability``; numbers enter as they are.
    """

    coefficients: Floats
    intercept: Floats
    inputs: str = LOG_ODDS


def stack_inputs(outputs: Floats, inputs: str, positive: int) -> Floats:
    """Return what the meta-model sees, (n_samples, n_members, n_inputs).

    Log-odds of the positive class of two, logarithms of each class of more; probabilities below 2^-52 count as that.
    """
    if outputs.ndim == 2:
        return outputs[:, :, None]
    if inputs == PROBABILITY:
        return outputs[:, :, positive : positive + 1] if outputs.shape[2] == 2 else outputs
    score = clipped_logs(outputs)
    if outputs.shape[2] == 2:
        return score[:, :, positive : positive + 1] - score[:, :, 1 - positive : 2 - positive]
    return score


def stacking(outputs: Floats, present: Mask, member_weight: Floats, *, stack: Stack, positive: int) -> Fused:  # noqa: ARG001  the coefficients are the weights
    """Return the meta-model's answer; the input of who is absent is the mean of those present."""
    score = _scores(outputs, present, stack, positive)
    answered: Mask = np.any(present, axis=1)
    if outputs.ndim == 2:
        output: Floats = score[:, 0]
    else:
        output = _two(sigmoid(score[:, 0]), positive) if outputs.shape[2] == 2 else softmax(score)
    output = np.where(answered if output.ndim == 1 else answered[:, None], output, np.nan)
    return Fused(output, answered, best_class(output, answered))


def _scores(outputs: Floats, present: Mask, stack: Stack, positive: int) -> Floats:
    here = present[:, :, None]
    seen = np.where(here, stack_inputs(outputs, stack.inputs, positive), 0.0)
    usual = ordered_sum(seen) / np.maximum(present.sum(axis=1), 1)[:, None]
    full = np.where(here, seen, usual[:, None])
    each = [ordered_sum((full * one).reshape(len(full), one.size)) for one in stack.coefficients]
    return np.stack(each, axis=1) + stack.intercept


def _two(p: Floats, positive: int) -> Floats:
    out = np.empty((len(p), 2))
    out[:, positive], out[:, 1 - positive] = p, 1.0 - p
    return out


def _reach(known: Known, *, stack: Stack, positive: int) -> Reach | None:
    """Return the reach of one score: every input not there may be at either end, whether or not it is missed."""
    outputs, limits = known.outputs, known.limits
    if outputs.ndim == 3:
        if outputs.shape[2] > 2:
            return None
        limits = (-WIDEST, WIDEST) if stack.inputs == LOG_ODDS else (0.0, 1.0)
    if limits is None:
        return None
    seen = np.where(known.present, stack_inputs(outputs, stack.inputs, positive)[:, :, 0], 0.0)
    factor = stack.coefficients[0, :, 0]
    ends = np.stack([np.where(known.present, seen, end) * factor for end in limits])
    low, high = (ordered_sum(one) + stack.intercept[0] for one in (ends.min(axis=0), ends.max(axis=0)))
    nobody = np.full(len(outputs), NOBODY, dtype=np.intp)
    if outputs.ndim == 2:
        return Reach(low, high, nobody)
    low, high = sigmoid(low), sigmoid(high)
    lead = np.where(low > 0.5 + 1e-9, positive, np.where(high < 0.5 - 1e-9, 1 - positive, nobody))
    ends = np.stack([_two(low, positive), _two(high, positive)])
    return Reach(ends.min(axis=0), ends.max(axis=0), lead)


def _bind(parameters: Mapping[str, Any], names: Names) -> Rule:
    read: dict[str, Any] = {"stack": _stack(parameters, names), "positive": names.positive}
    return replace(RULE, compute=partial(stacking, **read), reach=partial(_reach, **read))


def _stack(parameters: Mapping[str, Any], names: Names) -> Stack:
    where = names.where
    inputs = parameters.get("inputs") or LOG_ODDS
    if inputs not in INPUTS:
        raise ConfigError("unknown inputs of stacking", where=f"{where}.inputs", got=f'"{inputs}"', allowed=INPUTS)
    given = parameters.get("coefficients")
    if not given:
        raise without_coefficients(f"{where}.coefficients")
    if names.task != "multiclass":
        row = mapping(given, f"{where}.coefficients", names.members, "member")
        factors = [[[finite(row[one], f"{where}.coefficients.{one}")] for one in names.members]]
        start = parameters.get("intercept")
        return Stack(
            np.array(factors), np.array([0.0 if start is None else finite(start, f"{where}.intercept")]), inputs
        )
    starts = mapping(parameters.get("intercept"), f"{where}.intercept", names.classes, "class")
    table = mapping(given, f"{where}.coefficients", names.classes, "class")
    each = [_of_class(table[one], f"{where}.coefficients.{one}", names) for one in names.classes]
    return Stack(np.array(each), np.array([finite(starts[one], f"{where}.intercept.{one}") for one in names.classes]),
                 inputs)  # fmt: skip


def _of_class(value: Any, where: str, names: Names) -> list[list[float]]:
    rows = mapping(value, where, names.members, "member")
    inner = {one: mapping(rows[one], f"{where}.{one}", names.classes, "class") for one in names.members}
    return [[finite(inner[one][label], f"{where}.{one}.{label}") for label in names.classes] for one in names.members]


def stack_document(stack: Stack, names: Names) -> dict[str, Any]:
    """Return a stack as the keys of the configuration that ``bind`` reads back to the same bits."""
    out: dict[str, Any] = {"inputs": stack.inputs}
    if names.task != "multiclass":
        own = stack.coefficients[0, :, 0].tolist()
        return out | {
            "intercept": float(stack.intercept[0]),
            "coefficients": dict(zip(names.members, own, strict=True)),
        }
    out["intercept"] = dict(zip(names.classes, stack.intercept.tolist(), strict=True))
    out["coefficients"] = {
        label: {name: dict(zip(names.classes, row, strict=True)) for name, row in zip(names.members, rows, strict=True)}
        for label, rows in zip(names.classes, stack.coefficients.tolist(), strict=True)
    }
    return out


def without_coefficients(where: str) -> ConfigError:
    """Return the error of a stacking that was never fitted."""
    return ConfigError("stacking needs fitted coefficients", where=where, expected="{member: number}",
                       fix='train with fusion="stacking", which writes them')  # fmt: skip


def _unbound(outputs: Floats, present: Mask, member_weight: Floats) -> Fused:  # noqa: ARG001  there is nothing to compute with
    raise without_coefficients("$.fusion.coefficients")


RULE = Rule(
    name="stacking",
    tasks=("binary", "multiclass", "regression"),
    definition="y = b + sum_i c_i x_i of numbers; p = sigmoid(b + sum_i c_i x_i) of two classes, x_i the log-odds (or "
    "the probability) of the positive one; of more, the softmax of such a score for each class, of all members' "
    "logarithms (or probabilities); fitted on out-of-fold outputs",
    range="probabilities in (0, 1), a row sums to 1; numbers may lie outside the members' outputs",
    edge_cases=(
        "nobody present: NaN, not answered",
        "an absent member's input is the mean of those present",
        "no coefficients given: an error that says where they come from",
        "weights are not read",
    ),
    source="Wolpert 1992, Neural Networks 5(2), 241-259; Breiman 1996, Machine Learning 24, 49-64",
    weighted=False,
    linear=False,
    compute=_unbound,
    parameters=("inputs", "intercept", "coefficients"),
    bind=_bind,
)
