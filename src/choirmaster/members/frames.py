"""Frames between the server and a member's child process: a kind, a length, and so many bytes. Nothing is unpickled."""

from __future__ import annotations

import socket
import struct
import time
from enum import IntEnum
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.errors import MemberError

MOST_FRAME = 2**30
_HEAD = struct.Struct("<BQ")
_SHAPE = struct.Struct("<BQQ")


class Frame(IntEnum):
    """What a frame holds."""

    SOURCE = 1  # to the child: where the member comes from, as JSON
    READY = 2  # to the server: what was loaded, as JSON
    ROWS = 3  # to the child: features, as an Arrow stream
    ANSWER = 4  # to the server: shape and float64 numbers
    ERROR = 5  # to the server: a text


class Broken(Exception):
    """The other end is gone, or does not keep to the protocol."""


def send(link: socket.socket, kind: Frame, body: bytes | pa.Buffer, until: float | None = None) -> None:
    """Send one frame; ``until`` is the monotonic time at which it is given up with TimeoutError."""
    head = _HEAD.pack(kind, len(memoryview(body)))
    try:
        for part in (head, body):
            left = memoryview(part).cast("B")
            while left:
                _limit(link, until)
                left = left[link.send(left) :]
    except TimeoutError:
        raise
    except OSError as error:
        raise Broken(str(error)) from None


def receive(link: socket.socket, until: float | None = None, most: int = MOST_FRAME) -> tuple[Frame, bytearray]:
    """Return the next frame.

    Raises
    ------
    Broken
        The other end closed, or sent what is no frame or one that is too long.
    TimeoutError
        Time was up before it was whole.
    """
    kind, length = _HEAD.unpack(_exactly(link, _HEAD.size, until))
    if kind not in frozenset(Frame) or length > most:
        raise Broken(f"a frame of kind {kind} and {length} bytes")
    return Frame(kind), _exactly(link, length, until)


def _exactly(link: socket.socket, size: int, until: float | None) -> bytearray:
    # Memory grows with what has come, not with what is announced.
    out = bytearray()
    while len(out) < size:
        _limit(link, until)
        try:
            part = link.recv(min(size - len(out), 2**20))
        except TimeoutError:
            raise
        except OSError as error:
            raise Broken(str(error)) from None
        if not part:
            raise Broken("it ended")
        out += part
    return out


def _limit(link: socket.socket, until: float | None) -> None:
    if until is None:
        link.settimeout(None)
        return
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    link.settimeout(left)


def pack_rows(features: pa.Table) -> pa.Buffer:
    """Write a feature table as one Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, features.schema) as writer:
        writer.write_table(features)
    return sink.getvalue()


def unpack_rows(body: bytearray) -> pa.Table:
    """Undo :func:`pack_rows`."""
    with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
        return reader.read_all()


def pack_answer(values: np.ndarray[Any, Any]) -> bytes:
    """Write an answer of one or two dimensions; 0 stands for "no second one"."""
    width = values.shape[1] if values.ndim == 2 else 0
    return _SHAPE.pack(values.ndim, len(values), width) + np.ascontiguousarray(values, dtype="<f8").tobytes()


def unpack_answer(body: bytearray, rows: int, width: int | None, member: str) -> np.ndarray[Any, Any]:
    """Return an answer if it has just the shape that was asked for."""
    shape = (rows,) if width is None else (rows, width)
    said = _SHAPE.unpack_from(body) if len(body) >= _SHAPE.size else (0, 0, 0)
    size = rows * (1 if width is None else width) * 8
    if said != (len(shape), rows, width or 0) or len(body) != _SHAPE.size + size:
        raise MemberError("a model answers in another shape", where=f'member "{member}"', expected=str(shape),
                          got=f"{said[1:]} and {len(body)} bytes")  # fmt: skip
    return np.frombuffer(body, dtype="<f8", offset=_SHAPE.size).reshape(shape)
