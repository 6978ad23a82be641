"""The elements of one input tensor, from JSON or from bytes; every length is checked before it is believed."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from choirmaster.errors import RequestError
from choirmaster.http.oip.messages import BINARY_HEADER, BINARY_SIZE, InferRequest, Tensor

JSON_TYPES = (
    "FP64", "FP32", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8", "BOOL", "BYTES",
)  # fmt: skip
BINARY_ONLY = ("FP16", "BF16")
_LITTLE = {
    "FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "BF16": "<u2", "INT64": "<i8", "INT32": "<i4", "INT16": "<i2",
    "INT8": "<i1", "UINT64": "<u8", "UINT32": "<u4", "UINT16": "<u2", "UINT8": "<u1", "BOOL": "<u1",
}  # fmt: skip
_LENGTH = struct.Struct("<I")

Elements = Any
"""A list of JSON elements, or a numpy array, or a list of texts; flat and row-major."""


def place(tensor: Tensor) -> str:
    """Return the words that say which input."""
    return f'input "{tensor.name[:100]}"'


def short_shape(tensor: Tensor) -> str:
    """Return a shape, short enough for a message."""
    return str(tensor.shape[:5]) if len(tensor.shape) <= 5 else f"{len(tensor.shape)} dimensions"


def elements(tensor: Tensor, raw: memoryview | None) -> Elements:
    """Return the elements of a tensor, as many as its shape says.

    Parameters
    ----------
    raw : memoryview or None
        The bytes behind the JSON that belong to it; None where the data is JSON.

    Raises
    ------
    RequestError
        The datatype, the number of elements or the bytes do not fit.
    """
    known = JSON_TYPES if raw is None else (*JSON_TYPES, *BINARY_ONLY)
    if tensor.datatype not in known:
        what = f"datatype {tensor.datatype} cannot be sent as JSON" if tensor.datatype in BINARY_ONLY else ""
        raise RequestError(what or "unknown datatype", where=place(tensor), got=f'"{tensor.datatype[:40]}"',
                           allowed=known)  # fmt: skip
    if raw is None:
        return _of_json(tensor)
    return _texts(tensor, raw) if tensor.datatype == "BYTES" else _numbers(tensor, raw)


# -- JSON -----------------------------------------------------------------------------------------------------------


def _of_json(tensor: Tensor) -> list[Any]:
    """Return the data as one flat list; nested by rows is the same thing."""
    if tensor.data is None:
        raise RequestError(f"{place(tensor)} has no data", expected=f"data, or parameters.{BINARY_SIZE}")
    data = tensor.data
    if data and any(type(one) is list for one in data):
        data = _unnest(data, tensor)
    _fits(tensor, len(data), math.prod(tensor.shape), "elements")
    return data


def _unnest(data: list[Any], tensor: Tensor) -> list[Any]:
    width = 1 if len(tensor.shape) == 1 else tensor.shape[1]
    for row, one in enumerate(data):
        if type(one) is not list or len(one) != width or len(tensor.shape) == 1:
            raise RequestError("ragged data", where=f"{place(tensor)}, row {row}", expected=f"rows of {width} elements")
    return [element for one in data for element in one]


def _fits(tensor: Tensor, got: int, expected: int, unit: str) -> None:
    if got != expected:
        raise RequestError(f"{place(tensor)} does not fit its shape", expected=f"{expected} {unit}", got=str(got))


# -- bytes ----------------------------------------------------------------------------------------------------------


def split(body: bytes, header: str | None) -> tuple[bytes, memoryview | None]:
    r"""Return the JSON part of a body and the bytes behind it; None where the header is not there.

    Raises
    ------
    RequestError
        The header is no whole number in [0, length of the body].

    Examples
    --------
    >>> json, rest = split(b"{}\x01", "2")
    >>> json, bytes(rest)
    (b'{}', b'\x01')
    """
    if header is None:
        return body, None
    text = header.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) <= len(body)):
        raise RequestError(
            f"bad {BINARY_HEADER}", expected=f"a whole number, at most {len(body)}", got=f'"{text[:40]}"'
        )
    return body[: int(text)], memoryview(body)[int(text) :]


def share_out(request: InferRequest, tail: memoryview | None) -> list[memoryview | None]:
    """Return the bytes of each input, None for one whose data is JSON; all bytes must be used up.

    Raises
    ------
    RequestError
        A size that is none, both kinds of data, or sizes that do not add up to what there is.
    """
    out: list[memoryview | None] = []
    at, there = 0, 0 if tail is None else len(tail)
    for tensor in request.inputs:
        size = (tensor.parameters or {}).get(BINARY_SIZE)
        if size is None:
            out.append(None)
            continue
        if tail is None:
            raise RequestError(f"{place(tensor)} says it is binary", fix=f"send the header {BINARY_HEADER}")
        if tensor.data is not None:
            raise RequestError(f"{place(tensor)} has both data and {BINARY_SIZE}", expected="one of them")
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= there - at:
            raise RequestError(f"bad {BINARY_SIZE}", where=place(tensor), expected=f"0 to {there - at}, the bytes left",
                               got=str(size)[:40])  # fmt: skip
        assert tail is not None
        out.append(tail[at : at + size])
        at += size
    if at != there:
        raise RequestError("bytes are left over behind the inputs", expected=f"{at} bytes", got=str(there))
    return out


def _numbers(tensor: Tensor, raw: memoryview) -> np.ndarray[Any, Any]:
    kind = np.dtype(_LITTLE[tensor.datatype])
    _fits(tensor, len(raw), math.prod(tensor.shape) * kind.itemsize, "bytes")
    found = np.frombuffer(raw, kind)
    if tensor.datatype == "BF16":  # the upper half of a 32-bit number
        return (found.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if tensor.datatype == "BOOL":
        return found != 0
    return found.astype(np.float64) if kind.kind == "f" else found


def _texts(tensor: Tensor, raw: memoryview) -> list[str]:
    count, out, at = math.prod(tensor.shape), [], 0
    if count > len(raw) // _LENGTH.size:
        raise RequestError(f"{place(tensor)} is cut short", got=f"{len(raw)} bytes",
                           expected=f"{count} elements, each a length and its bytes")  # fmt: skip
    for row in range(count):
        if at + _LENGTH.size > len(raw):
            raise RequestError(f"{place(tensor)} is cut short", where=f"element {row}", expected=f"{count} elements")
        (length,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size
        if length > len(raw) - at:
            raise RequestError(f"{place(tensor)} has a wrong length", where=f"element {row}", got=str(length),
                               expected=f"at most the {len(raw) - at} bytes left")  # fmt: skip
        try:
            out.append(str(raw[at : at + length], "utf-8"))
        except UnicodeDecodeError:
            raise RequestError(f"{place(tensor)} is no text", where=f"element {row}", expected="UTF-8") from None
        at += length
    if at != len(raw):
        raise RequestError(f"{place(tensor)} has bytes left over", expected=f"{at} bytes", got=str(len(raw)))
    return out


def raw_request(feature: str, *, text: bool, tail: memoryview) -> InferRequest:
    """Return the request that a body of nothing but one tensor stands for; all outputs come back as bytes.

    Raises
    ------
    RequestError
        The bytes are no whole number of elements.
    """
    rows = _count(tail) if text else len(tail) // 8
    tensor = Tensor(feature, [rows], "BYTES" if text else "FP64", None, {BINARY_SIZE: len(tail)})
    return InferRequest([tensor], parameters={"binary_data_output": True})


def _count(tail: memoryview) -> int:
    """Return how many lengths with their bytes stand one after the other; what is wrong with them is said later."""
    at = rows = 0
    while at + _LENGTH.size <= len(tail):
        at += _LENGTH.size + _LENGTH.unpack_from(tail, at)[0]
        rows += 1
    return rows
