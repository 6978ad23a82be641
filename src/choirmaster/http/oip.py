"""Open Inference Protocol V2 as JSON: tensors in, tensors out (layout in docs of the HTTP entrance). Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from choirmaster.errors import RequestError
from choirmaster.layout import Layout
from choirmaster.serve.answer import Answer, MemberCall, predictions
from choirmaster.serve.request import (
    PredictRequest,
    check_rows,
    features_table,
    identities,
    instants,
    numbers,
    texts,
    unknown_input,
)

PLATFORM = "choirmaster"
NUMBER_TYPES = ("FP64", "FP32", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8", "BOOL")
BINARY_ONLY = ("FP16", "BF16")
ALL_FEATURES = "x"
ID, TIME, VALUE, SEGMENT = "_id", "_time", "_value", "_segment."
_MOST_INPUTS = 5_000


class Tensor(msgspec.Struct):
    """One input tensor."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] | None = None


class WantedOutput(msgspec.Struct):
    """The name of an output to send back."""

    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(msgspec.Struct):
    """The body of ``/infer``; unknown fields are ignored, as the protocol asks."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[WantedOutput] | None = None


class TensorSpec(msgspec.Struct):
    """Name, type and shape of a tensor; -1 is a variable dimension."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct, omit_defaults=True):
    """What a model takes and gives. ``parameters`` holds lists as JSON text, since the protocol has only scalars."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    parameters: dict[str, Any] = {}


class OutputTensor(msgspec.Struct):
    """One output tensor, row-major; null is "not answered"."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class InferResponse(msgspec.Struct, omit_defaults=True):
    """The answer of ``/infer``."""

    model_name: str
    outputs: list[OutputTensor]
    model_version: str = ""
    id: str | None = None
    parameters: dict[str, Any] = {}


DECODER = msgspec.json.Decoder(InferRequest)


def member_layout(layout: Layout, features: Sequence[str]) -> Layout:
    """Return the layout as one member sees it: only the features it takes."""
    return replace(
        layout,
        numeric=tuple(one for one in layout.numeric if one in features),
        categorical=tuple(one for one in layout.categorical if one in features),
        segments=layout.tags,
    )


def parse(layout: Layout, body: InferRequest, *, now: int, max_rows: int) -> PredictRequest:
    """Turn an infer request into validated rows.

    Raises
    ------
    RequestError, DataError, TooLarge
        Naming the input, and the row where one row is wrong.
    """
    if not body.inputs:
        raise RequestError("a request needs inputs", where="$.inputs")
    if len(body.inputs) > _MOST_INPUTS:
        raise RequestError("too many inputs", where="$.inputs", expected=f"at most {_MOST_INPUTS}")
    columns: dict[str, list[Any]] = {}
    rows = _rows(body.inputs[0])
    check_rows(rows, max_rows)
    for tensor in body.inputs:
        if _rows(tensor) != rows:
            raise RequestError(f'input "{tensor.name[:100]}" has a wrong length', expected=f"{rows} rows",
                               got=f"shape {_short_shape(tensor)}")  # fmt: skip
        for name, values in _columns(layout, tensor):
            if name in columns:
                raise RequestError(f'input "{name[:100]}" is given twice')
            columns[name] = values
    return _request(layout, columns, rows, body, now)


def _request(layout: Layout, columns: dict[str, Any], rows: int, body: InferRequest, now: int) -> PredictRequest:
    features = {name: values for name, values in columns.items() if name in layout.features}
    if not features:
        raise RequestError("no input is a feature", allowed=layout.features)
    tags = {tag: texts(f"{SEGMENT}{tag}", columns[f"{SEGMENT}{tag}"]).to_pylist()
            for tag in layout.tags if f"{SEGMENT}{tag}" in columns}  # fmt: skip
    return PredictRequest(
        features_table(layout, features, rows),
        ids=identities(columns[ID]) if ID in columns else None,
        times=instants(columns[TIME], now=now) if TIME in columns else None,
        tags=tags,
        value=numbers(VALUE, columns[VALUE]).to_pylist() if VALUE in columns else None,
        request_id=request_id(body),
        timeout_seconds=_timeout(body.parameters),
    )


