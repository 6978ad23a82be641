"""LEB128 numbers, whole arrays at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from choirmaster.errors import StateMismatch

_MAX_BYTES = 10


def zigzag(values: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Map signed to unsigned so that small magnitudes stay small: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return ((values << 1) ^ (values >> 63)).view(np.uint64)


def unzigzag(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Undo :func:`zigzag`."""
    out: NDArray[np.int64] = (values >> np.uint64(1)).view(np.int64) ^ -(values & np.uint64(1)).view(np.int64)
    return out


def encode(values: NDArray[np.uint64]) -> bytes:
    """Write unsigned numbers, seven bits a byte, low bits first.

    >>> encode(np.array([1, 300], dtype=np.uint64)).hex()
    '01ac02'
    """
    longest = max(1, -(-int(values.max(initial=0)).bit_length() // 7))
    if longest == 1:
        return values.astype(np.uint8).tobytes()
    sizes = np.ones(len(values), dtype=np.int64)
    for k in range(1, longest):
        sizes += values >= np.uint64(1 << (7 * k))
    ends = np.cumsum(sizes)
    out = np.zeros(int(ends[-1]) if len(ends) else 0, dtype=np.uint8)
    starts = ends - sizes
    for k in range(longest):
        here = sizes > k
        seven = (values[here] >> np.uint64(7 * k)) & np.uint64(0x7F)
        more = np.where(sizes[here] > k + 1, np.uint64(0x80), np.uint64(0))
        out[starts[here] + k] = (seven | more).astype(np.uint8)
    return out.tobytes()


def encode_few(*values: int) -> bytes:
    """Write a handful of numbers; the same bytes as :func:`encode`, without the cost of an array.

    >>> encode_few(1, 300) == encode(np.array([1, 300], dtype=np.uint64))
    True
    """
    out = bytearray()
    for value in values:
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7  # noqa: PLW2901 - the number shrinks as its bytes are written
        out.append(value)
    return bytes(out)


def decode_few(data: bytes | memoryview, count: int) -> tuple[list[int], int]:
    """Read a handful of numbers; returns them and how many bytes they took.

    >>> decode_few(bytes.fromhex("01ac02"), 2)
    ([1, 300], 3)
    """
    found: list[int] = []
    at = value = shift = 0
    while len(found) < count:
        if at >= len(data) or shift > 7 * (_MAX_BYTES - 1):
            raise StateMismatch("state bytes end too early", expected=f"{count} numbers", got=f"{len(found)}")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            found.append(value)
            value = shift = 0
    return found, at


def decode(data: bytes | memoryview, count: int) -> tuple[NDArray[np.uint64], int]:
    """Read ``count`` numbers; returns them and how many bytes they took.

    >>> decode(bytes.fromhex("01ac02"), 2)[0].tolist()
    [1, 300]
    """
    raw = np.frombuffer(data, dtype=np.uint8, count=min(len(data), count * _MAX_BYTES))
    small = raw[:count]
    if len(small) == count and (not count or small.max() < 0x80):  # one byte each, as most counts are
        return small.astype(np.uint64), count
    ends = np.flatnonzero(raw < 0x80)[:count]
    if len(ends) < count:
        raise StateMismatch("state bytes end too early", expected=f"{count} numbers", got=f"{len(ends)}")
    starts = np.empty(count, dtype=np.int64)
    starts[:1] = 0
    starts[1:] = ends[:-1] + 1
    sizes = ends - starts + 1
    if count and int(sizes.max()) > _MAX_BYTES:
        raise StateMismatch("state bytes hold a number beyond 64 bits")
    if not count:
        return np.zeros(0, dtype=np.uint64), 0
    used = int(ends[-1]) + 1
    shifts = 7 * (np.arange(used) - np.repeat(starts, sizes))
    pieces = (raw[:used] & np.uint8(0x7F)).astype(np.uint64) << shifts.astype(np.uint64)
    return np.bitwise_or.reduceat(pieces, starts), used
