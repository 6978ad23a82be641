"""Small made-up events for the stores' tests."""

import numpy as np
import pyarrow as pa

from choirmaster.layout import Layout, SeriesSpec, Task
from choirmaster.records import LABEL_SCHEMA, Batch, EventKind, Part
from choirmaster.times import DAY, HOUR

LAYOUT = Layout(
    Task.BINARY,
    (SeriesSpec("boost"), SeriesSpec("linear"), SeriesSpec("fused")),
    ("late", "ontime"),
    "late",
    ("delay",),
    ("carrier",),
    ("carrier", "region"),
)
NUMBERS = Layout(Task.REGRESSION, (SeriesSpec("boost"),), numeric=("x",))
NOON = 20_000 * DAY


def number_of(text):
    return sum(ord(ch) * 31**place for place, ch in enumerate(text)) % 997 / 997


def predictions(ids, *, layout=LAYOUT, ensemble="delays", time=None, change=0.0, split="live"):
    """One prediction an id; everything follows from the id, so the same id has the same content."""
    columns = {}
    for field in layout.arrow():
        values = [number_of(one) + change for one in ids]
        if field.name == "id":
            column = pa.array(ids, pa.string())
        elif field.name == "time":
            at = [NOON + int(number_of(one) * 997) * HOUR // 8 for one in ids] if time is None else [time] * len(ids)
            column = pa.array(at, pa.int64()).cast(field.type)
        elif field.name == "split":
            column = pa.array([split] * len(ids)).dictionary_encode()
        elif pa.types.is_dictionary(field.type):
            column = pa.array(["ok" if "status" in field.name else f"v{int(one * 5)}" for one in values])
            column = column.dictionary_encode()
        elif pa.types.is_floating(field.type):
            column = pa.array(values, pa.float64())
        elif pa.types.is_integer(field.type):
            column = pa.array(np.zeros(len(ids), np.int64)).cast(field.type)
        else:
            column = pa.array(["w1"] * len(ids))
        columns[field.name] = column.cast(field.type)
    rows = pa.RecordBatch.from_arrays(list(columns.values()), schema=layout.arrow())
    return Batch(EventKind.PREDICTION, ensemble, rows)


def labels(rows, *, ensemble="delays"):
    """``rows`` are (id, value, known_at, source, revision); missing tails are null."""
    whole = [(*row, *[None] * (5 - len(row))) for row in rows]
    columns = list(zip(*whole, strict=True)) if whole else [[]] * 5
    arrays = [
        pa.array(column, pa.int64()).cast(field.type) if field.name == "known_at" else pa.array(column, field.type)
        for column, field in zip(columns, LABEL_SCHEMA, strict=True)
    ]
    return Batch(EventKind.LABEL, ensemble, pa.RecordBatch.from_arrays(arrays, schema=LABEL_SCHEMA))


class Line:
    """A journal without a disk: hands out parts with ascending sequences."""

    def __init__(self, identity="j" * 32):
        self.identity, self.sequence = identity, 0

    def part(self, batch, *, at=NOON):
        self.sequence += 1
        return Part(self.identity, self.sequence, at, batch)


def ids(count, start=0):
    return [f"f{one}" for one in range(start, start + count)]
