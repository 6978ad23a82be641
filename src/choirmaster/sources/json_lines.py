"""JSON lines: blocks of lines go through Arrow's reader; a block that holds a bad line is read line by line."""

from __future__ import annotations

import io
import json as json_text
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import json

from choirmaster.errors import DataError
from choirmaster.schema import class_text
from choirmaster.sources.faults import Faults, bad_cells, cell_column

_BLOCK_BYTES = 4 << 20
_SAMPLE_ROWS = 10_000


def schema_of(path: Path, faults: Faults) -> pa.Schema:  # noqa: ARG001  # the lines are counted when they are read
    """Return the columns and their types as the first lines say; numbers are float64."""
    seen: dict[str, set[str]] = {}
    count = 0
    for _, block in _blocks(path):
        for record in _records(block, 1, path, Faults()):
            for name, value in record.items():
                seen.setdefault(name, set()).add(_kind(value))
        count += block.count(b"\n")
        if count >= _SAMPLE_ROWS:
            break
    if not seen:
        raise DataError("no line holds a JSON object", where=str(path))
    return pa.schema([pa.field(name, _type(kinds)) for name, kinds in seen.items()])


def parts(path: Path, schema: pa.Schema, faults: Faults) -> Iterator[tuple[str, None, int, Any]]:
    """Yield the one part of a file."""

    def read(columns: Sequence[str], batch_rows: int, checked: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        wanted = pa.schema([one for one in schema if one.name in columns] or [schema.field(0)])
        looked_at = [one.name for one in wanted if one.name in checked and not pa.types.is_string(one.type)]
        for first, block in _blocks(path):
            whole = _fast(block, wanted)
            if whole is None:
                whole = _slow(list(_records(block, first, path, faults)), wanted, looked_at, faults)
            else:
                for name in looked_at:
                    column = whole.column(name)
                    whole = whole.append_column(cell_column(name), bad_cells(column, column))
            for start in range(0, len(whole), batch_rows):
                yield whole.slice(start, batch_rows)

    yield path.name, None, path.stat().st_size, read


def _blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the first line, whole lines)."""
    line, rest = 1, b""
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            while chunk := stream.read(_BLOCK_BYTES):
                cut = chunk.rfind(b"\n") + 1
                if cut:
                    yield line, rest + chunk[:cut]
                    line += rest.count(b"\n") + chunk.count(b"\n", 0, cut)
                rest = chunk[cut:] if cut else rest + chunk
    except OSError as error:
        raise DataError("cannot read a file", where=str(path), got=" ".join(str(error).split())[:200]) from None
    if rest.strip():
        yield line, rest


def _fast(block: bytes, schema: pa.Schema) -> pa.RecordBatch | None:
    """Return the block as Arrow reads it, or None when some line or value does not fit."""
    try:
        table = json.read_json(
            io.BytesIO(block),
            read_options=json.ReadOptions(use_threads=False, block_size=len(block) + 1),
            parse_options=json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeError):
        return None
    lines = sum(1 for line in block.split(b"\n") if line.strip())
    if len(table) != lines or table.column_names != schema.names:
        return None
    return table.combine_chunks().to_batches()[0] if len(table) else None


def _records(block: bytes, first: int, path: Path, faults: Faults) -> Iterator[dict[str, Any]]:
    lines = block.split(b"\n")
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        try:
            record = json_text.loads(line)
        except (ValueError, RecursionError):
            half = number == first + len(lines) - 1 and not block.endswith(b"\n")
            reason = "half-written last line, skipped" if half else "lines that are no JSON, skipped"
            faults.add("", reason, 1, f"line {number} of {path.name}")
            continue
        if isinstance(record, dict):
            yield record
        else:
            faults.add("", "lines that are no JSON object, skipped", 1, f"line {number} of {path.name}")


def _slow(
    records: Sequence[dict[str, Any]], schema: pa.Schema, looked_at: Sequence[str], faults: Faults
) -> pa.RecordBatch:
    arrays = [pa.array([_value(one.get(field.name), field, faults) for one in records], field.type) for field in schema]
    whole = pa.RecordBatch.from_arrays(arrays, schema=schema)
    for name in looked_at:
        raw = pa.array([_filled(one.get(name)) for one in records], pa.bool_())
        whole = whole.append_column(cell_column(name), bad_cells(raw, whole.column(name)))
    return whole


def _filled(value: Any) -> bool | None:
    """Return whether something is in a cell, None where not."""
    return None if value is None or (isinstance(value, str) and not value.strip()) else True


def _value(value: Any, field: pa.Field, faults: Faults) -> Any:
    if value is None:
        return None
    if pa.types.is_string(field.type):
        return _text(value)
    if not _filled(value):
        return None
    if pa.types.is_boolean(field.type):
        if isinstance(value, bool):
            return value
        faults.add(field.name, "not true or false", 1, value)
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        faults.add(field.name, "not a number", 1, value)
        return None


def _text(value: Any) -> str:
    return json_text.dumps(value, sort_keys=True) if isinstance(value, dict | list) else class_text(value)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int) and abs(value) >= 2**53:  # a long id would lose digits
        return "text"
    return "number" if isinstance(value, int | float) else "text"


def _type(kinds: set[str]) -> pa.DataType:
    """Return one type for all kinds seen: what is mixed is text."""
    kinds = kinds - {"null"}
    if kinds == {"bool"}:
        return pa.bool_()
    return pa.float64() if kinds == {"number"} else pa.string()
