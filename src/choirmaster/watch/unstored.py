"""Values that nobody asked to store: read off the states of the windows that have been measured."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from choirmaster.metrics import BY_NAME
from choirmaster.metrics.freshness import FRESHNESS
from choirmaster.ports import Measures, Store, ValueQuery
from choirmaster.states.reference import Reference
from choirmaster.times import Window
from choirmaster.values import VALUE_ORDER
from choirmaster.watch.chosen import measured
from choirmaster.watch.history import History
from choirmaster.watch.labelled import LABEL_SHARE
from choirmaster.watch.looks import at_once, looks_of
from choirmaster.watch.settings import MonitorSettings
from choirmaster.watch.spans import Spans
from choirmaster.watch.versions import DIFFERENCE


def stored(settings: MonitorSettings, reference: Reference, query: ValueQuery) -> bool:
    """Say whether the values asked for are stored; without names, what is stored is what is asked for."""
    if not query.metrics or settings.metrics is not None:
        return True
    which = measured(settings, reference)[query.segments != ("",)]
    known = {LABEL_SHARE, FRESHNESS.name, *(one.name for some in which.values() for one in some)}
    return {name.removesuffix(DIFFERENCE) for name in query.metrics} <= known


def unstored(
    store: Store, engine: Measures | None, settings: MonitorSettings, history: History, query: ValueQuery
) -> pa.Table:
    """Return values of windows that have been measured, as if they had been stored then."""
    looks, marks = looks_of(store, settings.name)
    spans = Spans(store, engine, settings, history, looks)
    soon = tuple(name for name in query.metrics if _soon(name))
    later = tuple(name for name in query.metrics if name not in soon)
    found = [spans.values(replace(query, metrics=some), window)
             for some, window in ((soon, str(settings.grain)), (later, "")) if some]  # fmt: skip
    table = pa.concat_tables(found).sort_by([(name, "ascending") for name in VALUE_ORDER])
    done = {Window(one["start"], one["end"]) for one in store.documents("evaluated", f"{settings.name}/").values()}
    starts, ends = (table[name].cast(pa.int64()).to_pylist() for name in ("window_start", "window_end"))
    there = [Window(*one) in done or Window(*one) in marks for one in zip(starts, ends, strict=True)]
    return table.filter(pa.array(there, pa.bool_()))


def _soon(name: str) -> bool:
    metric = BY_NAME.get(name.removesuffix(DIFFERENCE))
    return metric is not None and at_once(metric)
