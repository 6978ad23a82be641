"""Follow the traffic: which windows are looked at together, decided at each boundary from what lies before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from choirmaster.catalogue.facts import Choice
from choirmaster.catalogue.lengths import DEFAULT_PRECISION, STANDARD, Leading, choose_window
from choirmaster.times import DAY, HOUR, Grain, Window, parse_grain, window_of

LOOKS_BACK = 14  # days of traffic that speak for the next window
QUARTILE = 0.25
_DAYS = {"1d": 1, "1w": 7, "1mo": 30}


class Step(NamedTuple):
    """Which window a stored window counts in, and the choice that begins with it, if one does.

    Attributes
    ----------
    window : Window
    choice : Choice or None
    """

    window: Window
    choice: Choice | None = None


def rows_by_length(counts: Sequence[float], per_day: int) -> dict[str, float]:
    """Return how many rows a window of each standard length had: the lower quartile over all such spans.

    Parameters
    ----------
    counts : sequence of float
        Rows of each hour (24 a day) or day (1 a day), the latest last. A span longer than them is scaled.

    Examples
    --------
    >>> rows_by_length([100, 100, 100, 20], 1)
    {'1d': 80.0, '1w': 560.0, '1mo': 2400.0}
    """
    sums = np.concatenate([[0.0], np.cumsum(np.asarray(counts, np.float64))])
    out: dict[str, float] = {}
    for name, length in _lengths(per_day).items():
        if len(counts) < length:
            out[name] = float(sums[-1]) * length / len(counts) if counts else 0.0
        else:
            out[name] = float(np.quantile(sums[length:] - sums[:-length], QUARTILE))
    return out


def _lengths(per_day: int) -> dict[str, int]:
    fine = {"1h": 1} if per_day > 1 else {}
    return fine | {name: days * per_day for name, days in _DAYS.items()}


def per_day(base: Grain) -> int:
    """Return how many stored windows a day has: 24 or 1."""
    return 24 if base.unit == "h" else 1


def by_base(hours: Sequence[float], base: Grain) -> list[float]:
    """Add hourly counts up to those of stored windows, the latest last; an incomplete first day is left out.

    >>> by_base([1.0] * 30, Grain(1, "d")), by_base([1.0, 2.0], Grain(1, "h"))
    ([24.0], [1.0, 2.0])
    """
    size = 24 // per_day(base)
    return [float(sum(hours[at : at + size])) for at in range(len(hours) % size, len(hours), size)]


def choose_base(leading: Leading, hours: Sequence[float], precision: float = DEFAULT_PRECISION) -> Choice:
    """Choose a window from the labelled rows of past hours.

    >>> choose_base(Leading("roc_auc", 0.8, 0.01, 10_000), [4_000] * 48).name
    '1h'
    """
    return choose_window(leading, rows_by_length(hours, 24), precision=precision)


def next_window(base: Grain, length: str, start: int, free: int | None = None) -> Window:
    """Return the window that begins to be looked at with the stored window at ``start``.

    It is the one of the chosen length where that holds no instant before ``free``; else the longest shorter one that
    does not, and that ends in time for the chosen one to begin at its place in the calendar.

    Parameters
    ----------
    base : Grain
        Length of the stored windows.
    length : str
        What was chosen.
    free : int, optional
        End of the window before.

    Examples
    --------
    >>> from choirmaster.times import parse_instant
    >>> tuesday = parse_instant("2026-03-03T00:00:00Z")
    >>> str(next_window(Grain(1, "d"), "1w", tuesday, free=tuesday))
    '[2026-03-03T00:00:00Z, 2026-03-04T00:00:00Z)'
    >>> str(next_window(Grain(1, "d"), "1w", tuesday))
    '[2026-03-02T00:00:00Z, 2026-03-09T00:00:00Z)'
    """
    lengths = list(STANDARD[STANDARD.index(str(base)) :])
    allowed = lengths[: lengths.index(length) + 1] if length in lengths else lengths[:1]
    wished = window_of(parse_grain(allowed[-1], zone=base.zone), start)
    for name in reversed(allowed):
        found = window_of(parse_grain(name, zone=base.zone), start)
        if (free is None or found.start >= free) and found.end <= wished.end:
            return found
    return window_of(base, start)


class Follower:
    """Says for each stored window, in order of time, which window it counts in.

    Parameters
    ----------
    leading : Leading
        The leading metric on the reference.
    base : Grain
        Length of the stored windows: an hour or a day.
    before : sequence of float
        Labelled rows of the hours before the first window, the latest last.
    longest : str
        No longer window is chosen.

    Examples
    --------
    >>> from choirmaster.times import DAY
    >>> follow = Follower(Leading("roc_auc", 0.8, 0.01, 10_000), Grain(1, "d"), [200.0] * 24 * 14)
    >>> step = follow.step(Window(4 * DAY, 5 * DAY), labelled=4_800)
    >>> step.choice.name, step.window == Window(4 * DAY, 5 * DAY)
    ('1d', True)
    """

    def __init__(
        self, leading: Leading, base: Grain, before: Sequence[float], *, precision: float = DEFAULT_PRECISION,
        longest: str = STANDARD[-1],
    ) -> None:  # fmt: skip
        self.leading, self.base, self.precision, self.longest = leading, base, precision, longest
        self.per_day = per_day(base)
        self.counts: deque[float] = deque(by_base(before, base), maxlen=LOOKS_BACK * self.per_day)
        self.now = ""
        self._open: Window | None = None
        self._seen: Window | None = None

    def step(self, window: Window, labelled: int) -> Step:
        """Take the next stored window; how many labelled rows it has counts for later windows only."""
        self._pass_over_gap(window)
        choice = None
        if self._open is None or window.start >= self._open.end:
            chosen = choose_window(self.leading, rows_by_length(self.counts, self.per_day), precision=self.precision,
                                   now=self.now, longest=self.longest)  # fmt: skip
            choice = chosen if chosen.name != self.now else None
            self.now = chosen.name
            self._open = next_window(self.base, self.now, window.start, self._open.end if self._open else None)
        self.counts.append(float(labelled))
        self._seen = window
        return Step(self._open, choice)

    def _pass_over_gap(self, window: Window) -> None:
        if self._seen is not None:
            missing = round((window.start - self._seen.end) / (HOUR if self.per_day > 1 else DAY))
            self.counts.extend([0.0] * min(missing, LOOKS_BACK * self.per_day))
