"""Bodies: read, inflated and decoded, each within its limit."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from choirmaster.errors import RequestError, TooLarge
from choirmaster.http.problems import Refused
from choirmaster.http.settings import Limits

T = TypeVar("T")
_STEP, _KEPT = 1 << 20, 16 << 20
ARROW_TYPES = ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file")
_ANY = msgspec.json.Decoder()


async def read_body(request: Request, limits: Limits) -> bytes:
    """Return the whole body, inflated where it says so.

    Raises
    ------
    TooLarge
        The body as sent, or as inflated, is beyond its limit.
    RequestError
        The length or the compression is broken.
    """
    declared = request.headers.get("content-length")
    if declared is not None:
        if not (declared.isascii() and declared.isdigit()):
            raise RequestError("bad Content-Length", expected="a whole number")
        if len(declared) > 18 or int(declared) > limits.body_bytes:
            raise too_large("body", limits.body_bytes)
    body = bytearray()  # and no list: a body may come in a chunk for each byte
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                if len(body) + len(chunk) > limits.body_bytes:
                    raise too_large("body", limits.body_bytes)
                body += chunk
    except TimeoutError:
        raise Refused(408, f"the body took longer than {limits.body_seconds} s", {"Connection": "close"}) from None
    encoding, raw = request.headers.get("content-encoding", ""), bytes(body)
    return await asyncio.to_thread(inflate, raw, encoding, limits) if encoding else raw


def too_large(what: str, limit: int) -> TooLarge:
    """Build the one message for too many bytes."""
    return TooLarge(f"{what} too large", expected=f"at most {limit} bytes")


def inflate(body: bytes, encoding: str, limits: Limits) -> bytes:
    """Undo gzip or deflate; what turns out to be too large is counted, and never held.

    >>> import gzip
    >>> inflate(gzip.compress(b"[1]"), "gzip", Limits())
    b'[1]'
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in ("gzip", "x-gzip", "deflate"):
        raise Refused(415, "unknown Content-Encoding: allowed: gzip, deflate, identity")
    kept: list[bytes] = []
    size = 0
    try:
        for piece in _pieces(body):
            size += len(piece)
            if size > limits.inflated_bytes:
                raise too_large("decompressed body", limits.inflated_bytes)
            if size <= _KEPT:
                kept.append(piece)
            else:
                kept.clear()
        return b"".join(kept if size <= _KEPT else _pieces(body))  # what is large and fits is undone once more
    except zlib.error:
        raise RequestError("cannot decompress the body", expected=name) from None


def _pieces(body: bytes) -> Iterator[bytes]:
    rest = body
    while rest:
        machine = zlib.decompressobj(zlib.MAX_WBITS | 32)
        while not machine.eof:
            piece = machine.decompress(rest, _STEP)
            rest = machine.unconsumed_tail
            if not piece and not rest and not machine.eof:
                raise RequestError("the compressed body ends too early")
            yield piece
        rest = machine.unused_data


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Read JSON as a declared type, or say where it does not fit."""
    if not body:
        raise RequestError("the body is empty", expected="JSON")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise RequestError("the body does not fit", got=_short(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError("cannot read the body as JSON", got=_short(error)) from None
    except RecursionError:
        raise RequestError("the body is nested too deeply") from None


def decode_any(body: bytes) -> Any:
    """Read JSON of any shape."""
    return decode(body, _ANY)


def _short(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:200]


def media_type(request: Request) -> str:
    """Return the body's media type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def read_arrow(body: bytes, limits: Limits) -> Any:
    """Return the table in an Arrow IPC stream or file.

    Raises
    ------
    RequestError
        The bytes are no Arrow IPC, or are damaged.
    """
    import pyarrow as pa

    if not body:
        raise RequestError("the body is empty", expected="Arrow IPC")
    try:
        source = pa.py_buffer(body)
        opened = pa.ipc.open_file(source) if body[:6] == b"ARROW1" else pa.ipc.open_stream(source)
        table = opened.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, EOFError, TypeError, KeyError, MemoryError):
        raise RequestError("cannot read the body as Arrow IPC", expected="an IPC stream or file") from None
    if table.nbytes > limits.inflated_bytes:
        raise too_large("decompressed body", limits.inflated_bytes)
    return table
