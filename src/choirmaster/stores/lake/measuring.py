"""Hand out what arrived since the last measuring, and take it back with the new states, once (D7, D15)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from numpy.typing import NDArray

from choirmaster.errors import StoreError
from choirmaster.ports import AGAIN, ARRIVAL, Pending, StatePack
from choirmaster.schema import TIMESTAMP, Layout
from choirmaster.stores.lake.decide import table_name
from choirmaster.stores.lake.delta import DeltaTables, fit
from choirmaster.stores.lake.sidecar import Sidecar
from choirmaster.stores.sql import changed, index
from choirmaster.stores.sql.database import Database, chunks, fetch, many
from choirmaster.stores.sql.plan import table_of
from choirmaster.stores.sql.small import replace_packs
from choirmaster.times import DAY, MINUTE

_PARTS = (
    "SELECT part, journal, sequence, accepted, received_at, arrival FROM parts "
    "WHERE ensemble = ? AND kind = 'prediction' AND merged = 0 ORDER BY part"
)


@dataclass(slots=True)
class _Token:
    """What was handed out: part numbers, each prediction row's hash and label, and changed labels before and after."""

    parts: list[int]
    hashes: list[bytes] = field(default_factory=list)
    labels: dict[bytes, str | None] = field(default_factory=dict)
    handed: list[changed.Handed] = field(default_factory=list)


class Measuring:
    """The store's side of the monitor.

    Parameters
    ----------
    database, tables, sidecar
        Where the rows are.
    layout : callable
        Gives the layout of an ensemble.
    fault : callable
        Called with ``sidecar`` and ``committed`` where a crash may come.
    """

    def __init__(
        self,
        database: Database,
        tables: DeltaTables,
        sidecar: Sidecar,
        layout: Callable[[str], Layout],
        fault: Callable[[str], None],
    ) -> None:
        self._database, self._tables, self._sidecar = database, tables, sidecar
        self._layout, self._fault = layout, fault

    def pending(self, ensemble: str, max_rows: int) -> Pending:
        """Return what arrived since the last commit, oldest parts first."""
        with self._database.read() as link:
            there = fetch(link, _PARTS, (ensemble,))
            chosen = _oldest(there, max_rows)
            numbers = [row[0] for row in chosen]
            days = _days(link, numbers)
            labels = index.labels_of_parts(link, numbers)
            changes = changed.waiting(link, ensemble, max_rows)
        token = _Token(numbers)
        predictions, places = self._predictions(ensemble, numbers, days, labels, token)
        corrected = self._changed(ensemble, changes, token)
        names = tuple(f"{row[1]}:{row[2]}" for row in chosen)
        more = len(chosen) < len(there) or len(changes) == max_rows
        told = {row[0]: (row[4], json.loads(row[5])) for row in chosen}
        return Pending(ensemble, predictions, corrected, names, token, more, _arrival(places, told), _again(told))

    def _predictions(
        self, ensemble: str, parts: list[int], days: list[int], labels: pa.Table, token: _Token
    ) -> tuple[pa.Table, pa.ChunkedArray]:
        schema = self._layout(ensemble).arrow(label=True)
        if not parts:
            return schema.empty_table(), pa.chunked_array([], pa.int64())
        rows = self.read(ensemble, [name for name in schema.names if name != "label"], days=days, parts=parts)
        rows, labels = paired(rows, labels)
        texts = labels.column("label")
        token.hashes = labels.column("hash").to_pylist()
        token.labels = dict(zip(token.hashes, texts.to_pylist(), strict=True))
        return fit(rows.append_column("label", texts), schema), rows.column("part")

    def _changed(self, ensemble: str, changes: list[changed.Change], token: _Token) -> pa.Table:
        layout = self._layout(ensemble)
        schema = changes_schema(layout)
        plain = pa.schema([one for one in schema if not one.name.startswith("label")])
        by_day: dict[int, list[tuple[Any, ...]]] = {}
        for row in changes:
            by_day.setdefault(row[1], []).append(row)
        tables = []
        for day, some in sorted(by_day.items()):
            found, places = self._sidecar.find(ensemble, day, [row[0] for row in some], plain)
            hits = [some[place] for place in places]
            there = set(places.tolist())
            lost = [row for place, row in enumerate(some) if place not in there]
            if lost:  # a sidecar file is gone: the rows themselves have it all
                more, again = self._from_rows(ensemble, day, lost, plain)
                found, hits = pa.concat_tables([found, more]), hits + again
            token.handed += [(row[0], row[5], row[4]) for row in hits]
            for name, place in (("label", 4), ("label_before", 5)):
                found = found.append_column(name, pa.array([row[place] for row in hits], pa.string()))
            tables.append(fit(found, schema))
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def _from_rows(
        self, ensemble: str, day: int, lost: list[tuple[Any, ...]], schema: pa.Schema
    ) -> tuple[pa.Table, list[tuple[Any, ...]]]:
        rows = self.read(ensemble, schema.names, days=[day], parts=sorted({row[2] for row in lost}))
        by_place = {(row[2], row[3]): row for row in lost}
        places = list(zip(rows.column("part").to_pylist(), rows.column("row").to_pylist(), strict=True))
        keep = [number for number, place in enumerate(places) if place in by_place]
        return fit(rows.take(pa.array(keep, pa.int64())), schema), [by_place[places[number]] for number in keep]

    def read(
        self, ensemble: str, names: Sequence[str], *, days: Sequence[int], parts: Sequence[int] = (), where: Any = None
    ) -> pa.Table:
        """Return stored prediction rows with their place, sorted by place."""
        layout = self._layout(ensemble)
        kinds = {one.name: one.type for one in layout.arrow()}
        fields = [pa.field(name, kinds.get(name, pa.string())) for name in names]
        schema = pa.schema([*fields, pa.field("part", pa.int64()), pa.field("row", pa.int32())])
        rows = self._tables.read(table_name("prediction", ensemble), schema, days=days, parts=parts, where=where)
        order = np.argsort(place_keys(rows), kind="stable")
        return rows.take(pa.array(order))

    # -- giving back --------------------------------------------------------------------------------------------
    def commit(self, pending: Pending, packs: Sequence[StatePack]) -> None:
        """In one transaction: replace the states, mark the parts merged and the labels measured."""
        token: _Token = pending.token
        self._write_sidecar(pending, token)
        self._fault("sidecar")
        with self._database.write() as link:
            _mark_parts(link, token.parts)
            changed.take_in(link, pending.ensemble, token.parts, token.labels)
            changed.settle(link, pending.ensemble, token.handed)
            replace_packs(link, pending.ensemble, packs)
        self._fault("committed")

    def _write_sidecar(self, pending: Pending, token: _Token) -> None:
        if not token.hashes:
            return
        plain = [one.name for one in changes_schema(self._layout(pending.ensemble)) if not one.name.startswith("label")]
        rows = pending.predictions.select(plain)
        days = np.floor_divide(rows.column("time").cast(pa.int64()).to_numpy(), DAY)
        hashes = np.array(token.hashes, "O")
        for day in np.unique(days):
            here = np.flatnonzero(days == day)
            run = f"{token.parts[0]:012d}-{token.parts[-1]:012d}"
            self._sidecar.add(pending.ensemble, int(day), run, rows.take(pa.array(here)), hashes[here].tolist())


