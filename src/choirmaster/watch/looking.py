"""The values of windows longer than the stored ones: read off sums of states once the last stored one is due."""

from __future__ import annotations

from dataclasses import replace

from choirmaster.plan import LABELLED, Plan, plan_for
from choirmaster.ports import Store
from choirmaster.states import BY_KIND
from choirmaster.states.pack import unpack
from choirmaster.states.reference import Reference
from choirmaster.states.versions import fold
from choirmaster.times import Window
from choirmaster.watch.before import Before
from choirmaster.watch.chosen import measured
from choirmaster.watch.evaluate import Metrics, Subject, ValueRows, evaluate_states
from choirmaster.watch.looks import Mark, put_look, told_later
from choirmaster.watch.measuring import OF_LABELS, of_labels
from choirmaster.watch.rollup import Sum
from choirmaster.watch.watched import Watched


def look(store: Store, watched: Watched, *, now: int, at: int) -> int:
    """Evaluate the longer windows that are due and have changed; returns how many values were stored.

    Parameters
    ----------
    now : int
        The instant by the ensemble's clock.
    at : int
        The instant by the wall clock.
    """
    values = 0
    for window in watched.looks.windows:
        if window.end + watched.settings.grace > now:
            continue
        mark, last = _mark(watched, window), watched.looked.get(window)
        if mark != last:
            labels = last is not None and mark == last._replace(revision=mark.revision)
            values += _evaluate(store, watched, window, mark, labels=labels)
            put_look(store, watched.settings.name, window, mark, at=at)
            watched.looked[window] = mark
    return values


def _mark(watched: Watched, window: Window) -> Mark:
    inside = watched.inside(window)
    ids = {watched.history.at(one.start).id for one in inside}
    return Mark(sum(watched.revisions[one] for one in inside), _rows(watched, inside),
                _rows(watched, watched.before(window)), ",".join(sorted(ids)))  # fmt: skip


def _rows(watched: Watched, windows: list[Window]) -> int:
    return sum(watched.counted.get(one, 0) for one in windows)


def _evaluate(store: Store, watched: Watched, window: Window, mark: Mark, *, labels: bool) -> int:
    """Write the values of one window, or where only ``labels`` changed those that labels have a part in."""
    name, rows, before = watched.settings.name, ValueRows(), Before()
    for span, some in ((Window(window.start, window.start), watched.before(window)), (window, watched.inside(window))):
        for segment, found in sorted(_sums(store, watched, some, labels=labels).items()):
            states = fold(found.states)
            previous = before.swap(span, segment, states)
            if span == window:
                metrics = _metrics(watched, found.reference, labels=labels)[bool(segment)]
                subject, plan = Subject(name, window, segment, mark.revision), _plan(found.reference, labels=labels)
                evaluate_states(rows, subject, states, plan, found.reference, metrics, previous,
                                refuses=found.refuses, label_shares=False)  # fmt: skip
    table = rows.table()
    among = {window: mark.revision} if labels else {}
    store.put_values(name, [window], table, among=among, metrics=OF_LABELS)
    return int(table.num_rows)


def _sums(store: Store, watched: Watched, windows: list[Window], *, labels: bool) -> dict[str, Sum]:
    """Add up the states of stored windows, by segment."""
    sums: dict[str, Sum] = {}
    plans: dict[str, Plan] = {}
    for one in sorted(store.packs(watched.settings.name, windows) if windows else (), key=lambda pack: pack.window):
        reference = watched.history.at(one.window.start)
        if reference.id not in plans:
            plans[reference.id] = _plan(reference, labels=labels)
        states = unpack(one.payload, plans[reference.id].parts, BY_KIND)
        sums.setdefault(one.segment, Sum()).add(states, reference, one.revision)
    return sums


def _plan(reference: Reference, *, labels: bool) -> Plan:
    plan = plan_for(reference, None, calls=True)
    wanted = {key: part for key, part in plan.parts.items() if not labels or key.kind in LABELLED}
    return replace(plan, parts=wanted)


def _metrics(watched: Watched, reference: Reference, *, labels: bool) -> tuple[Metrics, Metrics]:
    whole, few = map(told_later, measured(watched.settings, reference))
    return (of_labels(whole), of_labels(few)) if labels else (whole, few)
