"""CSV: streamed as texts and converted column by column, so that one odd cell never stops a file.

Types come from the first rows: a column is numbers when nearly all its values are, times stay texts until the schema
says what they are, and codes such as ``007`` stay texts. Rows with too many or too few cells are skipped and counted
with their line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from choirmaster.errors import DataError
from choirmaster.sources.convert import as_number, reads_as_number
from choirmaster.sources.faults import Faults, bad_cells, cell_column

_SAMPLE_BYTES = 4 << 20
_BLOCK_BYTES = 4 << 20
_SAMPLE_ROWS = 10_000
_NUMBERS_SHARE, _FEW_VALUES = 0.9, 50
_NULLS = ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "<NA>", "-nan", "-NaN"]
_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
_LEADING_ZERO = r"^-?0\d"


def schema_of(path: Path, faults: Faults) -> pa.Schema:  # noqa: ARG001  # the rows are counted when they are read
    """Return the columns and their types as the first rows say."""
    head = _header(path)
    names = head.names
    batches: list[pa.RecordBatch] = []
    for batch in _raw(path, head, names, Faults(), sample=True):
        batches.append(batch)
        if sum(map(len, batches)) >= _SAMPLE_ROWS:
            break
    table = pa.Table.from_batches(batches, pa.schema([pa.field(name, pa.string()) for name in names]))
    return pa.schema([pa.field(name, _type(table.slice(0, _SAMPLE_ROWS).column(name))) for name in names])


def parts(path: Path, schema: pa.Schema, faults: Faults) -> Iterator[tuple[str, None, int, Any]]:
    """Yield the one part of a file."""

    def read(columns: Sequence[str], batch_rows: int, checked: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        head = _header(path)
        wanted = [name for name in columns if name in head.names] or head.names[:1]
        kinds = pa.schema([schema.field(name) for name in wanted])
        looked_at = [name for name in wanted if name in checked and not pa.types.is_string(kinds.field(name).type)]
        for batch in _raw(path, head, wanted, faults):
            typed = [_typed(column, one, faults) for column, one in zip(batch.columns, kinds, strict=True)]
            whole = pa.RecordBatch.from_arrays(typed, schema=kinds)
            for name in looked_at:
                whole = whole.append_column(cell_column(name), bad_cells(batch.column(name), whole.column(name)))
            for start in range(0, len(whole), batch_rows):
                yield whole.slice(start, batch_rows)

    yield path.name, None, path.stat().st_size, read


class _Head(NamedTuple):
    names: list[str]
    delimiter: str
    lines: int  # a quoted name may run over several


def _header(path: Path) -> _Head:
    """Return the column names and the delimiter, as the first line says."""
    with pa.input_stream(str(path), compression="detect") as stream:
        head = stream.read(1 << 16)
    head = head.removeprefix(b"\xef\xbb\xbf")
    quoted = re.match(rb'(?:[^"\n]|"[^"]*")*', head)
    raw = quoted[0] if quoted and head[quoted.end() : quoted.end() + 1] in (b"", b"\n") else head.split(b"\n", 1)[0]
    line = raw.decode("utf-8", "replace").strip("\r")
    if not line.strip():
        raise DataError("a CSV file needs a line of column names", where=str(path), got="an empty line")
    unquoted = re.sub(r'"[^"]*"', "", line)
    delimiter = max(",;\t|", key=unquoted.count)
    table = csv.read_csv(
        pa.BufferReader((line + "\n").encode()),
        read_options=csv.ReadOptions(autogenerate_column_names=True),
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types={f"f{i}": pa.string() for i in range(line.count(delimiter) + 1)}
        ),
    )
    names = [(column[0].as_py() or "").strip() or f"column_{place}" for place, column in enumerate(table.columns)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError("two columns share a name", where=f"{path}, line 1", got=f'"{twice[0]}"')
    return _Head(names, delimiter, 1 + raw.count(b"\n"))


def _raw(
    path: Path, head: _Head, wanted: Sequence[str], faults: Faults, *, sample: bool = False
) -> Iterator[pa.RecordBatch]:
    """Yield batches of texts, bad rows skipped and counted."""

    def skip(row: Any) -> str:
        place = f"line {row.number}" if row.number is not None else "a line"
        text = f"{place} of {path.name} with {row.actual_columns} cells in place of {row.expected_columns}"
        faults.add("", "rows with the wrong number of cells, skipped", 1, text)
        return "skip"

    with pa.input_stream(str(path), compression="detect") as stream:
        try:
            reader = csv.open_csv(
                stream,
                read_options=csv.ReadOptions(
                    use_threads=False, column_names=head.names, skip_rows=head.lines,
                    block_size=_SAMPLE_BYTES if sample else _BLOCK_BYTES,
                ),
                parse_options=csv.ParseOptions(
                    delimiter=head.delimiter, newlines_in_values=True, invalid_row_handler=skip
                ),
                convert_options=csv.ConvertOptions(
                    column_types=dict.fromkeys(head.names, pa.binary()), include_columns=list(wanted),
                    null_values=_NULLS, strings_can_be_null=True,
                ),
            )  # fmt: skip
            for batch in reader:
                texts = [_utf8(column, name, faults) for column, name in zip(batch.columns, wanted, strict=True)]
                yield pa.RecordBatch.from_arrays(texts, names=list(wanted))
        except pa.ArrowInvalid as error:
            if "Empty CSV" not in str(error):
                raise DataError(
                    "cannot read a CSV file", where=str(path), got=" ".join(str(error).split())[:200]
                ) from None
        except OSError as error:
            raise DataError("cannot read a CSV file", where=str(path), got=" ".join(str(error).split())[:200]) from None


def _utf8(column: pa.Array, name: str, faults: Faults) -> pa.Array:
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        out: list[str | None] = []
        for raw in column.to_pylist():
            try:
                out.append(None if raw is None else raw.decode())
            except UnicodeDecodeError:
                out.append(raw.decode("latin-1"))
                faults.add(name, "not UTF-8, read as Latin-1", 1, out[-1])
        return pa.array(out, pa.string())


def _type(column: pa.ChunkedArray) -> pa.DataType:
    """Return bool, float64 or string for a column of texts."""
    values = pc.utf8_trim_whitespace(column.drop_null().combine_chunks())
    if not len(values):
        return pa.null() if len(column) == 0 else pa.string()
    if pc.all(pc.is_in(values, pa.array([*_TRUE, *_FALSE]))).as_py():
        return pa.bool_()
    if pc.any(pc.match_substring_regex(values, _LEADING_ZERO)).as_py() and not _has_point(values):
        return pa.string()
    bad = len(values) - (pc.sum(reads_as_number(values)).as_py() or 0)
    if bad == 0:
        numbers = as_number(values, name="", faults=Faults())
        return pa.string() if _beyond_float(numbers) else pa.float64()
    few = len(pc.unique(values)) <= _FEW_VALUES
    return pa.float64() if not few and bad <= (1 - _NUMBERS_SHARE) * len(values) else pa.string()


def _has_point(values: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring(values, ".")).as_py())


def _beyond_float(numbers: pa.Array) -> bool:
    """Tell whether whole numbers, such as long ids, would lose digits as float64."""
    whole = pc.equal(pc.floor(numbers), numbers)
    return bool(pc.any(pc.and_(whole, pc.greater_equal(pc.abs(numbers), 2.0**53))).as_py()) and bool(
        pc.all(whole).as_py()
    )


def _typed(column: pa.Array, field: pa.Field, faults: Faults) -> pa.Array:
    if pa.types.is_floating(field.type):
        return as_number(column, name=field.name, faults=faults)
    if pa.types.is_boolean(field.type):
        return _booleans(column, field.name, faults)
    return pa.nulls(len(column)) if pa.types.is_null(field.type) else column.cast(field.type)


def _booleans(column: pa.Array, name: str, faults: Faults) -> pa.Array:
    column = pc.utf8_trim_whitespace(column)
    true, known = pc.is_in(column, pa.array(_TRUE)), pc.is_in(column, pa.array([*_TRUE, *_FALSE]))
    bad = pc.and_(pc.is_valid(column), pc.invert(known))
    faults.add(name, "not true or false", pc.sum(bad).as_py() or 0, *column.filter(bad).slice(0, 5).to_pylist())
    return pc.if_else(known, true, None)
