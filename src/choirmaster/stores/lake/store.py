"""The embedded store: one folder with Delta Lake tables, one SQLite file and memory-mapped sidecars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.errors import NotFound
from choirmaster.ids import id_hash
from choirmaster.ports import Pending, StatePack, ValueQuery
from choirmaster.records import Outcome, Part
from choirmaster.schema import Layout
from choirmaster.stores.lake.decide import table_name
from choirmaster.stores.lake.delta import DeltaTables, fit
from choirmaster.stores.lake.drain import Drain, Fault
from choirmaster.stores.lake.measuring import Measuring, instants, paired
from choirmaster.stores.lake.sidecar import Sidecar
from choirmaster.stores.sql import columns as stored
from choirmaster.stores.sql import index
from choirmaster.stores.sql.changed import MEASURED
from choirmaster.stores.sql.database import Database, fetch, sqlite
from choirmaster.stores.sql.locks import FileLock
from choirmaster.stores.sql.migrate import upgrade
from choirmaster.stores.sql.small import SmallTables
from choirmaster.stores.sql.value_table import ValueTable
from choirmaster.times import DAY, Window

_EPOCH = date(1970, 1, 1)
_MAX_FILES = 16  # files of one day before they are rewritten as one (D7)


def _no_fault(point: str) -> None:
    """Go on; tests crash here instead."""


class EmbeddedStore(SmallTables):
    """The default store; several processes on one machine may read and write it.

    Parameters
    ----------
    folder : str or Path
        Made where missing; must lie on a local file system.
    fault : callable
        Called at named points; only tests give one.
    """

    def __init__(self, folder: str | Path, *, fault: Fault = _no_fault) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._database: Database = sqlite(self.folder / "store.sqlite")
        super().__init__(self._database, fault)
        with FileLock(self.folder / "migrate.lock"):
            upgrade(self._database)
        self._held: dict[str, FileLock] = {}
        self._layouts: dict[str, Layout] = {}
        self._tables = DeltaTables(self.folder)
        self._drain = Drain(self.folder, self._database, self._tables, fault)
        self._values = ValueTable(self._database)
        sidecar = Sidecar(self.folder / "sidecar")
        self._measuring = Measuring(self._database, self._tables, sidecar, self._layout, fault)

    def open_ensemble(self, ensemble: str, layout: Layout) -> None:
        """Make (or widen by new columns) what one ensemble needs; raises SchemaError on a retyped column."""
        with self._database.write() as link:
            before = stored.load(link).get(ensemble)
            after = stored.of_layout(ensemble, before, layout)
            if after != before:
                stored.save(link, ensemble, after)
        self._layouts[ensemble] = layout

    def _layout(self, ensemble: str) -> Layout:
        try:
            return self._layouts[ensemble]
        except KeyError:
            raise NotFound("this ensemble is not open in the store", got=f'"{ensemble}"',
                           allowed=sorted(self._layouts)) from None  # fmt: skip

    # -- leases -------------------------------------------------------------------------------------------------
    def lease(self, name: str, holder: str, *, now: int, seconds: float) -> bool:
        """Take or renew a lease; that of a process which has ended is free at once, because its lock is."""
        if name not in self._held:
            lock = FileLock(self.folder / f"{name}.lease")
            if lock.try_acquire():
                self._held[name] = lock
                self._give_back(name, None)
        return super().lease(name, holder, now=now, seconds=seconds)

    def release(self, name: str, holder: str) -> None:
        """Give a lease back."""
        if self._give_back(name, holder) and name in self._held:
            self._held.pop(name).release()

    # -- events -------------------------------------------------------------------------------------------------
    def drained(self, journal: str) -> int:
        """Return the last sequence of a journal that is in the store; 0 for an unknown one."""
        with self._database.read() as link:
            return index.drained(link, journal)

    def write_parts(self, parts: Sequence[Part]) -> list[Outcome]:
        """Store parts of one journal in ascending order, each exactly once; returns their final counts."""
        return self._drain.write(parts)

    def outcome(self, part: str) -> Outcome | None:
        """Return the final counts of a drained part."""
        journal, _, sequence = part.rpartition(":")
        if not sequence.isdigit() or len(sequence) > 18:
            return None
        with self._database.read() as link:
            return index.outcomes(link, journal, [int(sequence)]).get(int(sequence))

    def rows(
        self, ensemble: str, *, window: Window | None = None, columns: Sequence[str] | None = None,
        as_of: int | None = None, measured: bool = False,
    ) -> pa.Table:  # fmt: skip
        """Return predictions with their current ``label`` (null where none), in the order they came."""
        whole = self._layout(ensemble).arrow(label=True)
        schema = whole if columns is None else pa.schema([whole.field(name) for name in columns])
        days: list[int] = [] if window is None else list(range(window.start // DAY, (window.end - 1) // DAY + 1))
        where = None if window is None else instants(window.start, window.end)
        names = [name for name in schema.names if name != "label"]
        found = self._measuring.read(ensemble, names, days=days, where=where)
        if "label" not in schema.names:
            return fit(found, schema)
        numbers = pc.unique(found.column("part")).to_pylist()
        with self._database.read() as link:
            if as_of is not None:
                labels = index.labels_as_of(link, ensemble, numbers, as_of, stored.load(link)[ensemble].fits)
            else:
                labels = index.labels_of_parts(link, numbers, measured=measured)
        found, labels = paired(found, labels)
        return fit(found.append_column("label", labels.column("label")), schema)

    def find(self, ensemble: str, identity: str) -> Mapping[str, Any] | None:
        """Return one prediction with its label history (``labels``, oldest first), or None."""
        key = id_hash(identity)
        with self._database.read() as link:
            places = fetch(
                link,
                f"SELECT i.day, i.part, i.line, i.label, p.merged, {MEASURED} WHERE i.ensemble = ? AND i.hash = ?",
                (ensemble, key),
            )
            history = fetch(
                link,
                "SELECT value, known_at, source, revision, recorded_at FROM label_events "
                "WHERE ensemble IN (?, '*') AND hash = ? ORDER BY order_key",
                (ensemble, key),
            )
        if not places:
            return None
        day, part, line, label, merged, held = places[0]
        measured = held if merged else None
        names = self._layout(ensemble).arrow().names
        rows = self._measuring.read(ensemble, names, days=[day], parts=[part])
        rows = rows.filter(pc.equal(rows.column("row"), line)).select(names)
        if not rows.num_rows:
            return None
        names_of_event = ("value", "known_at", "source", "revision", "recorded_at")
        labels = [dict(zip(names_of_event, event, strict=True)) for event in history]
        return rows.to_pylist()[0] | {"label": label, "measured": measured, "labels": labels}

    def watermark(self, ensemble: str) -> int | None:
        """Return the largest live ``time`` or label ``known_at`` stored, in microseconds UTC."""
        with self._database.read() as link:
            rows = fetch(link, "SELECT last_live, last_known FROM ensembles WHERE name = ?", (ensemble,))
        return max((one for row in rows for one in row if one is not None), default=None)

    # -- measuring ----------------------------------------------------------------------------------------------
    def pending(self, ensemble: str, *, max_rows: int = 500_000) -> Pending:
        """Return what arrived since the last commit, oldest parts first."""
        return self._measuring.pending(ensemble, max_rows)

    def commit(self, pending: Pending, packs: Sequence[StatePack]) -> None:
        """In one transaction: replace the states of these windows, mark the parts merged and the labels measured."""
        self._measuring.commit(pending, packs)

    def put_values(
        self, ensemble: str, windows: Sequence[Window], values: pa.Table, *, among: Mapping[Window, int] | None = None,
        metrics: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Replace all values of these windows, of those ``among`` only the values of ``metrics``."""
        self._values.put(ensemble, windows, values, among or {}, metrics)

    def values(self, query: ValueQuery) -> pa.Table:
        """Return values in the order of D2."""
        return self._values.get(query)

    # -- housekeeping -------------------------------------------------------------------------------------------
    def maintain(self) -> int:
        """Rewrite days of many small files as one file; only days whose parts are all merged. Returns how many."""
        done = 0
        with self._drain.alone():
            for ensemble in sorted(self._known()):
                name = table_name("prediction", ensemble)
                waiting = self._days_to_merge(ensemble)
                for day in self._tables.crowded(name, _MAX_FILES):
                    if (date.fromisoformat(day) - _EPOCH).days not in waiting:
                        self._tables.compact(name, day)
                        done += 1
        return done

    def _known(self) -> list[str]:
        with self._database.read() as link:
            return [row[0] for row in fetch(link, "SELECT name FROM ensembles")]

    def _days_to_merge(self, ensemble: str) -> set[int]:
        query = (
            "SELECT DISTINCT d.day FROM part_days d JOIN parts p ON p.part = d.part "
            "WHERE d.ensemble = ? AND p.ensemble = ? AND p.merged = 0"
        )
        with self._database.read() as link:
            return {row[0] for row in fetch(link, query, (ensemble, ensemble))}

    def close(self) -> None:
        """Release what is open."""
        for lock in self._held.values():
            lock.release()
        self._held = {}
        self._database.close()
