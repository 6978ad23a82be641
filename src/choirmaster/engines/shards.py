"""Partial states as rows: what one shard of the rows found, on its way to where all shards are added up.

A row is (window, segment, state key, state bytes). Rows of equal key add up in any order to the same bits, so shards
may be cut, shuffled and counted anywhere: in threads, in processes, on a cluster. One more row, with an empty key, says
how many rows the shard read and what was wrong in them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from choirmaster.engines.local import Accumulator, Scan
from choirmaster.engines.sparse import restore, squeeze
from choirmaster.engines.windowing import later
from choirmaster.plan import Plan
from choirmaster.states import BY_KIND
from choirmaster.states.base import Part, State
from choirmaster.states.keys import StateKey, parse_key
from choirmaster.states.pack import States, merge_states, pack
from choirmaster.states.versions import fold, whole
from choirmaster.times import Window

KEYS = ("window_start", "window_end", "segment", "key")
PARTIAL = pa.schema([
    pa.field("window_start", pa.int64()), pa.field("window_end", pa.int64()), pa.field("segment", pa.string()),
    pa.field("key", pa.string()), pa.field("state", pa.binary()),
])  # fmt: skip
MOST_ROWS, MOST_BYTES = 4096, 4 << 20  # of one batch on the way
_Row = tuple[int, int, str, str, bytes]


@dataclass
class Tally:
    """What a shard says beside its states.

    Attributes
    ----------
    rows, untimed : int
        Rows read, and those without a usable time.
    faults : list
        ``[column, reason, cells, examples]`` of what was wrong.
    newest : list
        ``[start, end, time]`` of the newest row of each window.
    """

    rows: int = 0
    untimed: int = 0
    faults: list[list[Any]] = field(default_factory=list)
    newest: list[list[int]] = field(default_factory=list)

    def to_bytes(self) -> bytes:
        """Write the tally as JSON."""
        return json.dumps([self.rows, self.untimed, self.faults, self.newest]).encode()

    @property
    def latest(self) -> dict[Window, int]:
        """The newest time of each window."""
        return {Window(start, end): time for start, end, time in self.newest}

    @classmethod
    def from_bytes(cls, data: bytes) -> Tally:
        """Read a tally back."""
        return cls(*json.loads(data))

    def plus(self, other: Tally) -> Tally:
        """Return both together; of the examples the first few are kept."""
        found = {(one[0], one[1]): [one[2], list(one[3])] for one in self.faults}
        for column, reason, count, examples in other.faults:
            known = found.setdefault((column, reason), [0, []])
            known[0] += count
            known[1] = (known[1] + list(examples))[:5]
        faults = [[*name, *rest] for name, rest in sorted(found.items())]
        newest = self.latest
        later(newest, other.latest)
        return Tally(self.rows + other.rows, self.untimed + other.untimed, faults, as_lists(newest))


def as_lists(newest: Mapping[Window, int]) -> list[list[int]]:
    """Return the newest time of each window as plain data, in order."""
    return [[window.start, window.end, time] for window, time in sorted(newest.items())]


def partials(found: Accumulator, faults: list[list[Any]]) -> Iterator[pa.RecordBatch]:
    """Yield what one shard found; lets go of each window as it goes."""
    return _batches(_rows(found, faults))


def _rows(found: Accumulator, faults: list[list[Any]]) -> Iterator[_Row]:
    found.finish()
    yield 0, 0, "", "", Tally(found.rows, found.untimed, faults, as_lists(found.newest)).to_bytes()
    for slot in sorted(found.open.keys() | found.aside.keys()):
        window, segment = slot
        states: States = found.open.pop(slot, {})
        if slot in found.aside:
            states = merge_states(restore(found.aside.pop(slot), found.plan.parts), states)
        for key, state in states.items():
            yield window.start, window.end, segment, key.text, state.to_bytes()


def _batches(rows: Iterable[_Row]) -> Iterator[pa.RecordBatch]:
    kept: list[_Row] = []
    size = 0
    for row in rows:
        kept.append(row)
        size += len(row[-1])
        if len(kept) >= MOST_ROWS or size >= MOST_BYTES:
            yield _batch(kept)
            kept, size = [], 0
    if kept:
        yield _batch(kept)


def _batch(rows: list[_Row]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, one.type) for column, one in zip(columns, PARTIAL, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=PARTIAL)


def merged(batches: Iterable[pa.RecordBatch], parts: Mapping[StateKey, Part]) -> Iterator[pa.RecordBatch]:
    """Yield one row for each key from rows in order of their keys: one state at a time is in memory."""
    return _batches(_merged(batches, parts))


def _merged(batches: Iterable[pa.RecordBatch], parts: Mapping[StateKey, Part]) -> Iterator[_Row]:
    at: tuple[int, int, str, str] | None = None
    here: State | Tally | None = None
    for start, end, segment, key, data in _each(batches):
        one = _read(key, data, parts)
        if at == (start, end, segment, key):
            here = _sum(here, one)
            continue
        if at is not None and here is not None:
            yield (*at, here.to_bytes())
        at, here = (start, end, segment, key), one
    if at is not None and here is not None:
        yield (*at, here.to_bytes())


def _each(batches: Iterable[pa.RecordBatch]) -> Iterator[_Row]:
    for batch in batches:
        yield from zip(*(batch.column(index).to_pylist() for index in range(len(PARTIAL))), strict=True)


def _read(key: str, data: bytes, parts: Mapping[StateKey, Part]) -> State | Tally:
    if not key:
        return Tally.from_bytes(data)
    known = parse_key(key)
    return BY_KIND[known.kind].from_bytes(data, parts[whole(known)])


def _sum(one: State | Tally | None, other: State | Tally) -> State | Tally:
    if isinstance(one, Tally) and isinstance(other, Tally):
        return one.plus(other)
    assert isinstance(one, State)
    assert isinstance(other, State)
    return one.merge(other)


def gathered(batches: Iterable[pa.RecordBatch], plan: Plan) -> tuple[Scan, Tally]:
    """Return the scan that the shards together are; rows of one key may come several times and in any order."""
    out, tally = Scan(), Tally()
    for start, end, segment, key, data in _each(batches):
        one = _read(key, data, plan.parts)
        if isinstance(one, Tally):
            tally = tally.plus(one)
            continue
        aside = out.aside.setdefault((Window(start, end), segment), {})
        name = parse_key(key)
        if name in aside:
            one = restore({name: aside[name]}, plan.parts)[name].merge(one)
        aside |= squeeze({name: one})
    for slot, aside in out.aside.items():
        if any(key.version != "*" for key in aside):  # each shard kept its own last versions
            out.aside[slot] = squeeze(fold(restore(aside, plan.parts)))
    out.rows, out.untimed, out.newest = tally.rows, tally.untimed, tally.latest
    return out, tally


def digest(found: Scan, plan: Plan) -> str:
    """Return a hash over all states of all windows and segments: equal on every engine, however the rows were cut."""
    out = hashlib.blake2b(digest_size=16)
    for window, segment in found.slots():
        packed = pack(found.states(plan, (window, segment)))
        out.update(f"{window.start} {window.end} {segment} {len(packed)} ".encode() + packed)
    return out.hexdigest()
