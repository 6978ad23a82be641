"""Ids that come more than once in a scan, found in bounded memory whatever thread reads which row first."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from choirmaster.states.base import Ints
from choirmaster.times import Window

Hashes = NDArray[np.uint64]
KEPT = 1 << 20
LONGEST = 64  # bytes of an id that are hashed eight at a time
PLACE_BITS = 40  # of a row within its split
_SEED, _ONE, _TWO = (np.uint64(one) for one in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def hashes(ids: pa.Array) -> Hashes:
    """Return a 64-bit hash of each text, from its bytes alone; those of nulls mean nothing.

    >>> one = hashes(pa.array(["a", "b", "a", ""]))
    >>> bool(one[0] == one[2]), len(set(one.tolist()))
    (True, 3)
    """
    ids = ids.cast(pa.large_string())
    offsets = np.frombuffer(ids.buffers()[1], np.int64)[ids.offset : ids.offset + len(ids) + 1]
    first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    used = ids.buffers()[2].slice(first, last - first).to_pybytes() if last > first else b""
    text = np.frombuffer(used + bytes(8), np.uint8)
    words: Hashes = np.ndarray((len(text) - 7,), np.dtype("<u8"), text, 0, (1,))  # the eight bytes from each place on
    starts, sizes = offsets[:-1] - first, np.diff(offsets)
    out = _mixed(sizes.astype(np.uint64) + _SEED)
    for at in range(0, min(int(sizes.max(initial=0)), LONGEST), 8):
        rows = np.flatnonzero(sizes > at)
        left = np.minimum(sizes[rows] - at, 8).astype(np.uint64)
        word = words[starts[rows] + at] & (~np.uint64(0) >> (np.uint64(64) - np.uint64(8) * left))
        out[rows] = _mixed(out[rows] ^ word)
    for row in np.flatnonzero(sizes > LONGEST):
        whole = text[starts[row] : starts[row] + sizes[row]].tobytes()
        out[row] = int.from_bytes(hashlib.blake2b(whole, digest_size=8).digest(), "little")
    return out


def _mixed(x: Hashes) -> Hashes:
    """Steele, Lea and Flood's finalizer of SplitMix64 (OOPSLA 2014): each bit in changes half of those out."""
    x = x + _SEED
    x = (x ^ (x >> np.uint64(30))) * _ONE
    x = (x ^ (x >> np.uint64(27))) * _TWO
    return x ^ (x >> np.uint64(31))


class Repeats:
    """Counts by window the rows whose id an earlier row of the scan has; earlier is the order of splits, then of rows.

    Exact up to ``at_most`` different pairs of id and window. Beyond, looked at are the ids whose hash ends in one more
    zero bit, or two, and so on, until so many are left: which ids these are follows from the ids alone, and an id is
    looked at in all of its rows or in none. Two ids of one hash are taken for one: with a million ids, in one scan of
    40 million.

    Parameters
    ----------
    at_most : int
        Pairs that are kept, 28 bytes each; as many rows again wait to be sorted in.
    """

    def __init__(self, at_most: int = KEPT) -> None:
        self.at_most, self.bits = at_most, 0
        self._lock = threading.Lock()
        self._places: dict[Window, int] = {}
        self._kept = _Seen.empty()
        self._waiting: list[_Seen] = []
        self._rows = 0

    def add(self, ids: pa.Array, places: Ints, windows: Sequence[Window], index: Ints) -> None:
        """Add rows: their ids, their places in the order of all rows, and the window of each, below 0 for none.

        A row of no window is not counted; rows after it with its id are repeated all the same.
        """
        known = ids.is_valid().to_numpy(zero_copy_only=False)
        if not known.any():
            return
        marks = hashes(ids)
        with self._lock:
            numbers = np.array([*(self._places.setdefault(one, len(self._places)) for one in windows), -1], np.int32)
            known &= (marks & self._mask) == 0
            rows = np.flatnonzero(known)
            self._waiting.append(
                _Seen(marks[rows], places[rows], numbers[np.maximum(index[rows], -1)], np.ones(len(rows), np.int64))
            )
            self._rows += len(rows)
            if self._rows >= self.at_most:
                self._sort_in()

    @property
    def _mask(self) -> np.uint64:
        return np.uint64((1 << self.bits) - 1)

    def _sort_in(self) -> None:
        self._kept = _Seen.joined([self._kept, *self._waiting])
        self._waiting, self._rows = [], 0
        while len(self._kept.hash) > self.at_most and self.bits < 64:
            self.bits += 1
            self._kept = self._kept.take((self._kept.hash & self._mask) == 0)

    def counts(self) -> dict[Window, tuple[int, int]]:
        """Return for each window the rows that are the first of their id, and those that are not."""
        with self._lock:
            self._sort_in()
            kept = self._kept
        order = np.lexsort((kept.place, kept.hash))
        first = np.zeros(len(order), np.int64)
        first[order] = np.diff(kept.hash[order], prepend=~kept.hash[order[:1]]) != 0
        rows, new = (np.bincount(kept.window + 1, one, len(self._places) + 1)[1:] for one in (kept.count, first))
        return {one: (int(new[at]), int(rows[at] - new[at])) for one, at in self._places.items() if rows[at]}


class _Seen:
    """Hash, first place, window and number of rows of each pair of id and window."""

    def __init__(self, hash_: Hashes, place: Ints, window: NDArray[np.int32], count: Ints) -> None:
        self.hash, self.place, self.window, self.count = hash_, place, window, count

    @classmethod
    def empty(cls) -> _Seen:
        return cls(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int64))

    @classmethod
    def joined(cls, several: Sequence[_Seen]) -> _Seen:
        """Return one entry for each pair."""
        columns = [[getattr(one, name) for one in several] for name in ("hash", "place", "window", "count")]
        hash_, place, window, count = (np.concatenate(one) for one in columns)
        order = np.lexsort((place, window, hash_))
        hash_, window = hash_[order], window[order]
        new = np.ones(len(order), bool)
        new[1:] = (hash_[1:] != hash_[:-1]) | (window[1:] != window[:-1])
        at = np.flatnonzero(new)
        sums = np.add.reduceat(count[order], at) if len(at) else count
        return cls(hash_[at], place[order][at], window[at], sums)

    def take(self, chosen: NDArray[np.bool_]) -> _Seen:
        return _Seen(self.hash[chosen], self.place[chosen], self.window[chosen], self.count[chosen])
