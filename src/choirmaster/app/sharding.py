"""Count a shard of the rows wherever it lies: the work as bytes in, partial states as bytes out.

Nothing here knows Spark. A thread, a process or an executor calls :func:`count_rows` with its rows, somebody calls
:func:`merge_rows` with rows of equal key together, and the result is the scan that one thread would have made.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pyarrow as pa

from choirmaster.app.arrival import arriving, marked, mixed
from choirmaster.app.reading import Reader
from choirmaster.engines.compile import compiled
from choirmaster.engines.local import Accumulator
from choirmaster.engines.shards import merged, partials
from choirmaster.plan import Plan, plan_for
from choirmaster.schema import Schema
from choirmaster.sources.faults import Faults
from choirmaster.states import BY_KIND
from choirmaster.states.reference import Reference, from_bytes, to_bytes
from choirmaster.times import Grain

_MAGIC = b"CMW1"


@dataclass(frozen=True)
class Work:
    """All that counting a shard needs, as plain data.

    Attributes
    ----------
    schema : Schema
        What the user declared.
    arrow : pyarrow.Schema
        The columns of the rows, as the driver knows them; a shard's columns are brought to these types.
    form : str
        How times are written.
    reference : Reference
        Layout, parts and segments; its own states stay at home.
    grain : Grain or None
    now : int or None
        The clock: what lies after it is counted; None looks at nothing of how rows arrived.
    """

    schema: Schema
    arrow: pa.Schema
    form: str
    reference: Reference
    grain: Grain | None
    now: int | None = None

    @property
    def plan(self) -> Plan:
        """The plan of the scan, the same on every machine."""
        plan = plan_for(self.reference, self.grain, calls=False, intake=True)
        return plan if self.now is None else arriving(plan, self.now, mixed(self.reference.layout, self.arrow))

    def reader(self, faults: Faults) -> Reader:
        """Return what turns rows into canonical ones."""
        return Reader(self.schema, self.reference.layout, self.arrow, self.form, faults)

    def to_bytes(self) -> bytes:
        """Write a JSON header, the Arrow schema and the reference without its states; no pickle."""
        grain = None if self.grain is None else [self.grain.count, self.grain.unit, self.grain.zone]
        head = json.dumps(
            {"schema": self.schema.as_dict(), "form": self.form, "grain": grain, "now": self.now}
        ).encode()
        pieces = (head, self.arrow.serialize().to_pybytes(), to_bytes(replace(self.reference, states={})))
        return _MAGIC + b"".join(struct.pack("<Q", len(one)) + one for one in pieces)

    @classmethod
    def from_bytes(cls, data: bytes) -> Work:
        """Read the work back."""
        source = io.BytesIO(data)
        if source.read(4) != _MAGIC:
            raise ValueError("these bytes are no work")  # written and read by the same version
        head, arrow, reference = (source.read(struct.unpack("<Q", source.read(8))[0]) for _ in range(3))
        plain: dict[str, Any] = json.loads(head)
        declared = plain["schema"]
        schema = Schema(declared.pop("task"), **declared)
        grain = None if plain["grain"] is None else Grain(*plain["grain"])
        return cls(schema, pa.ipc.read_schema(pa.py_buffer(arrow)), plain["form"], from_bytes(reference, BY_KIND),
                   grain, plain["now"])  # fmt: skip


@lru_cache(maxsize=2)
def _work(data: bytes) -> Work:
    return Work.from_bytes(data)


def count_rows(work: bytes, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the partial states of some rows, whose columns are those of the work by position."""
    wanted, faults = _work(work), Faults()
    reader = wanted.reader(faults)
    types = [wanted.arrow.field(name) for name in reader.canonical.columns]
    found = Accumulator(wanted.plan, compiled())
    for batch in batches:
        raw = _fit(batch, types)
        found.take(reader.batch(raw) if wanted.now is None else marked(reader, raw, wanted.now))
    counts = [[*name, count, faults.examples[name]] for name, count in sorted(faults.counts.items())]
    yield from partials(found, counts)


def merge_rows(work: bytes, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the sums of partial states; rows of equal key come one after the other."""
    return merged(batches, _work(work).plan.parts)


def _fit(batch: pa.RecordBatch, wanted: list[pa.Field]) -> pa.RecordBatch:
    """Return the columns with the names and types that the driver decided by."""
    arrays = [
        column if column.type == one.type or pa.types.is_dictionary(one.type) else column.cast(one.type, safe=False)
        for column, one in zip(batch.columns, wanted, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=[one.name for one in wanted])
