"""Values that nobody asked to store: read off the states of the windows that have been measured."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.ports import Measures, Store, ValueQuery
from choirmaster.states.reference import Reference
from choirmaster.watch.chosen import measured
from choirmaster.watch.history import History
from choirmaster.watch.labelled import LABEL_SHARE
from choirmaster.watch.settings import MonitorSettings
from choirmaster.watch.spans import Spans
from choirmaster.watch.versions import DIFFERENCE


def stored(settings: MonitorSettings, reference: Reference, query: ValueQuery) -> bool:
    """Say whether the values asked for are stored; without names, what is stored is what is asked for."""
    if not query.metrics or settings.metrics is not None:
        return True
    which = measured(settings, reference)[query.segments != ("",)]
    known = {LABEL_SHARE, *(one.name for some in which.values() for one in some)}
    return {name.removesuffix(DIFFERENCE) for name in query.metrics} <= known


def unstored(
    store: Store, engine: Measures | None, settings: MonitorSettings, history: History, query: ValueQuery
) -> pa.Table:
    """Return values of windows that have been measured, as if they had been stored then."""
    table = Spans(store, engine, settings, history).values(query, str(settings.grain))
    done = store.documents("evaluated", f"{settings.name}/").values()
    starts = pa.array([one["start"] for one in done], pa.int64()).cast(table.schema.field("window_start").type)
    return table.filter(pc.is_in(table["window_start"], starts))
