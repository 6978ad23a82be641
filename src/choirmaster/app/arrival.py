"""What can be told of how the rows of a frame arrived: repeated ids, times that cannot be, cells of another type."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.app.reading import Reader
from choirmaster.engines import columns as col
from choirmaster.plan import Plan
from choirmaster.schema import arrival_column, feature_column
from choirmaster.sources.convert import decoded, is_number, is_text
from choirmaster.states.base import Ints
from choirmaster.states.intake import CELLS
from choirmaster.states.keys import StateKey

NEVER = np.iinfo(np.int64).min


def flagged(table: pa.Table, raw: pa.Table, reader: Reader, now: int) -> pa.Table:
    """Return canonical rows with a column for each flag of ``intake/1`` that can be looked at.

    Parameters
    ----------
    table, raw : pyarrow.Table
        The rows in canonical form, and as they came, in the order in which they came.
    now : int
        The clock, in microseconds UTC.
    """
    if "id" in table.column_names:
        table = table.append_column(arrival_column("repeated"), repeated(table.column("id")))
    if "time" in table.column_names:
        times = np.concatenate(
            [np.empty(0, np.int64), *(col.micros(one) for one in table.select(["time"]).to_batches())]
        )
        for flag, values in (("future", times > now), ("backwards", backwards(times))):
            table = table.append_column(arrival_column(flag), pa.array(values, mask=times == NEVER))
    for name in reader.layout.numeric:
        kind = raw.schema.field(name).type
        if not (is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
            wrong = mistyped(raw.column(name), table.column(feature_column(name)))
            table = table.append_column(arrival_column("mistyped", name), wrong)
    return table


def typed(plan: Plan, table: pa.Table) -> Plan:
    """Return the plan that also counts the cells of another type, for the features where they are marked."""
    marked = {StateKey("", "intake/1", one): CELLS for one in plan.layout.numeric
              if arrival_column("mistyped", one) in table.column_names}  # fmt: skip
    return replace(plan, parts={**plan.parts, **marked}) if marked else plan


def repeated(ids: pa.ChunkedArray) -> pa.Array:
    """Return for each id whether an earlier row has it; null where there is none.

    >>> repeated(pa.chunked_array([["a", "b", None, "a"]])).to_pylist()
    [False, False, None, True]
    """
    coded = ids.combine_chunks().dictionary_encode()
    known = coded.is_valid().to_numpy(zero_copy_only=False)
    out = np.zeros(len(coded), bool)
    if len(coded.dictionary) < known.sum():
        places = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        out[:] = True
        out[np.unique(places, return_index=True)[1]] = False
    return pa.array(out, mask=~known)


def backwards(times: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return for each time whether a row before has a later one.

    >>> backwards(np.array([1, 3, 2, 3])).tolist()
    [False, False, True, False]
    """
    return times < np.maximum.accumulate(times) if len(times) else np.zeros(0, np.bool_)


def mistyped(raw: pa.ChunkedArray, number: pa.ChunkedArray) -> pa.Array:
    """Return for each cell whether it holds something that is no number; null where it holds nothing.

    >>> mistyped(pa.chunked_array([["1", "x", " ", None]]), pa.chunked_array([[1.0, None, None, None]])).to_pylist()
    [False, True, None, None]
    """
    cells = decoded(raw.combine_chunks())
    full = cells.is_valid()
    if is_text(cells.type):
        full = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(cells), ""), False)
    return pc.if_else(full, number.combine_chunks().is_null(), None)