def changes_schema(layout: Layout) -> pa.Schema:
    """Return the columns of ``Pending.changes``: all but the features that are no segment, with both labels."""
    segments = {layout.segment_column(name) for name in layout.sliced}
    whole = layout.arrow(label=True)
    fields = [one for one in whole if not one.name.startswith("x.") or one.name in segments]
    return pa.schema([*fields, pa.field("label_before", whole.field("label").type)])


def place_keys(rows: pa.Table) -> NDArray[np.int64]:
    """Return one number for each (part, row)."""
    parts = rows.column("part").to_numpy().astype(np.int64)
    keys: NDArray[np.int64] = (parts << 32) + rows.column("row").to_numpy().astype(np.int64)
    return keys


def paired(rows: pa.Table, labels: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the rows that the index knows, and the index entry of each, both in order of place."""
    ours, theirs = place_keys(rows), place_keys(labels)
    _, left, right = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    return rows.take(pa.array(left)), labels.take(pa.array(right))


Told = dict[int, tuple[int, dict[str, Any]]]  # by part: when it was received, and what the drain noted of it


def _arrival(places: pa.ChunkedArray, told: Told) -> pa.Table:
    known, index_of = np.unique(places.to_numpy(), return_inverse=True)
    some = [told[part] for part in known.tolist()]
    columns = (known, [received for received, _ in some], [note.get("before") for _, note in some])
    by_part = pa.table([pa.array(one, pa.int64()) for one in columns], schema=ARRIVAL)
    return by_part.take(pa.array(index_of))


def _again(told: Told) -> pa.Table:
    rows = [(int(minute) * MINUTE, *counts) for _, note in told.values()
            for minute, counts in note.get("again", {}).items()]  # fmt: skip
    return table_of(rows, AGAIN)


def _oldest(rows: list[tuple[Any, ...]], max_rows: int) -> list[tuple[Any, ...]]:
    chosen: list[tuple[Any, ...]] = []
    total = 0
    for row in rows:
        if chosen and total + row[3] > max_rows:
            break
        chosen.append(row)
        total += row[3]
    return chosen


def _days(link: sa.Connection, parts: Sequence[int]) -> list[int]:
    days: set[int] = set()
    for some in chunks(parts):
        query = f"SELECT DISTINCT day FROM part_days WHERE part IN ({index.marks(some)})"  # noqa: S608
        days |= {row[0] for row in fetch(link, query, tuple(some))}
    return sorted(days)


def _mark_parts(link: sa.Connection, parts: Sequence[int]) -> None:
    done = many(
        link, "UPDATE parts SET merged = 1, arrival = '{}' WHERE part = ? AND merged = 0", [(one,) for one in parts]
    )
    if done != len(parts):
        raise StoreError("these parts are measured already", fix="ask for what is pending again")


def instants(window_start: int, window_end: int) -> Any:
    """Return the filter for rows with ``time`` in a span."""
    start, end = (pa.scalar(one, TIMESTAMP) for one in (window_start, window_end))
    return (pc.field("time") >= start) & (pc.field("time") < end)