def request_id(body: InferRequest) -> str:
    """Return the request's id, or ''; it heads the default ids of its rows."""
    if not body.id:
        return ""
    return identities([body.id])[0] or ""


def _timeout(parameters: dict[str, Any] | None) -> float | None:
    given = (parameters or {}).get("timeout")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e12:
        raise RequestError("bad timeout", where="$.parameters.timeout", expected="microseconds above 0")
    return float(given) / 1e6


def _short_shape(tensor: Tensor) -> str:
    return str(tensor.shape[:5]) if len(tensor.shape) <= 5 else f"{len(tensor.shape)} dimensions"


def _rows(tensor: Tensor) -> int:
    shape = tensor.shape
    if not 1 <= len(shape) <= 2 or min(shape) < 0:
        raise RequestError(f'input "{tensor.name[:100]}" has a wrong shape', expected="[n], [n,1], or [n,f] for x",
                           got=_short_shape(tensor))  # fmt: skip
    return shape[0]


def _columns(layout: Layout, tensor: Tensor) -> Iterable[tuple[str, list[Any]]]:
    name, width = tensor.name, 1 if len(tensor.shape) == 1 else tensor.shape[1]
    together = name == ALL_FEATURES and ALL_FEATURES not in layout.features and not layout.categorical
    if not together and not _known(layout, name):
        raise unknown_input(name, layout)
    expected = len(layout.numeric) if together else 1
    if width != expected or (together and len(tensor.shape) == 1 and expected != 1):
        wanted = f"[n,{expected}] in the order of the features" if together else "[n] or [n,1]"
        raise RequestError(f'input "{name[:100]}" has a wrong shape', got=_short_shape(tensor), expected=wanted)
    values = _flat(tensor)
    if not together:
        return [(name, values)]
    return [(one, values[place::width]) for place, one in enumerate(layout.numeric)]


def _known(layout: Layout, name: str) -> bool:
    if name in layout.features or name in (ID, TIME) or (name == VALUE and layout.value):
        return True
    return name.startswith(SEGMENT) and name[len(SEGMENT) :] in layout.tags


def _flat(tensor: Tensor) -> list[Any]:
    """Return the data as one flat list; nested by rows is the same thing."""
    name, where = tensor.name[:100], f'input "{tensor.name[:100]}"'
    if tensor.datatype in BINARY_ONLY:
        raise RequestError(f"datatype {tensor.datatype} cannot be sent as JSON", where=where, allowed=NUMBER_TYPES)
    if tensor.datatype not in (*NUMBER_TYPES, "BYTES"):
        raise RequestError("unknown datatype", where=where, got=f'"{tensor.datatype[:40]}"',
                           allowed=(*NUMBER_TYPES, "BYTES"))  # fmt: skip
    if tensor.data is None:
        binary = "binary_data_size" in (tensor.parameters or {})
        raise RequestError(f'input "{name}" has no data', fix="send JSON data, not binary" if binary else "")
    data = tensor.data
    if data and any(type(one) is list for one in data):
        data = _unnest(data, tensor, where)
    if len(data) != math.prod(tensor.shape):
        raise RequestError(f'input "{name}" does not fit its shape', expected=f"{math.prod(tensor.shape)} elements",
                           got=str(len(data)))  # fmt: skip
    return data


def _unnest(data: list[Any], tensor: Tensor, where: str) -> list[Any]:
    width = 1 if len(tensor.shape) == 1 else tensor.shape[1]
    for row, one in enumerate(data):
        if type(one) is not list or len(one) != width or len(tensor.shape) == 1:
            raise RequestError("ragged data", where=f"{where}, row {row}", expected=f"rows of {width} elements")
    return [element for one in data for element in one]


# -- answers --------------------------------------------------------------------------------------------------------


