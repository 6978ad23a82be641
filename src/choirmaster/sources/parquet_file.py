"""Parquet: one part for each row group; texts are read as dictionaries, only the columns asked for are touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from choirmaster.errors import DataError
from choirmaster.sources.faults import Faults

READ_BYTES = 1 << 18  # of each column at a time: a row group of any size is never in memory as a whole


def schema_of(path: Path, faults: Faults) -> pa.Schema:  # noqa: ARG001  # the same signature for every kind of file
    """Return the columns of a file; texts as dictionaries."""
    file = _open(path)
    with file:
        fields = [pa.field(one.name, _dictionary(one.type)) for one in file.schema_arrow]
    return pa.schema(fields)


def parts(path: Path, schema: pa.Schema, faults: Faults) -> Iterator[tuple[str, int, int, Any]]:  # noqa: ARG001  # as above
    """Yield (name, rows, bytes, read) of each row group that has rows."""
    file = _open(path)
    with file:
        meta = file.metadata
        texts = [one.name for one in schema if pa.types.is_dictionary(one.type)]
        for index in range(meta.num_row_groups):
            group = meta.row_group(index)
            if group.num_rows:
                name = path.name if meta.num_row_groups == 1 else f"{path.name}, row group {index}"
                yield name, group.num_rows, group.total_byte_size, _Group(path, index, texts)


class _Group:
    def __init__(self, path: Path, index: int, texts: Sequence[str]) -> None:
        self.path, self.index, self.texts = path, index, list(texts)

    def __call__(
        self, columns: Sequence[str], batch_rows: int, checked: Sequence[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        del checked  # every cell of a typed column is of its type
        file = _open(self.path, [name for name in self.texts if name in columns])
        try:
            with file:
                there = [name for name in columns if name in file.schema_arrow.names]
                yield from file.iter_batches(batch_rows, row_groups=[self.index], columns=there, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise _broken(self.path, error) from None


def _open(path: Path, texts: Sequence[str] = ()) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, read_dictionary=list(texts), pre_buffer=False, buffer_size=READ_BYTES)
    except (pa.ArrowException, OSError) as error:
        raise _broken(path, error) from None


def _broken(path: Path, error: Exception) -> DataError:
    return DataError("cannot read a Parquet file", where=str(path), got=" ".join(str(error).split())[:200])


def _dictionary(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.dictionary(pa.int32(), pa.string())
    return kind
