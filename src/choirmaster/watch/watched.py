"""What the loop knows of an ensemble, and what one look did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from choirmaster.catalogue.lengths import Leading
from choirmaster.states.reference import Reference
from choirmaster.times import Window
from choirmaster.watch.absorb import Changed
from choirmaster.watch.history import History
from choirmaster.watch.judge import Baselines
from choirmaster.watch.looks import Looks, Mark
from choirmaster.watch.settings import MonitorSettings
from choirmaster.watch.traffic import Count


@dataclass
class Watched:
    """What the loop remembers of one ensemble between two looks."""

    settings: MonitorSettings
    history: History
    past: Mapping[str, Baselines]
    revisions: dict[Window, int] = field(default_factory=dict)
    evaluated: dict[Window, int] = field(default_factory=dict)
    counted: dict[Window, int] = field(default_factory=dict)  # rows of a window when it was evaluated
    mine: dict[Window, int] = field(default_factory=dict)  # up to here only labels changed since this wrote the values
    judged_at: int | None = None
    looks: Looks = field(default_factory=Looks)
    looked: dict[Window, Mark] = field(default_factory=dict)  # what the values of a longer window rest on
    counts: dict[Window, Count] = field(default_factory=dict)  # rows and labels, where windows are chosen
    leading: dict[str, Leading] = field(default_factory=dict)  # what each reference says of the leading metric
    fresh_at: int | None = None  # the minute in which freshness was looked at last

    def take(self, changed: Changed) -> None:
        """Note what changed."""
        for window, revision in changed.revisions.items():
            if window in changed.counted or self.mine.get(window) != self.revisions.get(window):
                self.mine.pop(window, None)
            else:
                self.mine[window] = revision
        self.revisions |= changed.revisions

    def relabelled(self, window: Window) -> bool:
        """Return whether only labels changed since all values of a window were written, here and not by another."""
        return self.mine.get(window) == self.revisions[window]

    def inside(self, look: Window) -> list[Window]:
        """Return the stored windows of a longer one, in order of time."""
        return sorted(one for one in self.revisions if look.start <= one.start and one.end <= look.end)

    def before(self, look: Window) -> list[Window]:
        """Return the stored windows of the window that was looked at just before a longer one."""
        last = next((one for one in self.revisions if one.end == look.start), None)
        return [] if last is None else self.inside(self.looks.over(last))

    @property
    def reference(self) -> Reference:
        """The current reference."""
        return self.history.current


@dataclass
class Summary:
    """What one look did."""

    rows: int = 0
    windows: int = 0
    values: int = 0
    alerts: list[dict[str, object]] = field(default_factory=list)
    collecting: dict[str, float] = field(default_factory=dict)
    differs: dict[str, list[str]] = field(default_factory=dict)  # where a reference is not what is configured now
    elsewhere: bool = False
