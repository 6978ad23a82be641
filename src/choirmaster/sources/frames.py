"""Frames of other libraries into Arrow tables, and results back into the kind that went in."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.errors import DataError


def kind_of(frame: Any) -> str:
    """Return ``arrow``, ``pandas``, ``polars``, ``duckdb``, ``records`` or ``columns``.

    >>> kind_of([{"a": 1}]), kind_of(pa.table({"a": [1]}))
    ('records', 'arrow')
    """
    if isinstance(frame, list | tuple):
        return "records"
    if isinstance(frame, Mapping):
        return "columns"
    top = type(frame).__module__.partition(".")[0]
    if top in ("pandas", "polars"):
        return top
    return "duckdb" if top in ("duckdb", "_duckdb") else "arrow"


def as_table(frame: Any) -> pa.Table:
    """Return a frame as a table; text views become texts, an index that pandas made by itself is not kept.

    >>> as_table([{"a": 1}, {"a": 2, "b": "x"}]).to_pydict()
    {'a': [1, 2], 'b': [None, 'x']}
    """
    kind = kind_of(frame)
    try:
        return _plain(_convert(frame, kind))
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise DataError("cannot read a frame", got=f"{type(frame).__name__}: {str(error)[:200]}",
                        expected="pandas, polars, Arrow, DuckDB, records, or columns") from None  # fmt: skip


def _convert(frame: Any, kind: str) -> pa.Table:
    if isinstance(frame, pa.Table):
        return frame
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    if isinstance(frame, pa.RecordBatchReader):
        return frame.read_all()
    if kind == "records":
        if not all(isinstance(one, Mapping) for one in frame):
            raise TypeError("each record must be a mapping")
        names = list(dict.fromkeys(name for one in frame for name in one))
        return pa.table({name: _array([one.get(name) for one in frame]) for name in names})
    if kind == "columns":
        return pa.table({name: _array(_known_unit(column)) for name, column in frame.items()})
    if kind == "pandas":
        return pa.Table.from_pandas(_strings(frame), preserve_index=None if _named_index(frame) else False)
    if kind == "polars":
        return (frame.collect() if hasattr(frame, "collect") else frame).to_arrow()
    if kind == "duckdb":
        return frame.to_arrow_table() if hasattr(frame, "to_arrow_table") else frame.arrow()
    return pa.table(frame)


def _array(column: Any) -> Any:
    """Return a list as an array; not-a-number among texts is a missing text."""
    if not isinstance(column, list | tuple):
        return column
    try:
        return pa.array(column)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array(column, from_pandas=True)


def _known_unit(column: Any) -> Any:
    """Return numpy times in minutes, hours or weeks as microseconds; Arrow knows days and what is below minutes."""
    kind = getattr(column, "dtype", None)
    coarse = isinstance(kind, np.dtype) and kind.kind == "M" and np.datetime_data(kind)[0] in ("m", "h", "W", "M", "Y")
    return column.astype("datetime64[us]") if coarse else column


def _named_index(frame: Any) -> bool:
    return any(name is not None for name in frame.index.names)


def _strings(frame: Any) -> Any:
    """Return a pandas frame whose object columns of mixed types are texts, which Arrow could not hold otherwise."""
    from choirmaster.schema import class_text

    out = frame
    for name in frame.columns:
        column = frame[name]
        if column.dtype == object and column.dropna().map(type).nunique() > 1:
            if out is frame:
                out = frame.copy(deep=False)
            out[name] = column.map(class_text, na_action="ignore").astype(object)
    return out


def _plain(table: pa.Table) -> pa.Table:
    fields = [pa.field(str(one.name), _plain_type(one.type)) for one in table.schema]
    names = [one.name for one in fields]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError("two columns share a name", got=f'"{twice[0]}"')
    wanted = pa.schema(fields)
    return table if table.schema.equals(wanted) else table.rename_columns(names).cast(wanted)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind) or pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_dictionary(kind):
        value = _plain_type(kind.value_type)
        return pa.dictionary(pa.int32(), value) if value != kind.value_type or kind.index_type != pa.int32() else kind
    return kind


def back_to(kind: str, table: pa.Table) -> Any:
    """Return a result table in the kind that went in; records and columns come back as plain Python.

    >>> back_to("records", pa.table({"a": [1]}))
    [{'a': 1}]
    """
    if kind == "pandas":
        return table.to_pandas()
    if kind in ("polars", "duckdb"):  # loaded, because a frame of it came in
        return sys.modules[kind].from_arrow(table)
    return {"records": table.to_pylist, "columns": table.to_pydict}.get(kind, lambda: table)()
