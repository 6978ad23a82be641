"""Which stored windows are looked at together, chosen window by window from what lies before, and kept with its why."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import pyarrow as pa

from choirmaster.catalogue.facts import WINDOW, Choice
from choirmaster.catalogue.following import by_base, choose_base
from choirmaster.metrics.base import DATA_QUALITY, LATENCY, Metric
from choirmaster.ports import Store
from choirmaster.states.reference import Reference
from choirmaster.times import Window, isoformat, parse_grain
from choirmaster.watch.chosen import choices_of, leading_of
from choirmaster.watch.evaluate import Metrics
from choirmaster.watch.settings import MonitorSettings
from choirmaster.watch.traffic import labelled_hours

LENGTHS, LOOK, CHOICE = "windows", "look", "choice"  # kinds of documents
BASES = ("1h", "1d")  # lengths of stored windows that longer ones are chosen over


@dataclass
class Looks:
    """Windows longer than the stored ones, by time.

    Attributes
    ----------
    windows : list of Window
        They do not overlap.

    Examples
    --------
    >>> looks = Looks()
    >>> looks.add(Window(0, 7))
    >>> looks.over(Window(3, 4)), looks.over(Window(7, 8))
    (Window(start=0, end=7), Window(start=7, end=8))
    """

    windows: list[Window] = field(default_factory=list)

    def add(self, window: Window) -> None:
        """Put one in its place."""
        if window not in self.windows:
            insort(self.windows, window)

    def over(self, window: Window) -> Window:
        """Return the window that a stored one is looked at in: a longer one, or itself."""
        at = bisect_right(self.windows, window.start, key=lambda one: one.start) - 1
        return self.windows[at] if at >= 0 and window.end <= self.windows[at].end else window

    def mapping(self, windows: Iterable[Window]) -> dict[Window, Window]:
        """Return the window that each is looked at in."""
        return {one: self.over(one) for one in windows}


class Mark(NamedTuple):
    """What the values of a longer window rest on: revisions, rows of it and of the window before, references."""

    revision: int
    rows: int
    before: int
    references: str


def looks_of(store: Store, ensemble: str) -> tuple[Looks, dict[Window, Mark]]:
    """Read the longer windows of an ensemble, and what the values of those rest on that have been evaluated."""
    found = {Window(one["start"], one["end"]): one.get("mark")
             for one in store.documents(LOOK, f"{ensemble}/").values()}  # fmt: skip
    return Looks(sorted(found)), {window: Mark(*mark) for window, mark in found.items() if mark}


def put_look(store: Store, ensemble: str, window: Window, mark: Mark | None, *, at: int) -> None:
    """Keep a longer window, and what its values rest on once it is evaluated."""
    document = {"start": window.start, "end": window.end, "mark": mark and list(mark)}
    store.put_document(LOOK, f"{ensemble}/{window.start}", document, at=at)


def lengths_of(store: Store, ensemble: str) -> dict[str, Any]:
    """Return what is kept of the stored windows: their ``grain`` and ``zone``; empty before the first look."""
    return store.documents(LENGTHS, ensemble).get(ensemble, {})


def windows_chosen(store: Store, ensemble: str) -> list[dict[str, Any]]:
    """Return each length that was chosen, from when on, and why, in order of time."""
    found = sorted(store.documents(CHOICE, f"{ensemble}/").values(), key=lambda one: one["start"])
    return [{"time": isoformat(one["start"]), **Choice(WINDOW, one["name"], 1, one["why"])._asdict()} for one in found]


# -- the stored windows -----------------------------------------------------------------------------------------
def settled(store: Store, settings: MonitorSettings) -> MonitorSettings:
    """Return settings with the length of the windows that are stored, where that was chosen."""
    kept = lengths_of(store, settings.name).get("grain") if settings.precision is not None else None
    return replace(settings, grain=parse_grain(kept, zone=settings.grain.zone)) if kept in BASES else settings


def settle(store: Store, settings: MonitorSettings, reference: Reference, rows: pa.Table, at: int) -> None:
    """Choose the length of stored windows by the first reference: an hour where that is enough, else a day."""
    hours = [float(one) for one in labelled_hours(rows)]
    leading = leading_of(reference.layout, reference.states, choices_of(settings, reference))
    name = choose_base(leading, hours, settings.precision or 0.0).name
    grain = parse_grain("1h" if name == "1h" else "1d", zone=settings.grain.zone)
    document = {"grain": str(grain), "zone": grain.zone, "before": by_base(hours, grain)}
    store.put_document(LENGTHS, settings.name, document, at=at)


# -- what waits for a longer window -----------------------------------------------------------------------------
def at_once(metric: Metric) -> bool:
    """Say whether a metric is told by each stored window, however long a window is chosen: what breaks cannot wait."""
    return metric.family in (DATA_QUALITY, LATENCY)


def told_at_once(metrics: Metrics) -> Metrics:
    """Return the metrics of stored windows that lie in a longer one."""
    return _kept(metrics, at=True)


def told_later(metrics: Metrics) -> Metrics:
    """Return the metrics of a longer window."""
    return _kept(metrics, at=False)


def _kept(metrics: Mapping[str, tuple[Metric, ...]], *, at: bool) -> Metrics:
    found = {kind: tuple(one for one in some if at_once(one) is at) for kind, some in metrics.items()}
    return {kind: some for kind, some in found.items() if some}
