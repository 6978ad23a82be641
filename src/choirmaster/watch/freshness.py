"""How fresh a window is: rows of the table of values that no state holds, because the newest time is no sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.alerts.life import Track
from choirmaster.metrics.freshness import FRESHNESS, freshness
from choirmaster.ports import Store, ValueQuery
from choirmaster.records import VALUE_SCHEMA
from choirmaster.states.keys import ENSEMBLE, StateKey
from choirmaster.times import MINUTE, Window, window_of
from choirmaster.watch.evaluate import Subject, ValueRows
from choirmaster.watch.judge import Judged, judge
from choirmaster.watch.settings import MonitorSettings

PREDICTIONS, LABELS = "predictions", "labels"
KEY = StateKey(ENSEMBLE, FRESHNESS.needs)


def add_freshness(rows: ValueRows, subject: Subject, newest: Mapping[str, int | None], at: int) -> None:
    """Append how old the newest event of each source is at an instant.

    Parameters
    ----------
    newest : mapping
        ``predictions``, ``labels``, or ``labels:<source>`` to its latest time up to the clock, in microseconds UTC.
    at : int
        The clock, or the end of a window that is over.
    """
    for source in sorted(newest):
        value = freshness(newest[source], at)
        rows.add(subject, KEY, source, FRESHNESS.name, value, "")


def wanted(settings: MonitorSettings) -> bool:
    """Say whether anybody asked how fresh an ensemble is."""
    names = settings.metrics
    return names is None or isinstance(names, str) or FRESHNESS.name in (*names, *settings.ruled)


def put_freshness(store: Store, settings: MonitorSettings, newest: Mapping[str, int], now: int, revision: int) -> None:
    """Store how fresh each source is with the window that holds the clock; of the values before, the last one stays."""
    rows, window = ValueRows(), window_of(settings.grain, now)
    add_freshness(rows, Subject(settings.name, window, "", revision), newest, now)
    store.put_values(settings.name, [window], rows.table(), among={window: revision}, metrics=(FRESHNESS.name,))


def kept(store: Store, ensemble: str, windows: Iterable[Window], revisions: Mapping[Window, int]) -> pa.Table:
    """Return the stored freshness of windows whose other values are written anew, under their new revision."""
    chosen = {window.start: revisions[window] for window in windows}
    if not chosen:
        return VALUE_SCHEMA.empty_table()
    query = ValueQuery(ensemble, min(chosen), metrics=(FRESHNESS.name,))
    table = store.values(query)
    starts = table["window_start"].cast(pa.int64())
    table = table.filter(pc.is_in(starts, pa.array(list(chosen), pa.int64())))
    numbers = [chosen[one] for one in table["window_start"].cast(pa.int64()).to_pylist()]
    place = VALUE_SCHEMA.get_field_index("revision")
    return table.set_column(place, VALUE_SCHEMA.field(place), pa.array(numbers, VALUE_SCHEMA.field(place).type))


def judge_freshness(
    settings: MonitorSettings, newest: Mapping[str, int], now: int, tracks: Mapping[str, Track]
) -> Judged:
    """Follow the rules about freshness: judged anew each minute by the clock, not once for each window."""
    rules = [one for one in settings.rules if one.metric == FRESHNESS.name]
    if not rules:
        return Judged({}, [])
    rows, minute = ValueRows(), now - now % MINUTE
    add_freshness(rows, Subject(settings.name, Window(minute, minute + MINUTE)), newest, now)
    return judge(rules, rows.table(), {}, tracks, ensemble=settings.name, mature=lambda _: True, expected_share=0.0)
