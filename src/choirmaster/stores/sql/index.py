"""The relational side of events: which id is where, which label won, which parts are drained (D5 to D8)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa
import sqlalchemy as sa

from choirmaster.records import EventKind, Outcome
from choirmaster.stores.sql.changed import MEASURED, Change, note
from choirmaster.stores.sql.database import chunks, fetch, many
from choirmaster.stores.sql.plan import Plan, plan_from_bytes, table_of

ALL = "*"
Fits = Callable[[str, str | None], bool]
_COUNTS = ("accepted", "duplicate", "conflicting", "refused")
_MOST_SOURCES, OTHER_SOURCES = 100, "labels:%other"


def marks(items: Sequence[object]) -> str:
    """Return as many question marks as there are items."""
    return ", ".join("?" * len(items))


def contents(link: sa.Connection, ensemble: str, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the content hash of those ids that are in the index."""
    found: dict[bytes, bytes] = {}
    for some in chunks(sorted(set(hashes))):
        query = f"SELECT hash, content FROM id_index WHERE ensemble = ? AND hash IN ({marks(some)})"  # noqa: S608
        found.update(fetch(link, query, (ensemble, *some)))
    return found


def event_keys(link: sa.Connection, ensemble: str, hashes: Sequence[bytes]) -> dict[bytes, list[bytes]]:
    """Return the order keys of all label events of these ids, ascending."""
    found: dict[bytes, list[bytes]] = {}
    for some in chunks(sorted(set(hashes))):
        query = f"SELECT hash, order_key FROM label_events WHERE ensemble = ? AND hash IN ({marks(some)})"  # noqa: S608
        for identity, order_key in fetch(link, query + " ORDER BY order_key", (ensemble, *some)):
            found.setdefault(identity, []).append(order_key)
    return found


# -- the redo log -------------------------------------------------------------------------------------------------
def save_intents(link: sa.Connection, plans: Iterable[Plan]) -> None:
    """Keep plans until they are done."""
    rows = [(uuid.uuid4().hex, one.journal, one.table, one.sequence, one.to_bytes()) for one in plans]
    many(link, "INSERT INTO intents (id, journal, table_name, sequence, payload) VALUES (?, ?, ?, ?, ?)", rows)


def load_intents(link: sa.Connection) -> list[Plan]:
    """Return the plans that a crash left behind."""
    return [plan_from_bytes(row[0]) for row in fetch(link, "SELECT payload FROM intents ORDER BY sequence")]


def drop_intents(link: sa.Connection) -> None:
    """Forget all plans: they are done, or never happened."""
    link.exec_driver_sql("DELETE FROM intents")


# -- parts --------------------------------------------------------------------------------------------------------
def next_part(link: sa.Connection) -> int:
    """Return the next free part number."""
    return int(fetch(link, "SELECT coalesce(max(part), 0) + 1 FROM parts")[0][0])


def drained(link: sa.Connection, journal: str) -> int:
    """Return the last sequence of a journal up to which every part is in the store."""
    rows = fetch(link, "SELECT drained FROM journals WHERE journal = ?", (journal,))
    return int(rows[0][0]) if rows else 0


def set_drained(link: sa.Connection, journal: str, sequence: int) -> None:
    """Write how far a journal is; never goes back."""
    before = drained(link, journal)
    if not before:
        many(link, "DELETE FROM journals WHERE journal = ?", [(journal,)])
        many(link, "INSERT INTO journals (journal, drained) VALUES (?, ?)", [(journal, sequence)])
    elif sequence > before:
        many(link, "UPDATE journals SET drained = ? WHERE journal = ?", [(sequence, journal)])


def outcomes(link: sa.Connection, journal: str, sequences: Sequence[int]) -> dict[int, Outcome]:
    """Return the counts of those parts that are drained, by sequence."""
    found: dict[int, Outcome] = {}
    for some in chunks(sequences):
        query = (
            f"SELECT sequence, {', '.join(_COUNTS)}, reasons FROM parts "  # noqa: S608
            f"WHERE journal = ? AND sequence IN ({marks(some)})"
        )
        for sequence, *counts, reasons in fetch(link, query, (journal, *some)):
            numbers = dict(zip(_COUNTS, counts, strict=True))
            found[sequence] = Outcome(f"{journal}:{sequence}", **numbers, reasons=json.loads(reasons))
    return found


