"""New rows and changed labels into states: add what came, subtract what a label said before, exactly once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.plan import plan_for
from choirmaster.ports import Measures, Pending, StatePack, Store
from choirmaster.states import BY_KIND
from choirmaster.states.pack import States, add_to, merge_states, pack, subtract_states
from choirmaster.states.reference import Reference
from choirmaster.times import Window
from choirmaster.watch.arrived import LIVE, came_again, marked
from choirmaster.watch.history import History
from choirmaster.watch.settings import MonitorSettings

Slots = dict[tuple[Window, str], States]
SNAPSHOT_ROWS = 250_000


@dataclass
class Changed:
    """Windows with their new revision.

    Those in ``counted`` have new rows, or rows that came again; the others only other labels.
    """

    revisions: dict[Window, int] = field(default_factory=dict)
    counted: set[Window] = field(default_factory=set)


def absorb(
    store: Store,
    engine: Measures,
    settings: MonitorSettings,
    history: History,
    *,
    now: int,
    progress: Callable[[int], None] | None = None,
    stream: bool = False,
) -> Changed:
    """Take in all that is pending; returns the windows that changed, with their new revision.

    In a ``stream`` rows keep coming while this works: it ends with the first batch that held fewer than
    ``SNAPSHOT_ROWS``, so that a steady stream cannot keep windows from being measured.
    """
    changed = Changed()
    rows = 0
    while not (pending := store.pending(settings.name)).empty:
        deltas, counted = _deltas(engine, settings, history, pending)
        packs = _merged(store, settings, history, deltas, now)
        store.commit(pending, packs)
        changed.revisions |= {one.window: one.revision for one in packs}
        changed.counted |= counted
        rows += pending.predictions.num_rows + pending.changes.num_rows
        if progress:
            progress(rows)
        if not pending.more:
            break
        if stream and max(pending.predictions.num_rows, pending.changes.num_rows) < SNAPSHOT_ROWS:
            break
    return changed


def live(table: pa.Table) -> pa.Table:
    """Return the rows that count: training and test rows never reach states of live windows."""
    if "split" not in table.schema.names:
        return table
    split = pc.fill_null(table["split"].cast(pa.string()), LIVE)
    return table.filter(pc.equal(split, LIVE))


def labelled_part(reference: Reference) -> Reference:
    """Return the reference restricted to the states a label has a part in."""
    keys = plan_for(reference, None, calls=False).labelled()
    return replace(reference, parts={key: reference.parts[key] for key in keys})


def _deltas(
    engine: Measures, settings: MonitorSettings, history: History, pending: Pending
) -> tuple[Slots, set[Window]]:
    """Return what to add to each window and segment, and the windows whose rows changed: new ones, or come again.

    Changed labels are added as (after - before), which may be negative.
    """
    out: Slots = {}
    for reference, rows in history.cut(live(marked(pending))):
        out |= engine.states(rows, reference, settings.grain, calls=True)
    for slot, states in came_again(pending, settings.grain).items():
        out[slot] = merge_states(out.get(slot, {}), states)
    counted = {window for window, _ in out}
    for reference, changes in history.cut(live(pending.changes)):
        if not changes.num_rows:
            continue
        part = labelled_part(reference)
        before = engine.states(changes, part, settings.grain, calls=False, label="label_before")
        after = engine.states(changes, part, settings.grain, calls=False, label="label")
        for slot in before.keys() | after.keys():
            delta = subtract_states(after.get(slot, {}), before.get(slot, {}))
            out[slot] = merge_states(out.get(slot, {}), delta)
    return out, counted


def _merged(store: Store, settings: MonitorSettings, history: History, deltas: Slots, now: int) -> list[StatePack]:
    windows = {window for window, _ in deltas}
    stored = {(one.window, one.segment): one for one in store.packs(settings.name, windows)} if windows else {}
    revisions = {window: max((one.revision for slot, one in stored.items() if slot[0] == window), default=0) + 1
                 for window in windows}  # fmt: skip
    out = []
    for (window, segment), delta in sorted(deltas.items(), key=lambda pair: pair[0]):
        reference, old = history.at(window.start), stored.get((window, segment))
        parts = plan_for(reference, settings.grain, calls=True).parts
        payload = add_to(old.payload, delta, parts, BY_KIND) if old else pack(delta)
        out.append(StatePack(window, segment, reference.id, revisions[window], payload, now))
    return out
