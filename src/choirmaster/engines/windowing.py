"""Which window each row belongs to, for whole batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from choirmaster.engines.columns import Ints
from choirmaster.times import DAY, EARLIEST, LATEST, Grain, Window, edges

NO_TIME = np.iinfo(np.int64).min
GAP_DAYS = 40
ALL = Window(0, 0)


@dataclass(frozen=True)
class Assigned:
    """Windows of one batch: ``windows[index[i]]`` holds row i; a negative index marks a row without a usable time."""

    windows: Sequence[Window]
    index: Ints

    @property
    def untimed(self) -> int:
        """Rows that belong to no window."""
        return int((self.index < 0).sum())


def assign(grain: Grain | int | None, times: Ints, first_row: int) -> Assigned:
    """Give each row its window.

    ``grain`` a :class:`Grain` cuts by time; an integer cuts by row number (the window's start and end are row numbers);
    None puts all rows into one window, ``ALL``.
    """
    if grain is None:
        return Assigned([ALL], np.zeros(len(times), np.int64))
    if isinstance(grain, int):
        number = (np.arange(first_row, first_row + len(times)) // grain).astype(np.int64)
        kept, index = np.unique(number, return_inverse=True)
        return Assigned([Window(int(k) * grain, (int(k) + 1) * grain) for k in kept], index.astype(np.int64))
    known = (times >= EARLIEST) & (times <= LATEST)
    if not known.any():
        return Assigned([], np.full(len(times), -1, np.int64))
    whole = bool(known.all())
    inside = times if whole else times[known]
    first, last = int(inside.min()), int(inside.max())
    if whole and last - first <= DAY:  # rows often come in order of time, many batches to a window
        span = edges(grain, first, last)
        if len(span) == 2:
            return Assigned([Window(int(span[0]), int(span[1]))], np.zeros(len(times), np.int64))
    borders = _borders(grain, inside)
    number = np.searchsorted(borders, times, side="right") - 1
    kept, index = np.unique(number[known], return_inverse=True)
    out = np.full(len(times), -1, np.int64)
    out[known] = index
    return Assigned([Window(int(borders[k]), int(borders[k + 1])) for k in kept], out)


def newest(assigned: Assigned, times: Ints, now: int) -> dict[Window, int]:
    """Return the latest time of each window that is not after ``now``; a window without one is left out.

    >>> newest(Assigned([ALL], np.zeros(3, np.int64)), np.array([5, 9, 7]), 8)[ALL]
    7
    """
    known = (assigned.index >= 0) & (times != NO_TIME) & (times <= now)
    if not known.any():
        return {}
    out = np.full(len(assigned.windows), NO_TIME)
    np.maximum.at(out, assigned.index[known], times[known])
    return {one: int(last) for one, last in zip(assigned.windows, out, strict=True) if last != NO_TIME}


def later(ours: dict[Window, int], theirs: Mapping[Window, int]) -> None:
    """Keep the later time of each window."""
    for window, last in theirs.items():
        ours[window] = max(last, ours.get(window, last))


def _borders(grain: Grain, times: Ints) -> Ints:
    """Return the borders of every window that holds one of the times; a far outlier costs two borders, not the gap."""
    days = np.unique(times // DAY)
    groups = np.split(days, np.flatnonzero(np.diff(days) > GAP_DAYS) + 1)
    spans = [(int(group[0]) * DAY, (int(group[-1]) + 1) * DAY - 1) for group in groups]
    found = [edges(grain, max(first, EARLIEST), min(last, LATEST)) for first, last in spans]
    return np.unique(np.concatenate([np.array(one, np.int64) for one in found]))
