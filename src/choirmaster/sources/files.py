"""Files as splits: a path or glob of CSV, JSON lines or Parquet, each split read by one thread at a time."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from choirmaster.errors import DataError, nearest
from choirmaster.sources import csv_file, json_lines, parquet_file
from choirmaster.sources.faults import Faults, with_cells

BATCH_ROWS = 131_072
_READERS = {"csv": csv_file, "tsv": csv_file, "txt": csv_file, "jsonl": json_lines, "ndjson": json_lines,
            "json": json_lines, "parquet": parquet_file, "pq": parquet_file}  # fmt: skip
_Read = Callable[[Sequence[str], int, Sequence[str]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True, slots=True)
class Split:
    """A part of the files that one thread reads from its start to its end.

    Attributes
    ----------
    name : str
        File, and row group where there are several.
    file : str
        The file alone: the parts of one file follow each other.
    rows : int or None
        How many, where the file says so.
    size : int
        Bytes on disk, for progress.
    """

    name: str
    file: str
    rows: int | None
    size: int
    read: _Read

    def batches(
        self, columns: Sequence[str] | None = None, batch_rows: int = BATCH_ROWS, checked: Sequence[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Yield batches with these columns, in the source's order of rows.

        For each column ``checked``, where the file holds texts that are read as numbers, one more column says of each
        cell whether it is none (``faults.cell_column``).
        """
        return self.read(list(columns) if columns is not None else [], batch_rows, checked)


class FileSource:
    """Opened files.

    Attributes
    ----------
    schema : pyarrow.Schema
        The columns of all files together; a column that one file lacks is null there.
    texts : set of str
        Columns of numbers that are handed out as texts where the file holds texts, so that a caller sees each bad cell.
    paths : tuple of Path
    faults : Faults
        Rows and cells that could not be read, counted while reading.
    holds_texts : bool
        Whether numbers are texts in some of the files, so that a cell may be none.
    """

    def __init__(self, paths: Sequence[Path], faults: Faults | None = None, *, texts: Iterable[str] = ()) -> None:
        self.paths, self.faults = tuple(paths), faults or Faults()
        found = [_reader(path).schema_of(path, self.faults) for path in self.paths]
        self._schemas = [_as_texts(path, one, frozenset(texts)) for path, one in zip(self.paths, found, strict=True)]
        self.schema = _unified(self._schemas)
        self.holds_texts = any(_reader(path) is not parquet_file for path in self.paths)

    def splits(self) -> list[Split]:
        """Return the parts, in the order of the files' names."""
        out = []
        for path, own in zip(self.paths, self._schemas, strict=True):
            typed = pa.schema([self.schema.field(one.name) for one in own])
            for name, rows, size, read in _reader(path).parts(path, typed, self.faults):
                out.append(Split(name, str(path), rows, size, self._shaped(read)))
        return out

    def sample(self, rows: int = 10_000) -> pa.Table:
        """Return the first rows, faults not counted."""
        quiet = FileSource.__new__(FileSource)
        quiet.paths, quiet.faults, quiet.schema = self.paths, Faults(), self.schema
        quiet._schemas = self._schemas  # noqa: SLF001  # a twin that counts apart
        batches: list[pa.RecordBatch] = []
        left = rows
        for split in quiet.splits():
            for batch in split.batches(batch_rows=rows):
                batches.append(batch.slice(0, left))
                left -= len(batches[-1])
                if left <= 0:
                    return pa.Table.from_batches(batches, schema=self.schema)
        return pa.Table.from_batches(batches, schema=self.schema)

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return all rows."""
        schema = self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])
        return pa.Table.from_batches([one for split in self.splits() for one in split.batches(columns)], schema=schema)

    def _shaped(self, read: _Read) -> _Read:
        """Return a reader whose batches have the common types, and nulls where the file lacks a column."""

        def shaped(columns: Sequence[str], batch_rows: int, checked: Sequence[str]) -> Iterator[pa.RecordBatch]:
            schema = pa.schema([self.schema.field(name) for name in columns]) if columns else self.schema
            for batch in read(schema.names, batch_rows, checked):
                yield with_cells(_fit(batch, schema), batch)

        return shaped


def open_files(pattern: str | Path, *, faults: Faults | None = None, texts: Iterable[str] = ()) -> FileSource:
    """Open a path, a folder or a glob; ``.gz`` is read through. Columns in ``texts`` are not turned into numbers.

    Raises
    ------
    DataError
        Nothing matches, a file's kind is not known, or it cannot be read at all.
    """
    return FileSource(_paths(str(pattern)), faults, texts=texts)


def _paths(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_dir():
        found = sorted(one for one in path.rglob("*") if one.is_file() and _suffix(one) in _READERS)
    elif path.exists():
        found = [path]
    else:
        found = sorted(Path(one) for one in glob.glob(pattern, recursive=True) if Path(one).is_file())  # noqa: PTH207  # absolute patterns
    if not found:
        folder = path.parent if path.parent.is_dir() else Path()
        close = nearest(path.name, [one.name for one in folder.iterdir()])
        raise DataError("no such file", got=f'"{pattern}"', fix=f'did you mean "{folder / close}"?' if close else "")
    for one in found:
        if _suffix(one) not in _READERS:
            raise DataError("unknown kind of file", where=str(one), got=f'"{_suffix(one)}"', allowed=sorted(_READERS))
    return found


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return name.rpartition(".")[2] if "." in name else ""


def _reader(path: Path):  # type: ignore[no-untyped-def]  # a module with schema_of and parts  # noqa: ANN202
    return _READERS[_suffix(path)]


def _as_texts(path: Path, schema: pa.Schema, texts: frozenset[str]) -> pa.Schema:
    """Return a schema whose columns of numbers in ``texts`` are texts; Parquet has types of its own."""
    if _reader(path) is parquet_file:
        return schema
    return pa.schema([pa.field(one.name, pa.string()) if one.name in texts and pa.types.is_floating(one.type) else one
                      for one in schema])  # fmt: skip


def _unified(schemas: Sequence[pa.Schema]) -> pa.Schema:
    fields: dict[str, pa.Field] = {}
    for one in (field for schema in schemas for field in schema):
        known = fields.get(one.name)
        kind = one.type if known is None else _common(known.type, one.type)
        fields[one.name] = pa.field(one.name, kind)
    return pa.schema(list(fields.values()))


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return a type that holds both: numbers become float64, whatever else differs becomes text."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    numbers = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in (one, other)]
    if all(numbers):
        return pa.float64()
    texts = [pa.types.is_dictionary(kind) or pa.types.is_string(kind) for kind in (one, other)]
    if not all(texts) and all(map(pa.types.is_timestamp, (one, other))) and one.tz == other.tz:
        return pa.timestamp("us", one.tz)
    return pa.string()


def _fit(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    if batch.schema.equals(schema):
        return batch
    arrays = []
    for field in schema:
        place = batch.schema.get_field_index(field.name)
        column = pa.nulls(len(batch), field.type) if place < 0 else batch.column(place)
        if pa.types.is_dictionary(column.type) and not pa.types.is_dictionary(field.type):
            column = column.dictionary_decode()
        arrays.append(column if column.type == field.type else column.cast(field.type, safe=False))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
