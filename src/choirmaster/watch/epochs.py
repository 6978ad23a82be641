"""Setting a reference: the windows of its epoch are measured again from their rows; all of it happens or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.layout import SeriesSpec
from choirmaster.ports import AuditEntry, Epoch, Measures, StatePack, Store
from choirmaster.states import BY_KIND
from choirmaster.states.intake import INTAKE
from choirmaster.states.pack import States, pack, unpack
from choirmaster.states.reference import Reference, to_bytes
from choirmaster.times import DAY, Window, window_of
from choirmaster.watch.absorb import live
from choirmaster.watch.arrived import ROWS
from choirmaster.watch.choosing import collected, first
from choirmaster.watch.history import History
from choirmaster.watch.settings import MonitorSettings

SPAN = 30 * DAY  # of windows that are measured again under a new reference, unless told otherwise
SET, MEMBER = "reference.set", "reference.member"
APPEARED = "appeared"  # the kind of document that says when a new member's first answers came


@dataclass(frozen=True, slots=True)
class SetReference:
    """What setting a reference did: ``windows`` from ``since`` on are measured again with ``id``."""

    id: str
    before: str
    since: int
    rows: int
    source: str
    windows: int


def states_again(
    store: Store, engine: Measures, settings: MonitorSettings, reference: Reference, window: Window
) -> Mapping[tuple[Window, str], States]:
    """Measure one window from its stored rows, with the labels that its states hold now.

    How rows arrived is no matter of the reference, and is not in the rows any more: it is taken as it stands.
    """
    rows = live(store.rows(settings.name, window=window, measured=True))
    found = dict(engine.states(rows, reference, settings.grain, calls=True))
    for one in store.packs(settings.name, {window}):
        if not one.segment:
            held = unpack(one.payload, {ROWS: INTAKE}, BY_KIND)
            found[window, ""] = {**found.get((window, ""), {}), **held}
    return found


def begin_epoch(
    store: Store,
    engine: Measures,
    settings: MonitorSettings,
    reference: Reference,
    epoch: Epoch,
    revisions: Mapping[Window, int],
    *,
    audit: AuditEntry | None = None,
    progress: Callable[[int, int], None] = lambda _, __: None,
) -> SetReference:
    """Measure the windows from the epoch's start on again, then put reference, states and audit in one transaction.

    Parameters
    ----------
    epoch : Epoch
        Its ``since`` is the start of a window.
    revisions : mapping
        The revision of every measured window.
    progress : callable
        Called with the windows done and to do.
    """
    seen = {window: revision for window, revision in revisions.items() if window.start >= epoch.since}
    packs = []
    for done, window in enumerate(sorted(seen)):
        progress(done, len(seen))
        found = states_again(store, engine, settings, reference, window)
        packs += [
            StatePack(slot[0], slot[1], reference.id, seen[window] + 1, pack(states), epoch.at)
            for slot, states in sorted(found.items(), key=lambda pair: pair[0])
        ]
    store.begin_epoch(settings.name, epoch, to_bytes(reference), packs, seen=seen, audit=audit)
    before = audit.before if audit else ""
    return SetReference(reference.id, before, epoch.since, reference.rows, epoch.source, len(seen))


def start_of(settings: MonitorSettings, since: int) -> int:
    """Return the start of the window that holds an instant."""
    return window_of(settings.grain, since).start


def new_members(settings: MonitorSettings, history: History) -> tuple[SeriesSpec, ...]:
    """Return the configured series that the current reference knows nothing of."""
    known = {one.name for one in history.current.layout.series}
    return tuple(one for one in settings.layout.series if one.name not in known)


def with_member(
    store: Store, engine: Measures, settings: MonitorSettings, history: History, one: SeriesSpec, now: int
) -> tuple[Reference | None, int, float]:
    """Return the current reference with parts for one more member, from when on it holds, and how much is collected.

    The parts come from the configured reference's rows where these have the member's answers, else from its first live
    rows. All other parts of one series or feature stay as they are, so what was measured before adds up with what comes
    (D14); those about all members at once begin anew.
    """
    columns = list(settings.layout.output_columns(one))
    key = f"{settings.name}/{one.name}"
    since = store.documents(APPEARED, key).get(key, {}).get("at")
    if since is None:
        fresh = _answered(live(store.pending(settings.name).predictions), columns)
        if not fresh.num_rows:
            return None, 0, 0.0
        since = start_of(settings, pc.min(fresh["time"].cast(pa.int64())).as_py())
        store.put_document(APPEARED, key, {"at": since}, at=now)
    rows = _configured(settings, columns)
    if rows is None:
        names = ["time", "split", *(name for each in settings.layout.series
                                     for name in settings.layout.output_columns(each)), "label"]  # fmt: skip
        rows = _answered(
            live(store.rows(settings.name, window=Window(since, since + 2 * SPAN), columns=names)), columns
        )
        share = collected(rows, settings.collect) if rows.num_rows else 0.0
        if share < 1.0:
            return None, since, share
        rows = first(rows, settings.collect)
    order = tuple(each.name for each in settings.layout.series)
    series = sorted(
        (*history.current.layout.series, one), key=lambda each: order.index(each.name) if each.name in order else -1
    )
    return engine.extended(history.current, rows, tuple(series), cutoff=settings.cutoff), since, 1.0


def _configured(settings: MonitorSettings, columns: list[str]) -> pa.Table | None:
    table = None if settings.reference_rows is None else settings.reference_rows()
    if table is None or any(name not in table.column_names for name in columns):
        return None
    return table if _answered(table, columns).num_rows else None


def _answered(table: pa.Table, columns: list[str]) -> pa.Table:
    keep = None
    for name in columns:
        there = pc.is_valid(table[name])
        keep = there if keep is None else pc.and_(keep, there)
    return table if keep is None else table.filter(keep)
