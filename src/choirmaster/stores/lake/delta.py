"""Delta Lake tables partitioned by day: appended exactly once by one drainer, read by anybody (D7, D8)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import TableNotFoundError

DRAIN = "choirmaster.drain"  # every drain writes under this name too, so that two at once cannot both succeed


class DeltaTables:
    """The Delta tables under one folder, one open handle each.

    Parameters
    ----------
    folder : Path
        Holds ``predictions/<ensemble>`` and ``labels/<ensemble>``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handles: dict[str, DeltaTable] = {}

    def handle(self, name: str) -> DeltaTable | None:
        """Return the table at its newest version, or None where there is none yet."""
        table = self._handles.get(name)
        if table is None:
            if not (self._folder / name / "_delta_log").is_dir():
                return None
            try:
                table = DeltaTable(str(self._folder / name))
            except TableNotFoundError:
                return None
            self._handles[name] = table
        else:
            table.update_incremental()
        return table

    def committed(self, name: str, journal: str) -> int:
        """Return the last sequence of a journal that a table holds; 0 for none."""
        table = self.handle(name)
        return 0 if table is None else int(table.transaction_version(journal) or 0)

    def append(self, name: str, rows: pa.Table, journal: str, sequence: int) -> None:
        """Append rows and the journal's sequence in one commit on the one handle.

        Raises
        ------
        deltalake.exceptions.CommitFailedError
            Another drainer committed since the handle was read; the caller decides again.
        """
        table = self.handle(name) or self._create(name, rows.schema)
        turn = int(table.transaction_version(DRAIN) or 0) + 1
        marks = [Transaction(DRAIN, turn), Transaction(journal, sequence)]
        known = {field.name for field in table.schema().fields}
        wider = any(column not in known for column in rows.column_names)
        write_deltalake(
            table, rows, mode="append", schema_mode="merge" if wider else None,
            commit_properties=CommitProperties(app_transactions=marks, max_commit_retries=0))  # fmt: skip
        table.update_incremental()
        self._sync(name, table.version())

    def _create(self, name: str, schema: pa.Schema) -> DeltaTable:
        path = self._folder / name
        path.mkdir(parents=True, exist_ok=True)
        DeltaTable.create(str(path), schema=schema, partition_by=["day"], mode="ignore")
        table = DeltaTable(str(path))
        self._handles[name] = table
        return table

    def _sync(self, name: str, version: int) -> None:
        """Bring the files of a commit to the disk, because the journal forgets its rows after this."""
        root = self._folder / name
        log = root / "_delta_log" / f"{version:020d}.json"
        folders = {root, log.parent}
        for line in log.read_text(encoding="utf-8").splitlines():
            action = json.loads(line)
            if "add" in action:
                path = root / action["add"]["path"]
                _sync(path)
                folders.add(path.parent)
        for one in (log, *folders):
            _sync(one)

    def read(
        self, name: str, schema: pa.Schema, *, days: Iterable[Any] = (), where: Any = None, parts: Sequence[int] = ()
    ) -> pa.Table:
        """Return the columns of ``schema``; those the table has not got are null."""
        table = self.handle(name)
        if table is None:
            return schema.empty_table()
        dataset = table.to_pyarrow_dataset()
        chosen = where
        for extra in _conditions(list(days), parts):
            chosen = extra if chosen is None else chosen & extra
        present = [one for one in schema.names if one in dataset.schema.names]
        found = dataset.to_table(columns=present, filter=chosen)
        return fit(found, schema)

    def crowded(self, name: str, more_than: int) -> dict[str, int]:
        """Return the days that hold more than so many files."""
        table = self.handle(name)
        counts: dict[str, int] = {}
        for path in [] if table is None else table.file_uris():
            day = Path(path).parent.name.removeprefix("day=")
            counts[day] = counts.get(day, 0) + 1
        return {day: count for day, count in counts.items() if count > more_than}

    def compact(self, name: str, day: str) -> None:
        """Rewrite the files of a day as one; the old files stay for readers until ``vacuum``."""
        table = self.handle(name)
        if table is not None:
            table.optimize.compact(partition_filters=[("day", "=", day)])
            table.update_incremental()
            self._sync(name, table.version())

    def vacuum(self, name: str, hours: int) -> int:
        """Remove files that no version newer than so many hours uses; returns how many."""
        table = self.handle(name)
        return 0 if table is None else len(table.vacuum(hours, dry_run=False, enforce_retention_duration=False))


def _conditions(days: list[Any], parts: Sequence[int]) -> list[Any]:
    found = []
    if days:
        found.append(pc.field("day").isin(pa.array(days, pa.int32()).cast(pa.date32())))
    if parts:  # the range lets whole files be skipped by their statistics
        found.append((pc.field("part") >= min(parts)) & (pc.field("part") <= max(parts)))
        found.append(pc.field("part").isin(pa.array(parts, pa.int64())))
    return found


def fit(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give a table exactly these columns and types; what is not there is null."""
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table.column(field.name)
        if pa.types.is_dictionary(field.type) and not pa.types.is_dictionary(column.type):
            column = column.cast(field.type.value_type).combine_chunks().dictionary_encode()
        columns.append(column.cast(field.type) if column.type != field.type else column)
    return pa.table(columns, schema=schema)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
