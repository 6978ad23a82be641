"""Decide what a group of parts will do: which rows are new, which are duplicates, conflicting or refused (D6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from choirmaster.ids import id_hashes
from choirmaster.records import LABEL_SCHEMA, EventKind, Part
from choirmaster.stores.lake.delta import fit
from choirmaster.stores.sql import index
from choirmaster.stores.sql.columns import Columns
from choirmaster.stores.sql.content import content_hashes
from choirmaster.stores.sql.plan import EVENTS, INDEX, PartCounts, Plan, table_of
from choirmaster.stores.sql.rank import label_rank
from choirmaster.times import DAY

_INT64 = 1 << 63
_SOURCE_SHOWN = 80  # characters of a label's source that tell it from others


@dataclass(slots=True)
class _Rows:
    """The readable rows of several parts, with where each came from."""

    table: pa.Table
    origin: list[int]  # index into the parts
    lines: list[int]  # row number within the part


def table_name(kind: str, ensemble: str) -> str:
    """Return the bulk table of a kind of event."""
    folder = "predictions" if kind == EventKind.PREDICTION else "labels"
    return f"{folder}/{'_all' if ensemble == index.ALL else ensemble}"


def decide(link: sa.Connection, parts: Sequence[Part], first_number: int, columns: Columns) -> Plan:
    """Return the plan for parts of one ensemble and kind; nothing is written."""
    counts = [
        PartCounts(first_number + place, one.journal, one.sequence, one.received_at) for place, one in enumerate(parts)
    ]
    kind, ensemble = str(parts[0].batch.kind), parts[0].batch.ensemble
    plan = Plan(kind, ensemble, table_name(kind, ensemble), counts, INDEX.empty_table())
    if kind == EventKind.PREDICTION:
        _decide_predictions(link, plan, parts, columns)
    else:
        _decide_labels(link, plan, parts, columns)
    return plan


# -- predictions --------------------------------------------------------------------------------------------------
def _decide_predictions(link: sa.Connection, plan: Plan, parts: Sequence[Part], columns: Columns) -> None:
    rows = _readable(parts, plan.parts, columns)
    table = rows.table
    hashes = id_hashes(table.column("id").to_pylist())
    content = content_hashes(table)
    seen = index.contents(link, plan.ensemble, hashes)
    keep: list[int] = []
    times = table.column("time").cast(pa.int64()).to_pylist()
    live = is_live(table).to_pylist()
    for place, (identity, own) in enumerate(zip(hashes, content, strict=True)):
        counts = plan.parts[rows.origin[place]]
        known = seen.get(identity)
        if known is None:
            seen[identity] = own
            counts.accepted += 1
            keep.append(place)
            continue
        if known == own:
            counts.duplicate += 1
        else:
            counts.conflicting += 1
        if live[place]:
            counts.came_again(times[place], other=known != own)
    kept = table.take(pa.array(keep, pa.int64()))
    day = pa.array(np.floor_divide(kept.column("time").cast(pa.int64()).to_numpy(), DAY).astype(np.int32))
    part = pa.array([plan.parts[rows.origin[place]].part for place in keep], pa.int64())
    line = pa.array([rows.lines[place] for place in keep], pa.int32())
    plan.entries = pa.table([pa.array([hashes[place] for place in keep], pa.binary(16)),
                             pa.array([content[place] for place in keep], pa.binary(16)), day, part, line],
                            schema=INDEX)  # fmt: skip
    for name, column in (("day", day.cast(pa.date32())), ("part", part), ("row", line)):
        kept = kept.append_column(name, column)
    plan.rows = kept
    _note_order(link, plan, [(rows.origin[place], times[place]) for place in keep if live[place]])


def is_live(table: pa.Table) -> pa.ChunkedArray:
    """Return which rows count: those of training and tests do not."""
    return pc.fill_null(pc.equal(table.column("split"), "live"), False)


def _note_order(link: sa.Connection, plan: Plan, kept: list[tuple[int, int]]) -> None:
    """Note the largest live time before and with each part, and over all; ``kept`` are (part, time) in order."""
    latest = index.latest(link, plan.journal, plan.ensemble)
    inside: dict[int, int] = {}
    for place, time in kept:
        inside[place] = max(time, inside.get(place, time))
    for place, counts in enumerate(plan.parts):
        counts.before = latest
        here = inside.get(place)
        latest = counts.latest = here if latest is None else latest if here is None else max(here, latest)
    plan.last = max(inside.values(), default=None)
    known = [min(time, plan.parts[place].received_at) for place, time in kept]
    plan.newest = {"predictions": max(known)} if known else {}


def _readable(parts: Sequence[Part], counts: Sequence[PartCounts], columns: Columns) -> _Rows:
    """Bring all parts to the stored columns; a part that cannot be, and rows without id or time, are refused."""
    tables, origin, lines = [], [], []
    for place, (part, count) in enumerate(zip(parts, counts, strict=True)):
        table = pa.Table.from_batches([part.batch.rows])
        try:
            fitted = _fitted(table, columns)
        except (pa.ArrowException, KeyError, ValueError):
            count.refuse("schema", table.num_rows)
            continue
        good = np.ones(table.num_rows, bool)
        for name, reason in (("id", "missing_id"), ("time", "missing_time")):
            bad = fitted.column(name).is_null().to_numpy(zero_copy_only=False) & good
            count.refuse(reason, int(bad.sum()))
            good &= ~bad
        numbers = np.flatnonzero(good)
        tables.append(fitted if good.all() else fitted.take(pa.array(numbers)))
        origin += [place] * len(numbers)
        lines += numbers.tolist()
    schema = _plain(columns)
    # One piece per column: work on a thousand small pieces costs ten times the work on the rows.
    return _Rows(pa.concat_tables(tables).combine_chunks() if tables else schema.empty_table(), origin, lines)


def _plain(columns: Columns) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns.types.items()])


def _fitted(table: pa.Table, columns: Columns) -> pa.Table:
    schema = _plain(columns)
    for name in ("id", "time"):
        table.schema.field(name)  # KeyError where there is none
    return fit(table, schema)


# -- labels -------------------------------------------------------------------------------------------------------
def _decide_labels(link: sa.Connection, plan: Plan, parts: Sequence[Part], columns: Columns) -> None:
    known = _known_events(link, plan.ensemble, parts)
    out: list[tuple[object, ...]] = []
    texts: list[tuple[object, ...]] = []
    for part, counts in zip(parts, plan.parts, strict=True):
        try:
            rows = fit(pa.Table.from_batches([part.batch.rows]), LABEL_SCHEMA)
        except (pa.ArrowException, ValueError):
            counts.refuse("schema", part.batch.rows.num_rows)
            continue
        at = rows.column("known_at").cast(pa.int64()).to_pylist()
        names = [rows.column(name).to_pylist() for name in ("id", "value", "source", "revision")]
        hashes = id_hashes("" if one is None else one for one in names[0])
        for identity, text, value, source, revision, moment in zip(hashes, *names, at, strict=True):
            reason = _bad_label(text, value, revision, columns)
            if reason:
                counts.refuse(reason)
                continue
            event = (revision or 0, part.received_at if moment is None else moment, source or "", value)
            order_key = label_rank(*event)
            before = known.setdefault(identity, [])
            if order_key in before or (moment is None and before and _same_again(max(before), *event)):
                counts.duplicate += 1
                continue
            before.append(order_key)
            counts.accepted += 1
            _note_source(plan, source or "", min(event[1], part.received_at))
            out.append((identity, order_key, value, event[1], event[2], event[0], part.received_at, counts.part))
            texts.append((text, value, event[1], event[2], event[0], part.received_at, counts.part))
    _put_labels(plan, out, texts)


def _note_source(plan: Plan, source: str, known_at: int) -> None:
    name = f"labels:{source[:_SOURCE_SHOWN]}" if source else "labels"
    plan.newest[name] = max(known_at, plan.newest.get(name, known_at))


def _known_events(link: sa.Connection, ensemble: str, parts: Sequence[Part]) -> dict[bytes, list[bytes]]:
    identities = {
        text
        for part in parts
        if "id" in part.batch.rows.schema.names
        for text in part.batch.rows.column("id").cast(pa.string()).to_pylist()
        if text is not None
    }
    return index.event_keys(link, ensemble, id_hashes(identities))


def _bad_label(identity: str | None, value: str | None, revision: int | None, columns: Columns) -> str:
    if not identity:
        return "missing_id"
    if revision is not None and not -_INT64 <= revision < _INT64:
        return "bad_revision"
    if not columns.fits(value):
        return "bad_number" if columns.numeric else "unknown_class"
    return ""


def _same_again(winner: bytes, revision: int, known_at: int, source: str, value: str | None) -> bool:
    """A label without ``known_at`` that repeats what holds already is a copy sent again, not a new event."""
    mine = label_rank(revision, known_at, source, value)
    return mine[:8] == winner[:8] and mine[16:] == winner[16:]


def _put_labels(plan: Plan, out: list[tuple[object, ...]], texts: list[tuple[object, ...]]) -> None:
    plan.entries = table_of(out, EVENTS)
    stamp = pa.timestamp("us", tz="UTC")
    schema = pa.schema([("id", pa.string()), ("value", pa.string()), ("known_at", stamp), ("source", pa.string()),
                        ("revision", pa.int64()), ("recorded_at", stamp), ("part", pa.int64())])  # fmt: skip
    rows = table_of(texts, schema)
    days = np.floor_divide(rows.column("recorded_at").cast(pa.int64()).to_numpy(), DAY).astype(np.int32)
    plan.rows = rows.append_column("day", pa.array(days).cast(pa.date32()))
    plan.last = pc.max(plan.entries.column("known_at")).as_py()