def metadata(name: str, version: str, layout: Layout, members: Sequence[str] = ()) -> ModelMetadata:
    """Return what a model takes and gives; the optional inputs and the class names stand in the parameters."""
    inputs = [TensorSpec(one, "FP64", [-1]) for one in layout.numeric]
    inputs += [TensorSpec(one, "BYTES", [-1]) for one in layout.categorical]
    outputs = [TensorSpec(one, kind, shape) for one, kind, shape in _output_specs(layout, members)]
    parameters: dict[str, Any] = {"task": str(layout.task), "features": _json(layout.features)}
    parameters["optional_inputs"] = _json(
        [ID, TIME, *([VALUE] if layout.value else ()), *(f"{SEGMENT}{tag}" for tag in layout.tags)]
    )
    if layout.classes:
        parameters["classes"] = _json(layout.classes)
    if layout.positive:
        parameters["positive"] = layout.positive
    return ModelMetadata(name, [version], PLATFORM, inputs, outputs, parameters)


def _json(names: Iterable[str]) -> str:
    return msgspec.json.encode(list(names)).decode()


def _output_specs(layout: Layout, members: Sequence[str]) -> list[tuple[str, str, list[int]]]:
    k = len(layout.classes)
    specs = [("predict", "BYTES" if k else "FP64", [-1])]
    if k:
        specs.append(("predict_proba", "FP64", [-1, k]))
    specs.append((ID, "BYTES", [-1]))
    specs += [(member_output(layout, one), "FP64", [-1, k] if k else [-1]) for one in members]
    return specs


def member_output(layout: Layout, member: str) -> str:
    """Return the name of a member's own output."""
    return f"member.{member}.{'predict_proba' if layout.classes else 'predict'}"


def response(name: str, layout: Layout, answer: Answer, body: InferRequest) -> InferResponse:
    """Write an ensemble's answer; a member's own output only where it was asked for."""
    made = {"predict": lambda: _words(answer)}
    if layout.classes:
        made["predict_proba"] = lambda: _numbers("predict_proba", answer.output)
    made[ID] = lambda: OutputTensor(ID, [answer.rows], "BYTES", list(answer.ids))
    default = list(made)
    for call in answer.calls:
        own = member_output(layout, call.name)
        made[own] = lambda own=own, call=call: _numbers(own, call.output)  # type: ignore[misc]  # bound per loop
    outputs = [made[one]() for one in _wanted(body, made, default)]
    return InferResponse(name, outputs, answer.version, body.id, _said(answer))


def _said(answer: Answer) -> dict[str, Any]:
    missing = ",".join(f"{name}:{why}" for name, why in answer.missing.items())
    return {"present": ",".join(answer.present), "missing": missing, "degraded": answer.degraded,
            "weight_version": answer.weight_version, "recorded": answer.recorded}  # fmt: skip


def member_response(
    name: str, layout: Layout, call: MemberCall, body: InferRequest, ids: Sequence[str | None] | None
) -> InferResponse:
    """Write one member's own answer."""
    made = {"predict": lambda: _member_words(layout, call)}
    if layout.classes:
        made["predict_proba"] = lambda: _numbers("predict_proba", call.output)
    if ids is not None:
        made[ID] = lambda: OutputTensor(ID, [len(ids)], "BYTES", list(ids))
    return InferResponse(name, [made[one]() for one in _wanted(body, made, list(made))], call.version, body.id)


def _wanted(body: InferRequest, made: Iterable[str], default: list[str]) -> list[str]:
    if not body.outputs:
        return default
    names = list(dict.fromkeys(one.name for one in body.outputs))
    for one in names:
        if one not in made:
            raise RequestError("unknown output", where="$.outputs", got=f'"{one[:100]}"', allowed=tuple(made))
    return names


def _words(answer: Answer) -> OutputTensor:
    kind = "BYTES" if answer.classes else "FP64"
    return OutputTensor("predict", [answer.rows], kind, list(predictions(answer)))


def _member_words(layout: Layout, call: MemberCall) -> OutputTensor:
    if not layout.classes:
        return _numbers("predict", call.output)
    best = np.where(call.usable, np.nan_to_num(call.output).argmax(axis=1), -1)
    names = (*layout.classes, None)
    return OutputTensor("predict", [len(best)], "BYTES", [names[one] for one in best.tolist()])


def _numbers(name: str, array: Any) -> OutputTensor:
    return OutputTensor(name, list(array.shape), "FP64", array.ravel().tolist())
