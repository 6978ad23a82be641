"""How many labelled rows came, hour by hour and window by window: what a choice of windows rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from choirmaster.catalogue.following import LOOKS_BACK, per_day
from choirmaster.times import DAY, HOUR, Grain, Window

LATEST = LOOKS_BACK * 24


class Count(NamedTuple):
    """Rows of a stored window, and how many of them have a label."""

    rows: int
    labelled: int


def labelled_hours(table: pa.Table | None) -> NDArray[np.float64]:
    """Return how many labelled rows each of the latest hours had; empty where there is no time or no label."""
    if table is None or not {"time", "label"} <= set(table.schema.names):
        return np.empty(0)
    usable = table.filter(pc.and_(pc.is_valid(table["time"]), _labelled(table["label"])))
    if not usable.num_rows:
        return np.empty(0)
    hours = usable["time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy() // HOUR
    begin = max(hours.min(), hours.max() - LATEST + 1)
    return np.bincount(hours[hours >= begin] - begin).astype(np.float64)


def _labelled(labels: pa.ChunkedArray) -> Any:
    known = pc.is_valid(labels)
    if labels.type in (pa.float64(), pa.float32()):
        known = pc.and_kleene(known, pc.is_finite(labels))
    return pc.fill_null(known, False)


def labelled_before(
    counts: Mapping[Window, Count], start: int, grain: Grain, *, expected: int, share: float, seeds: list[float]
) -> list[float]:
    """Return how many labelled rows each stored window of the 14 days before an instant had, or will have.

    Labels that were not due by then are not counted but expected: the window's rows times the share of rows that have
    a label where labels were due.

    Parameters
    ----------
    counts : mapping
        Of each stored window.
    start : int
        Microseconds UTC; windows that end later are left out.
    grain : Grain
        Length of the stored windows.
    expected : int
        Microseconds after a window's end until its labels are due.
    share : float
        The share where no label has been due yet.
    seeds : list of float
        Labelled rows before the first window, the latest last.

    Returns
    -------
    list of float
        The latest last; 0 where a window had no row.
    """
    past = {window: count for window, count in counts.items() if window.end <= start}
    if not past:
        return seeds
    due = _due(past, start - expected)
    rows = sum(count.rows for count in due)
    known = sum(count.labelled for count in due) / rows if rows else share
    length = DAY // per_day(grain)
    places = min(round((start - min(past).start) / length), LOOKS_BACK * per_day(grain))
    out = [0.0] * places
    for window, count in past.items():
        place = round((start - window.start) / length)
        if place <= places:
            out[-place] += count.labelled if window.end <= start - expected else known * count.rows
    return [*seeds, *out][-LOOKS_BACK * per_day(grain) :]


def _due(past: Mapping[Window, Count], until: int) -> list[Count]:
    """Return the counts of the 14 days of windows whose labels were due last."""
    return [count for window, count in past.items() if until - LOOKS_BACK * DAY < window.end <= until]
