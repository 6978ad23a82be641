"""Frames of other libraries into Arrow tables, and results back into the kind that went in."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.errors import DataError
from choirmaster.schema import class_text

_UNFIT = (pa.ArrowException, OverflowError, ValueError, TypeError)


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
        return pa.table({name: _array(_known_unit(_flat(str(name), column))) for name, column in frame.items()})
    if kind == "pandas":
        _refuse_twice(map(str, frame.columns))
        return pa.Table.from_pandas(_strings(frame), preserve_index=None if _named_index(frame) else False)
    if kind == "polars":
        return _of_polars(frame.collect() if hasattr(frame, "collect") else frame)
    if kind == "duckdb":
        return frame.to_arrow_table() if hasattr(frame, "to_arrow_table") else frame.arrow()
    return pa.table(frame)


def _array(column: Any) -> Any:
    """Return a column as an array; one that Arrow cannot hold, such as one of mixed types, as texts.

    >>> _array([1, "a", None, 2.0]).to_pylist(), _array([1 << 70]).to_pylist()
    (['1', 'a', None, '2'], [Decimal('1180591620717411303424')])
    """
    if not isinstance(column, list | tuple) and getattr(column, "dtype", None) != np.dtype(object):
        return column
    cells = list(column)
    if cells and all(type(one) is int for one in cells if one is not None):
        cells = cells if _fits(cells) else [None if one is None else Decimal(one) for one in cells]
    for given in ({}, {"from_pandas": True}):  # the second reads not-a-number among texts as a missing text
        try:
            return pa.array(cells, **given)
        except _UNFIT:
            continue
    return pa.array(map(_text, cells), pa.string())


def _fits(cells: list[Any]) -> bool:
    known = [one for one in cells if one is not None]
    return not known or (min(known) >= -(1 << 63) and max(known) < 1 << 63)


def _text(cell: Any) -> str | None:
    """Return a cell as a class name; what is no Unicode in it is replaced."""
    if cell is None or (isinstance(cell, float) and cell != cell):  # noqa: PLR0124  # NaN is not itself
        return None
    return class_text(cell).encode("utf-8", "replace").decode()


def _of_polars(frame: Any) -> pa.Table:
    """Return a polars frame; a column of a type that Arrow does not know is read cell by cell."""
    try:
        return frame.to_arrow()
    except (pa.ArrowException, ValueError, TypeError):
        return pa.table({one.name: _of_polars_column(one) for one in frame.get_columns()})


def _of_polars_column(column: Any) -> pa.Array:
    try:
        return column.to_arrow()
    except (pa.ArrowException, ValueError, TypeError):
        return _array(column.to_list())


def _flat(name: str, column: Any) -> Any:
    if getattr(column, "ndim", 1) != 1:
        raise DataError("cannot read a column", where=f'column "{name}"', expected="one number or text in each row",
                        got=f"{column.ndim} dimensions")  # fmt: skip
    return column


def _known_unit(column: Any) -> Any:
    """Return numpy times in minutes, hours or weeks as microseconds; Arrow knows days and what is below minutes."""
    kind = getattr(column, "dtype", None)
    coarse = isinstance(kind, np.dtype) and kind.kind == "M" and np.datetime_data(kind)[0] in ("m", "h", "W", "M", "Y")
    return column.astype("datetime64[us]") if coarse else column


def _named_index(frame: Any) -> bool:
    return any(name is not None for name in frame.index.names)


def _strings(frame: Any) -> Any:
    """Return a pandas frame whose columns of mixed types are texts, which Arrow could not hold otherwise."""
    out = frame
    for name in frame.columns:
        column = frame[name]
        fit = _held(column)
        if fit is not column:
            if out is frame:
                out = frame.copy(deep=False)
            out[name] = fit
    return out


def _held(column: Any) -> Any:
    """Return a pandas column as one that Arrow can hold."""
    if hasattr(column, "sparse"):
        return column.sparse.to_dense()
    if column.dtype == object and column.dropna().map(type).nunique() > 1:
        return column.map(_text, na_action="ignore").astype(object)
    if column.dtype != object and column.dtype.kind != "c":
        return column
    try:
        pa.array(column, from_pandas=True)
    except _UNFIT:
        cells = _array(column.astype(object).tolist()).to_pylist()
        return type(column)(cells, index=column.index, dtype=object)
    return column


def _plain(table: pa.Table) -> pa.Table:
    fields = [pa.field(str(one.name), _plain_type(one.type)) for one in table.schema]
    names = [one.name for one in fields]
    _refuse_twice(names)
    wanted = pa.schema(fields)
    return table if table.schema.equals(wanted) else table.rename_columns(names).cast(wanted)


def _refuse_twice(names: Iterable[str]) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DataError("two columns share a name", got=f'"{twice[0]}"')


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
