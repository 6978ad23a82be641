"""The window just before each one: its states, kept as long as they are needed and no longer."""

from __future__ import annotations

from collections.abc import Iterable

from choirmaster.states.confusion import Confusion
from choirmaster.states.histogram import Histogram
from choirmaster.states.pack import States
from choirmaster.times import Window


class Before:
    """Remembers the last window of each segment; windows come in order of time."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Window, States]] = {}

    def swap(self, window: Window, segment: str, states: States) -> States | None:
        """Return the states of the window that ends where this one begins, None for a gap; remember these instead."""
        last = self._last.get(segment)
        self._last[segment] = window, states
        return last[1] if last is not None and last[0].end == window.start and last[0] != window else None


def rows_of(states: States) -> int:
    """Return how many rows the states of a window were counted from."""
    found = [state.rows for state in states.values() if isinstance(state, Confusion | Histogram)]
    return max(found, default=0)


def neighbours(windows: Iterable[Window], known: Iterable[Window]) -> tuple[set[Window], dict[Window, Window]]:
    """Return the known windows that end where one of these begins, and by window the known one that follows it."""
    ends, starts = {}, {}
    for one in known:
        ends[one.end], starts[one.start] = one, one
    wanted = sorted(windows)
    return (
        {ends[one.start] for one in wanted if one.start in ends},
        {one: starts[one.end] for one in wanted if one.end in starts},
    )
