"""Which segment each row of a batch lies in: values of one column, or of several crossed (D2).

The segments are fixed by the reference, so their number never grows with the rows: the values kept of a column, and the
cells kept of a cross, are the most frequent of the reference; all others count together in ``%other``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from choirmaster.engines import columns as col
from choirmaster.engines.batch import BatchColumns
from choirmaster.ids import parse_segment, segment_key
from choirmaster.layout import Layout
from choirmaster.plan import Plan
from choirmaster.states.base import Ints

OTHER_SEGMENT = "%other"
MAX_CROSS_CELLS = 200
TABLES_KEPT = 64


class Slices(NamedTuple):
    """The segment of each row: ``names[codes[i]]``."""

    codes: Ints
    names: list[str]


def slices(source: BatchColumns, plan: Plan) -> Iterator[Slices]:
    """Yield each way to cut the rows of a batch: by each column, then by each cross. A row is once in each."""
    for name in plan.layout.segments:
        yield segment_codes(source, name, plan)
    for names in plan.layout.crosses:
        yield cross_codes(source, names, plan)


def segment_codes(source: BatchColumns, name: str, plan: Plan) -> Slices:
    """Return the segment of each row: reference values first, capped, then ``%other`` and the missing ones."""
    column = plan.layout.segment_column(name)
    values = plan.segment_values(name)
    k = len(values)

    def read() -> Ints:
        return col.codes(source.batch, column, values, unseen=k, missing=k + 1)

    names = [segment_key({name: value}) for value in (*values, OTHER_SEGMENT, None)]
    return Slices(source.once("segment", name, read), names)


def cross_codes(source: BatchColumns, names: tuple[str, ...], plan: Plan) -> Slices:
    """Return the cell of each row: those kept of the reference, then ``%other``; a missing value is a value here."""
    kept = plan.crosses.get(names, ())
    table = _table(names, kept)
    flat = np.zeros(source.batch.num_rows, np.int64)
    for name, values in zip(names, table.values, strict=True):
        k = len(values)
        column = plan.layout.segment_column(name)
        flat = flat * (k + 2) + col.codes(source.batch, column, values, unseen=k, missing=k + 1)
    other = segment_key(dict.fromkeys(names, OTHER_SEGMENT))
    if not kept:
        return Slices(np.zeros(len(flat), np.int64), [other])
    at = np.minimum(np.searchsorted(table.wanted, flat), len(kept) - 1)
    codes = np.where(table.wanted[at] == flat, table.cells[at], len(kept))
    return Slices(codes, [*kept, other])


class _Table(NamedTuple):
    """How cells are looked up: the values of each column, and each cell's number among all combinations, sorted."""

    values: tuple[tuple[str, ...], ...]
    wanted: Ints
    cells: Ints


@lru_cache(maxsize=TABLES_KEPT)
def _table(names: tuple[str, ...], kept: tuple[str, ...]) -> _Table:
    cells = [parse_segment(key) for key in kept]
    columns = []
    numbers = np.zeros(len(cells), np.int64)
    for name in names:
        values = tuple(sorted({value for cell in cells if (value := cell[name]) is not None}))
        place: dict[str | None, int] = {value: at for at, value in enumerate(values)}
        place[None] = len(values) + 1
        numbers = numbers * (len(values) + 2) + np.array([place[cell[name]] for cell in cells], np.int64)
        columns.append(values)
    order = np.argsort(numbers)
    return _Table(tuple(columns), numbers[order], order)


def frequent_cells(
    batch: pa.RecordBatch, layout: Layout, names: tuple[str, ...], *, at_most: int = MAX_CROSS_CELLS
) -> tuple[str, ...]:
    """Return the segment keys of the most frequent combinations of some columns; of equals the first by name."""
    if not all(col.has(batch, layout.segment_column(name)) for name in names):
        return ()
    texts = [col.as_texts(batch.column(layout.segment_column(name))).dictionary_decode() for name in names]
    counted = pa.table(texts, names=[str(at) for at in range(len(names))])
    found = counted.group_by(counted.column_names).aggregate([([], "count_all")])
    sizes = found.column("count_all").to_numpy()
    if len(sizes) > at_most:  # those as frequent as the last one kept compete by name
        least = np.partition(sizes, len(sizes) - at_most)[len(sizes) - at_most]
        found = found.filter(pa.array(sizes >= least))
    keys = [segment_key({name: row[str(at)] for at, name in enumerate(names)}) for row in found.to_pylist()]
    ranked = sorted(zip(found.column("count_all").to_pylist(), keys, strict=True), key=lambda pair: (-pair[0], pair[1]))
    return tuple(key for _, key in ranked[:at_most])
