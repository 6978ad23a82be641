"""Rows to be measured, whether they lie in memory or in files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from choirmaster.sources.frames import as_table, kind_of

BATCH_ROWS = 24_576  # twice as many: 3 % less time, 60 MB more at the peak of two threads
SAMPLE_ROWS = 10_000
Split = Callable[[], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Rows:
    """A frame or files.

    Attributes
    ----------
    arrow : pyarrow.Schema
        Columns as they are stored.
    kind : str
        The kind of frame, or ``files``.
    name : str
        What to call it in notes.
    table : pyarrow.Table or None
        All rows, where they are in memory.
    files : FileSource or None
    """

    arrow: pa.Schema
    kind: str
    name: str
    table: pa.Table | None = None
    files: Any = None

    def splits(self, columns: Sequence[str], checked: Sequence[str] = ()) -> list[Split]:
        """Return independent pieces that threads can read, with these columns only.

        Files of texts say of each cell of the columns ``checked`` whether it is no number.
        """
        if self.table is not None:
            narrow = self.table.select(list(columns))
            size = 8 * BATCH_ROWS
            return [_slice(narrow, at, size) for at in range(0, max(narrow.num_rows, 1), size)]
        return [_split(one, list(columns), checked) for one in self._pieces]

    def files_of_splits(self) -> list[str]:
        """Return the file of each split; a frame is one piece of no file."""
        return [""] if self.files is None else [one.file for one in self._pieces]

    @cached_property
    def _pieces(self) -> list[Any]:
        return list(self.files.splits())

    def sample(self, rows: int = SAMPLE_ROWS) -> pa.Table:
        """Return the first rows, faults not counted."""
        if rows != SAMPLE_ROWS:
            return self.files.sample(rows) if self.files is not None else self.head(rows)
        return self._sample

    @cached_property
    def _sample(self) -> pa.Table:
        return self.files.sample(SAMPLE_ROWS) if self.files is not None else self.head(SAMPLE_ROWS)

    def head(self, rows: int) -> pa.Table:
        """Return at most so many rows from the beginning."""
        if self.table is not None:
            return self.table.slice(0, rows)
        kept: list[pa.RecordBatch] = []
        count = 0
        for split in self.splits(self.arrow.names):
            for batch in split():
                kept.append(batch)
                count += batch.num_rows
                if count >= rows:
                    return pa.Table.from_batches(kept, self.arrow).slice(0, rows)
        return pa.Table.from_batches(kept, self.arrow)

    def whole(self) -> pa.Table:
        """Return every row."""
        return self.head(1 << 62)


def open_rows(data: Any) -> Rows:
    """Take a frame of any supported kind, or a path or glob of CSV, JSON lines or Parquet."""
    if isinstance(data, str | Path):
        from choirmaster.sources.files import open_files

        files = open_files(str(data))
        return Rows(files.schema, "files", str(data), files=files)
    table = as_table(data)
    return Rows(table.schema, kind_of(data), f"a frame of {table.num_rows} rows", table)


def _slice(table: pa.Table, at: int, size: int) -> Split:
    return lambda: iter(table.slice(at, size).to_batches(BATCH_ROWS))


def _split(split: Any, columns: list[str], checked: Sequence[str]) -> Split:
    return lambda: split.batches(columns, BATCH_ROWS, checked)
