"""The values of windows whose states changed: all of them, or those that a label has a part in."""

from __future__ import annotations

import pyarrow as pa

from choirmaster.metrics import METRICS
from choirmaster.plan import LABELLED, Plan, plan_for
from choirmaster.ports import Store
from choirmaster.states import BY_KIND
from choirmaster.states.pack import unpack
from choirmaster.states.reference import Reference
from choirmaster.times import Window
from choirmaster.watch.before import Before, neighbours, rows_of
from choirmaster.watch.chosen import measured
from choirmaster.watch.evaluate import Metrics, Subject, ValueRows, evaluate_states
from choirmaster.watch.freshness import kept
from choirmaster.watch.labelled import LABEL_SHARE
from choirmaster.watch.looks import told_at_once
from choirmaster.watch.settings import MonitorSettings
from choirmaster.watch.versions import DIFFERENCE
from choirmaster.watch.watched import Watched

_READ_OFF = sorted({one.name for one in METRICS if one.needs in LABELLED})
OF_LABELS = (*_READ_OFF, *(f"{name}{DIFFERENCE}" for name in _READ_OFF), LABEL_SHARE)


def measure(store: Store, watched: Watched, due: list[Window], *, at: int, labels: bool = False) -> int:
    """Evaluate windows and store their values; returns how many.

    Parameters
    ----------
    due : list of Window
    at : int
        The instant now.
    labels : bool
        Only labels changed: what they have no part in stays, under the new revision.
    """
    settings = watched.settings
    metrics: dict[tuple[str, bool], tuple[Metrics, Metrics]] = {}  # of all rows, and of segments
    rows, before, asked = ValueRows(), Before(), set(due)
    earlier, later = neighbours(due, watched.evaluated.keys() | asked)
    packs = store.packs(settings.name, sorted(asked | earlier | (set() if labels else set(later.values()))))
    for one in sorted(packs, key=lambda pack: (pack.window, pack.segment)):
        if one.window not in asked and one.window not in earlier:
            continue
        reference = watched.history.at(one.window.start)
        plan = _plan(plan_for(reference, settings.grain, calls=True), labels=labels)
        states = unpack(one.payload, plan.parts, BY_KIND)
        previous = before.swap(one.window, one.segment, states)
        if one.window not in asked:
            continue
        if not one.segment and not labels:
            known, watched.counted[one.window] = watched.counted.get(one.window), rows_of(states)
            if known != rows_of(states) and one.window in later:
                asked.add(later[one.window])  # rows came late: the next window was compared with fewer of them
        subject = Subject(settings.name, one.window, one.segment, one.revision)
        alone = watched.looks.over(one.window) == one.window
        if (reference.id, alone) not in metrics:
            metrics[reference.id, alone] = _metrics(settings, reference, labels=labels, alone=alone)
        some = metrics[reference.id, alone][bool(one.segment)]
        evaluate_states(rows, subject, states, plan, reference, some, previous)
    table = rows.table()
    if not labels:
        table = pa.concat_tables([table, kept(store, settings.name, asked, watched.revisions)])
    among = {window: watched.revisions[window] for window in asked} if labels else {}
    store.put_values(settings.name, sorted(asked), table, among=among, metrics=OF_LABELS)
    for window in sorted(asked):
        revision = watched.revisions[window]
        watched.evaluated[window] = watched.mine[window] = revision
        document = {"start": window.start, "end": window.end, "revision": revision, "rows": watched.counted.get(window),
                    "counts": list(watched.counts.get(window, ())) or None}  # fmt: skip
        store.put_document("evaluated", f"{settings.name}/{window.start}", document, at=at)
    return int(table.num_rows)


def _metrics(settings: MonitorSettings, reference: Reference, *, labels: bool, alone: bool) -> tuple[Metrics, Metrics]:
    """Return what is measured of all rows and of segments; in a longer window the rest is told by that one."""
    whole, few = measured(settings, reference)
    if not alone:
        whole, few = told_at_once(whole), told_at_once(few)
    return (of_labels(whole), of_labels(few)) if labels else (whole, few)


def of_labels(metrics: Metrics) -> Metrics:
    """Return the metrics that labels have a part in."""
    return {kind: some for kind, some in metrics.items() if kind in LABELLED}


def _plan(plan: Plan, *, labels: bool) -> Plan:
    """Return a plan without the features where ``labels`` are all that changed."""
    if not labels:
        return plan
    parts = {key: part for key, part in plan.parts.items() if key.series}
    return Plan(plan.layout, parts, plan.grain, plan.segments, plan.crosses)
