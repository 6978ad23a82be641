"""From an answer to output tensors, as JSON or as bytes behind it. Pure functions."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from choirmaster.errors import RequestError
from choirmaster.http.oip.messages import (
    BINARY_ALL,
    BINARY_OUTPUT,
    BINARY_SIZE,
    CLASSIFICATION,
    InferRequest,
    InferResponse,
    OutputTensor,
    WantedOutput,
)
from choirmaster.http.oip.metadata import member_output, share_output
from choirmaster.http.oip.reading import ID, explains, flag
from choirmaster.http.problems import encode
from choirmaster.layout import Layout
from choirmaster.overlay import Role
from choirmaster.serve.answer import Answer, MemberCall, predictions


@dataclass(frozen=True, slots=True)
class Made:
    """One output: numbers as an array, texts as a list or an array of objects; ``classes`` where it is about those."""

    name: str
    values: Any
    classes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """The body of an answer, and how much of it is JSON where bytes follow."""

    body: bytes
    json_bytes: int | None = None


Makers = Mapping[str, Callable[[], Made]]
Explain = Callable[[], tuple[str, Any]]
"""Returns the kind of the members' shares, and their numbers: (n_samples, n_members[, n_classes])."""


def response(name: str, layout: Layout, answer: Answer, body: InferRequest, explain: Explain) -> Written:
    """Write an ensemble's answer; a member's own output, and its share, only where it was asked for."""
    classes = layout.classes
    made: dict[str, Callable[[], Made]] = {
        "predict": lambda: Made("predict", predictions(answer) if classes else answer.output, classes)
    }
    if classes:
        made["predict_proba"] = lambda: Made("predict_proba", answer.output, classes)
    made[ID] = lambda: Made(ID, list(answer.ids))
    default = list(made)
    for call in answer.calls:
        own = member_output(layout, call.name)
        made[own] = partial(Made, own, call.output, classes)
    shares = [share_output(call.name) for call in answer.calls]
    asked = {one.name for one in body.outputs or ()}
    said = _said(answer)
    if explains(body) or not asked.isdisjoint(shares):
        said["shares"], numbers = explain()
        for at, one in enumerate(shares):
            made[one] = partial(Made, one, numbers[:, at], classes)
    wanted = _wanted(body, made, default)
    if explains(body):
        wanted += [WantedOutput(one) for one in shares if one not in asked]
    return _write(InferResponse(name, [], answer.version, body.id, said), body, wanted, made)


def _said(answer: Answer) -> dict[str, Any]:
    present, missing, degraded = _who(answer)
    said = {"present": ",".join(present), "missing": missing, "degraded": degraded,
            "weight_version": answer.weight_version, "recorded": answer.recorded}  # fmt: skip
    return said | {"early": True} if answer.early else said


def _who(answer: Answer) -> tuple[Sequence[str], str, bool]:
    if answer.whole:  # the usual case, told without looking at rows again
        return [call.name for call in answer.calls if call.role not in (Role.SHADOW, Role.OFF)], "", False
    missing = ",".join(f"{name}:{why}" for name, why in answer.missing.items())
    return answer.present, missing, answer.degraded


def member_response(
    name: str, layout: Layout, call: MemberCall, body: InferRequest, ids: Sequence[str | None] | None
) -> Written:
    """Write one member's own answer."""
    made: dict[str, Callable[[], Made]] = {"predict": lambda: _member_choice(layout, call)}
    if layout.classes:
        made["predict_proba"] = lambda: Made("predict_proba", call.output, layout.classes)
    if ids is not None:
        made[ID] = lambda: Made(ID, list(ids))
    wanted = _wanted(body, made, list(made))
    return _write(InferResponse(name, [], call.version, body.id), body, wanted, made)


def _member_choice(layout: Layout, call: MemberCall) -> Made:
    if not layout.classes:
        return Made("predict", call.output)
    best = np.where(call.usable, np.nan_to_num(call.output).argmax(axis=1), -1)
    names = (*layout.classes, None)
    return Made("predict", [names[one] for one in best.tolist()], layout.classes)


def _wanted(body: InferRequest, made: Makers, default: Sequence[str]) -> list[WantedOutput]:
    if not body.outputs:
        return [WantedOutput(one) for one in default]
    for one in body.outputs:
        if one.name not in made:
            raise RequestError("unknown output", where="$.outputs", got=f'"{one.name[:100]}"', allowed=tuple(made))
    return list({one.name: one for one in body.outputs}.values())


# -- writing --------------------------------------------------------------------------------------------------------


def _write(answer: InferResponse, body: InferRequest, wanted: Sequence[WantedOutput], made: Makers) -> Written:
    all_binary, tail = flag(body.parameters, BINARY_ALL, "$.parameters"), []
    for one in wanted:
        where = f'$.outputs["{one.name[:100]}"].parameters'
        output = _top(made[one.name](), one, where)
        chosen = one.parameters is not None and BINARY_OUTPUT in one.parameters
        if flag(one.parameters, BINARY_OUTPUT, where) if chosen else all_binary:
            raw = _raw(output.values)
            tail.append(raw)
            answer.outputs.append(OutputTensor(one.name, *_shape_kind(output), parameters={BINARY_SIZE: len(raw)}))
        else:
            answer.outputs.append(OutputTensor(one.name, *_shape_kind(output), data=_plain(output.values)))
    head = encode(answer)
    return Written(b"".join((head, *tail)), len(head)) if tail else Written(head)


def _shape_kind(output: Made) -> tuple[list[int], str]:
    values = output.values
    if isinstance(values, np.ndarray):
        return list(values.shape), "BYTES" if values.dtype == object else "FP64"
    return [len(values)], "BYTES"


def _plain(values: Any) -> list[Any]:
    found: list[Any] = values.ravel().tolist() if isinstance(values, np.ndarray) else values
    return found


def _raw(values: Any) -> bytes:
    """Return little-endian numbers, or each text behind its length; "not answered" is NaN or an empty text."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        return np.ascontiguousarray(values, "<f8").tobytes()
    texts = [("" if one is None else one).encode("utf-8", "replace") for one in _plain(values)]
    return b"".join(struct.pack("<I", len(one)) + one for one in texts)


def _top(output: Made, wanted: WantedOutput, where: str) -> Made:
    """Return the k classes with the greatest numbers as texts ``value:index:class``, where that is asked for."""
    k = (wanted.parameters or {}).get(CLASSIFICATION)
    if k is None:
        return output
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise RequestError(
            f"bad {CLASSIFICATION}", where=f"{where}.{CLASSIFICATION}", expected="a whole number above 0"
        )
    values, classes = output.values, output.classes
    if not isinstance(values, np.ndarray) or values.ndim != 2 or not classes:
        raise RequestError("this output has no classes to choose from", where=where, got=f'"{output.name}"')
    best = np.argsort(-np.nan_to_num(values, nan=-1.0), axis=1, kind="stable")[:, :k]
    texts = np.empty(best.shape, dtype=object)
    for row, places in enumerate(best.tolist()):
        for at, place in enumerate(places):
            texts[row, at] = f"{float(values[row, place])!r}:{place}:{classes[place]}"
    return Made(output.name, texts, classes)