# -- doing a plan -------------------------------------------------------------------------------------------------
def apply(link: sa.Connection, plan: Plan, fits: Fits) -> None:
    """Write what a plan says; its rows are where rows live already."""
    _insert_parts(link, plan)
    if plan.kind == EventKind.PREDICTION:
        _insert_predictions(link, plan, fits)
        _raise_watermark(link, plan, "last_live")
    else:
        _insert_labels(link, plan, fits)
        _raise_watermark(link, plan, "last_known")
    _raise_newest(link, plan)


def _insert_parts(link: sa.Connection, plan: Plan) -> None:
    rows = []
    for one in plan.parts:
        merged = int(plan.kind == EventKind.LABEL or not one.to_measure)
        rows.append((one.part, one.journal, one.sequence, plan.kind, plan.ensemble, one.received_at, one.accepted,
                     one.duplicate, one.conflicting, one.refused, json.dumps(one.reasons), merged, one.latest,
                     "{}" if merged else one.arrival))  # fmt: skip
    many(link, "INSERT INTO parts (part, journal, sequence, kind, ensemble, received_at, accepted, duplicate, "
               "conflicting, refused, reasons, merged, latest, arrival) "
               "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)  # fmt: skip


def _raise_watermark(link: sa.Connection, plan: Plan, column: str) -> None:
    if plan.last is None:
        return
    statement = f"UPDATE ensembles SET {column} = ? WHERE ({column} IS NULL OR {column} < ?)"  # noqa: S608
    if plan.ensemble == ALL:
        many(link, statement, [(plan.last, plan.last)])
    else:
        many(link, statement + " AND name = ?", [(plan.last, plan.last, plan.ensemble)])


def latest(link: sa.Connection, journal: str, ensemble: str) -> int | None:
    """Return the largest time of a live row of an ensemble that came by a journal."""
    query = (
        "SELECT latest FROM parts WHERE journal = ? AND ensemble = ? AND kind = 'prediction' AND latest IS NOT NULL "
        "ORDER BY sequence DESC LIMIT 1"
    )
    rows = fetch(link, query, (journal, ensemble))
    return int(rows[0][0]) if rows else None


def newest(link: sa.Connection, ensemble: str) -> dict[str, int]:
    """Return the newest event of each source of an ensemble, none after its receipt, in microseconds UTC."""
    rows = fetch(link, "SELECT newest FROM ensembles WHERE name = ?", (ensemble,))
    found: dict[str, int] = json.loads(rows[0][0]) if rows else {}
    return found


def _raise_newest(link: sa.Connection, plan: Plan) -> None:
    """Remember the newest event of each source; of more sources than are kept the others count together."""
    names = [plan.ensemble] if plan.ensemble != ALL else [row[0] for row in fetch(link, "SELECT name FROM ensembles")]
    for name in names if plan.newest else ():
        found = newest(link, name)
        for source, at in plan.newest.items():
            key = source if source in found or len(found) < _MOST_SOURCES else OTHER_SOURCES
            found[key] = max(at, found.get(key, at))
        many(link, "UPDATE ensembles SET newest = ? WHERE name = ?", [(json.dumps(found, sort_keys=True), name)])


def _insert_predictions(link: sa.Connection, plan: Plan, fits: Fits) -> None:
    entries = plan.entries.sort_by("hash")
    hashes = entries.column("hash").to_pylist()
    winners = _early(link, plan.ensemble, hashes, fits)
    columns = [entries.column(name).to_pylist() for name in ("content", "day", "part", "row")]
    rows = [
        (plan.ensemble, identity, *rest, *winners.get(identity, (None, None)))
        for identity, *rest in zip(hashes, *columns, strict=True)
    ]
    many(link, "INSERT INTO id_index (ensemble, hash, content, day, part, line, order_key, label) "
               "VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)  # fmt: skip
    days = sorted(set(zip(columns[2], columns[1], strict=True)))
    many(link, "INSERT INTO part_days (part, day, ensemble) VALUES (?, ?, ?)", [(*one, plan.ensemble) for one in days])


def _early(
    link: sa.Connection, ensemble: str, hashes: Sequence[bytes], fits: Fits
) -> dict[bytes, tuple[bytes, str | None]]:
    """Return the winners among labels that came before their prediction."""
    found: dict[bytes, tuple[bytes, str | None]] = {}
    for name in (ensemble, ALL):
        if not fetch(link, "SELECT 1 FROM label_events WHERE ensemble = ? LIMIT 1", (name,)):
            continue
        for some in chunks(hashes):
            query = f"SELECT hash, order_key, value FROM label_events WHERE ensemble = ? AND hash IN ({marks(some)})"  # noqa: S608
            for identity, order_key, value in fetch(link, query, (name, *some)):
                if (identity not in found or found[identity][0] < order_key) and fits(ensemble, value):
                    found[identity] = (order_key, value)
    return found


def _insert_labels(link: sa.Connection, plan: Plan, fits: Fits) -> None:
    columns = [plan.entries.column(name).to_pylist() for name in plan.entries.column_names]
    events = sorted(((plan.ensemble, *row) for row in zip(*columns, strict=True)), key=lambda row: row[1:3])
    many(link, "INSERT INTO label_events (ensemble, hash, order_key, value, known_at, source, revision, recorded_at, "
               "part) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", events)  # fmt: skip
    names = [plan.ensemble] if plan.ensemble != ALL else [row[0] for row in fetch(link, "SELECT name FROM ensembles")]
    for name in names:
        best: dict[bytes, tuple[bytes, str | None]] = {}
        for _, identity, order_key, value, *_ in events:
            if (identity not in best or best[identity][0] < order_key) and fits(name, value):
                best[identity] = (order_key, value)
        _update_winners(link, name, best)


def _update_winners(link: sa.Connection, ensemble: str, best: dict[bytes, tuple[bytes, str | None]]) -> None:
    new: list[tuple[bytes, str | None, str, bytes]] = []
    changes: list[Change] = []
    for some in chunks(sorted(best)):
        query = (
            "SELECT hash, order_key, day, part, line, label FROM id_index "  # noqa: S608 - constant but for the marks
            f"WHERE ensemble = ? AND hash IN ({marks(some)})"
        )
        for identity, before, *place, label in fetch(link, query, (ensemble, *some)):
            order_key, value = best[identity]
            if before is None or before < order_key:
                new.append((order_key, value, ensemble, identity))
                changes.append((identity, *place, value, label))
    many(link, "UPDATE id_index SET order_key = ?, label = ? WHERE ensemble = ? AND hash = ?", new)
    note(link, ensemble, changes)


_LABELS = pa.schema([("part", pa.int64()), ("row", pa.int64()), ("hash", pa.binary(16)), ("label", pa.string())])


def labels_of_parts(link: sa.Connection, parts: Sequence[int], *, measured: bool = False) -> pa.Table:
    """Return part, row, hash and current label of every row of these parts.

    ``measured`` takes only the parts that the states hold, and the labels that they hold.
    """
    statement = "SELECT part, line, hash, label FROM id_index WHERE part IN ({})"
    if measured:
        statement = f"SELECT i.part, i.line, i.hash, {MEASURED} WHERE p.merged = 1 AND i.part IN ({{}})"
    rows: list[tuple[object, ...]] = []
    for some in chunks(parts):
        rows += fetch(link, statement.format(marks(some)), tuple(some))
    return table_of(rows, _LABELS)


def labels_as_of(
    link: sa.Connection, ensemble: str, parts: Sequence[int], instant: int, fits: Callable[[str | None], bool]
) -> pa.Table:
    """Return part, row, hash of every row of these parts, and the label that held at an instant (D5)."""
    rows: list[tuple[object, ...]] = []
    for some in chunks(parts):
        known: dict[bytes, tuple[bytes, str | None]] = {}
        query = (
            "SELECT i.hash, e.order_key, e.value FROM id_index i JOIN label_events e ON e.hash = i.hash "  # noqa: S608
            f"AND e.ensemble = ? WHERE i.ensemble = ? AND i.part IN ({marks(some)}) AND e.known_at <= ?"
        )
        for name in (ensemble, ALL):
            for identity, order_key, value in fetch(link, query, (name, ensemble, *some, instant)):
                if (identity not in known or known[identity][0] < order_key) and fits(value):
                    known[identity] = (order_key, value)
        query = f"SELECT part, line, hash FROM id_index WHERE part IN ({marks(some)})"  # noqa: S608
        rows += [(*row, known.get(row[2], (b"", None))[1]) for row in fetch(link, query, tuple(some))]
    return table_of(rows, _LABELS)
