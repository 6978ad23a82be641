"""Tensors of the Open Inference Protocol V2 as a client writes and reads them, JSON and binary. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from choirmaster.errors import MemberError

HEADER = "Inference-Header-Content-Length"
BYTES = "BYTES"
NUMBERS: dict[str, np.dtype[Any]] = {
    "FP64": np.dtype("<f8"), "FP32": np.dtype("<f4"), "FP16": np.dtype("<f2"), "INT64": np.dtype("<i8"),
    "INT32": np.dtype("<i4"), "INT16": np.dtype("<i2"), "INT8": np.dtype("i1"), "UINT64": np.dtype("<u8"),
    "UINT32": np.dtype("<u4"), "UINT16": np.dtype("<u2"), "UINT8": np.dtype("u1"), "BOOL": np.dtype("?"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Input:
    """One tensor to send: an array of the datatype's numbers, or of text (object, None is missing)."""

    name: str
    datatype: str
    values: np.ndarray


class _Out(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int]
    data: msgspec.Raw = msgspec.Raw()
    parameters: dict[str, Any] = {}


class _Answer(msgspec.Struct):
    outputs: list[_Out]
    model_version: str = ""


_FLAT = msgspec.json.Decoder(list[float | bool | None])
_NESTED = msgspec.json.Decoder(list[list[float | bool | None]])
_ANSWER = msgspec.json.Decoder(_Answer)


def as_input(name: str, datatype: str, values: np.ndarray, member: str) -> Input:
    """Return numbers in the datatype a model takes.

    Raises
    ------
    MemberError
        A whole number is missing or does not fit, or the datatype is none that is known.
    """
    where = f'member "{member}", tensor "{name}"'
    if datatype == BYTES:
        return Input(name, datatype, values.astype(object))
    kind = NUMBERS.get(datatype)
    if kind is None:
        raise MemberError("unknown datatype", where=where, got=datatype, allowed=(*NUMBERS, BYTES))
    if values.dtype == object:
        raise MemberError("a feature is not a number", where=where, expected=datatype, got="text")
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            return Input(name, datatype, values.astype(kind))
    if not np.isfinite(values).all():
        raise MemberError("a whole number is missing", where=where, expected="a value in every row")
    with np.errstate(invalid="ignore"):
        whole = values.astype(kind)
    if (whole != values).any():
        raise MemberError("a number does not fit the tensor's datatype", where=where, expected=datatype,
                          got=str(values[whole != values][0]))  # fmt: skip
    return Input(name, datatype, whole)


def request(
    inputs: Sequence[Input], output: str, *, binary: bool, timeout_us: int | None = None
) -> tuple[bytes, dict[str, str]]:
    """Return the body of an infer request, and its headers."""
    tensors, tail = [], []
    for one in inputs:
        tensor: dict[str, Any] = {"name": one.name, "shape": list(one.values.shape), "datatype": one.datatype}
        if binary:
            raw = _packed(one)
            tensor["parameters"] = {"binary_data_size": len(raw)}
            tail.append(raw)
        else:
            tensor["data"] = _listed(one)
        tensors.append(tensor)
    body: dict[str, Any] = {"inputs": tensors}
    if output:
        body["outputs"] = [{"name": output, "parameters": {"binary_data": binary}}]
    if timeout_us is not None:
        body["parameters"] = {"timeout": timeout_us}
    head = msgspec.json.encode(body)
    if not binary:
        return head, {"Content-Type": "application/json"}
    return head + b"".join(tail), {"Content-Type": "application/octet-stream", HEADER: str(len(head))}


def _packed(one: Input) -> bytes:
    if one.datatype != BYTES:
        return np.ascontiguousarray(one.values).tobytes()
    words = ["" if word is None else str(word) for word in one.values.ravel().tolist()]
    return b"".join(len(raw).to_bytes(4, "little") + raw for raw in (word.encode() for word in words))


def _listed(one: Input) -> list[Any]:
    flat = one.values.ravel()
    if one.values.dtype.kind == "f" and not np.isfinite(flat).all():
        return [number if math.isfinite(number) else None for number in flat.tolist()]
    return flat.tolist()


def read_answer(body: bytes, header: str | None, output: str, where: str) -> tuple[np.ndarray, str]:
    """Return the numbers of one output in its shape, and the version that answered.

    Raises
    ------
    MemberError
        The body is no answer, has not that output, or the output is not what it says.
    """
    head, tail = _split(body, header, where)
    try:
        answer = _ANSWER.decode(head)
    except msgspec.MsgspecError as error:
        raise _wrong(where, "an answer of the protocol", str(error)[:200]) from None
    at = 0
    for one in answer.outputs:
        size = one.parameters.get("binary_data_size", 0)
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(tail) - at:
            raise _wrong(where, "binary data as long as it says", f"{len(tail) - at} bytes for {size!r}"[:200])
        if one.name == output:
            return _tensor(one, bytes(tail[at : at + size]), where), answer.model_version
        at += size
    raise _wrong(where, f'output "{output}"', ", ".join(one.name for one in answer.outputs)[:200])


def _split(body: bytes, header: str | None, where: str) -> tuple[bytes, memoryview]:
    if header is None:
        return body, memoryview(b"")
    if not header.isascii() or not header.isdecimal() or len(header) > 12 or int(header) > len(body):
        raise _wrong(where, f"{HEADER} of at most {len(body)}", header[:40])
    return body[: int(header)], memoryview(body)[int(header) :]


def _tensor(one: _Out, raw: bytes, where: str) -> np.ndarray:
    kind = NUMBERS.get(one.datatype)
    if kind is None:
        raise _wrong(where, "an output of numbers", one.datatype[:40])
    if len(one.shape) > 8 or min(one.shape, default=0) < 0:
        raise _wrong(where, "a shape", str(one.shape)[:80])
    size = math.prod(one.shape)
    if "binary_data_size" in one.parameters:
        if len(raw) != size * kind.itemsize:
            raise _wrong(where, f"{size * kind.itemsize} bytes", str(len(raw)))
        return np.frombuffer(raw, kind).astype(np.float64).reshape(one.shape)
    values = _decoded(one.data, where)
    if values.size != size:
        raise _wrong(where, f"{size} elements", str(values.size))
    return values.reshape(one.shape)


def _decoded(data: msgspec.Raw, where: str) -> np.ndarray:
    raw = bytes(data) or b"null"
    try:
        return np.array(_FLAT.decode(raw), dtype=np.float64)
    except msgspec.MsgspecError as flat:
        try:
            return np.array(_NESTED.decode(raw), dtype=np.float64).ravel()
        except (msgspec.MsgspecError, ValueError):
            raise _wrong(where, "a list of numbers", str(flat)[:200]) from None


def _wrong(where: str, expected: str, got: str) -> MemberError:
    return MemberError("a remote model answers what cannot be used", where=where, expected=expected, got=got)
