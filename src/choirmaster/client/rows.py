"""Rows as a user has them, into what is sent: records as JSON, frames as Arrow. Pure functions."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from choirmaster.errors import RequestError, ShapeMismatch

ARROW = "application/vnd.apache.arrow.stream"


def records(rows: Any) -> list[dict[str, Any]]:
    """Return records of a list, one record, or a frame (pandas, polars, Arrow); NaN and NaT are missing.

    >>> records({"x": float("nan"), "c": "u"})
    [{'x': None, 'c': 'u'}]
    """
    if isinstance(rows, Mapping):
        rows = [rows]
    elif hasattr(rows, "to_pylist"):
        rows = rows.to_pylist()
    elif hasattr(rows, "to_dicts"):
        rows = rows.to_dicts()
    elif hasattr(rows, "to_dict"):
        rows = rows.to_dict("records")
    elif isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
        raise RequestError("cannot read the rows", expected="records or a frame", got=type(rows).__name__)
    return [_record(row) for row in rows]


def _record(row: Any) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise RequestError("cannot read a row", expected="a mapping of feature to value", got=type(row).__name__)
    return {str(key): _cell(value) for key, value in row.items()}


def _cell(value: Any) -> Any:
    """Return what JSON can hold: NaN and NaT are missing, times are ISO 8601, numpy numbers plain ones."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if hasattr(value, "isoformat"):
        return None if value != value else value.isoformat()  # noqa: PLR0124  NaT is not equal to itself
    if isinstance(value, Mapping):
        return {str(key): _cell(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cell(one) for one in value]
    if hasattr(value, "item"):
        return _cell(value.item())
    return value


def frame(rows: Any) -> Any:
    """Return a frame as an Arrow table, or None where rows are records, or cells of the frame are of mixed types."""
    kind = type(rows).__module__.partition(".")[0]
    if kind not in ("pandas", "polars", "pyarrow") or isinstance(rows, Mapping):
        return None
    import pyarrow as pa

    try:
        if kind == "pandas":
            rows = pa.Table.from_pandas(rows, preserve_index=False)
        elif kind == "polars":
            rows = rows.to_arrow()
        elif isinstance(rows, pa.RecordBatch):
            rows = pa.Table.from_batches([rows])
    except (pa.ArrowException, TypeError, ValueError):
        return None
    return _plain_numbers(rows) if isinstance(rows, pa.Table) else None


def _plain_numbers(table: Any) -> Any:
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.float64()))
    return table


def identified(table: Any, ids: Sequence[str] | None, head: str) -> Any:
    """Return a table with a column ``_id``: the given ids, else those of its columns ``_id`` or ``id``, else made."""
    import pyarrow as pa

    own = next((one for one in ("_id", "id") if one in table.column_names), None)
    if ids is None and own is not None:
        ids = ["" if one is None else str(one) for one in table.column(own).to_pylist()]
    made = [f"{head}/{row}" for row in range(table.num_rows)]
    given = made if ids is None else [one or other for one, other in zip(check_ids(ids, len(made)), made, strict=True)]
    if "_id" in table.column_names:
        table = table.drop_columns(["_id"])
    return table.append_column("_id", pa.array(given, pa.string()))


def check_ids(ids: Sequence[Any], rows: int) -> list[str]:
    """Return ids as texts; raises ShapeMismatch where they are not one per row."""
    if len(ids) != rows:
        raise ShapeMismatch("ids must be one per row", expected=str(rows), got=str(len(ids)))
    return ["" if one is None else str(one) for one in ids]


def stream(table: Any) -> bytes:
    """Write an Arrow table as an IPC stream."""
    import pyarrow as pa

    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def pieces(total: int, size: int) -> Iterator[slice]:
    """Return slices of at most ``size`` rows; one, though empty, where there is no row.

    >>> [(one.start, one.stop) for one in pieces(5, 2)]
    [(0, 2), (2, 4), (4, 5)]
    """
    for start in range(0, max(total, 1), size):
        yield slice(start, min(start + size, total))
