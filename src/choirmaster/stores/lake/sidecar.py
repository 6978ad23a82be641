"""Per day, what a late label needs of a prediction: everything but features, sorted by id hash (D15).

Each merge of parts writes one run, an uncompressed Arrow file that is read by memory mapping. A run holds nothing
that the rows do not hold too, so writing it twice, or merging runs, cannot change an answer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from choirmaster.stores.lake.delta import fit

HASH = "_hash"
_MAX_RUNS = 8


class Sidecar:
    """The sidecar files of all ensembles.

    Parameters
    ----------
    folder : Path
        Holds ``<ensemble>/<day>/<run>.arrow``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, ensemble: str, day: int, run: str, rows: pa.Table, hashes: Sequence[bytes]) -> None:
        """Write the rows of one day as a run; the same run again replaces itself."""
        table = rows.append_column(HASH, pa.array(hashes, pa.binary(16)))
        folder = self._folder / ensemble / str(day)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{run}.arrow", table.take(pa.array(np.argsort(_keys(table), kind="stable"))))
        runs = sorted(folder.glob("*.arrow"))
        if len(runs) > _MAX_RUNS:
            self._merge(folder, runs)

    def _merge(self, folder: Path, runs: Sequence[Path]) -> None:
        tables = [_plain(_read(one)) for one in runs]
        whole = pa.concat_tables(tables, promote_options="default")
        keys = _keys(whole)
        _, first = np.unique(keys, return_index=True)
        _write(folder / f"{runs[0].stem}+.arrow", whole.take(pa.array(first)))
        for one in runs:
            one.unlink(missing_ok=True)

    def find(
        self, ensemble: str, day: int, hashes: Sequence[bytes], schema: pa.Schema
    ) -> tuple[pa.Table, NDArray[np.int64]]:
        """Return the rows of those ids that are there, and for each row which of the ids it is."""
        wanted = np.array(hashes, "S16")
        open_ = np.ones(len(wanted), bool)
        tables, places = [schema.empty_table()], [np.zeros(0, np.int64)]
        for table in self._runs(ensemble, day):
            keys = _keys(table)
            if not len(keys) or not set(schema.names) <= set(
                table.column_names
            ):  # older than a column: the rows have it
                continue
            at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            hit = np.flatnonzero((keys[at] == wanted) & open_)
            if len(hit):
                tables.append(fit(_plain(table.take(pa.array(at[hit]))), schema))
                places.append(hit)
                open_[hit] = False
        return pa.concat_tables(tables), np.concatenate(places)

    def _runs(self, ensemble: str, day: int) -> list[pa.Table]:
        folder = self._folder / ensemble / str(day)
        for _ in range(10):  # runs may be merged between the listing and the opening
            try:
                return [_read(one) for one in sorted(folder.glob("*.arrow"))]
            except FileNotFoundError:
                continue
        return []


def _keys(table: pa.Table) -> NDArray[np.bytes_]:
    column = table.column(HASH).combine_chunks()
    raw = column.buffers()[1]
    if raw is None:
        return np.zeros(0, "S16")
    keys: NDArray[np.bytes_] = np.frombuffer(raw, "S16")[column.offset : column.offset + len(column)]
    return keys


def _plain(table: pa.Table) -> pa.Table:
    """Give text columns back without a dictionary, so that runs can be joined."""
    fields = [
        pa.field(one.name, one.type.value_type if pa.types.is_dictionary(one.type) else one.type)
        for one in table.schema
    ]
    return table.cast(pa.schema(fields))


def _read(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        return reader.read_all()


def _write(path: Path, table: pa.Table) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    table = _plain(table).combine_chunks()
    with pa.OSFile(str(part), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    part.replace(path)
