"""What the loop knows of an ensemble, and what one look did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from choirmaster.states.reference import Reference
from choirmaster.times import Window
from choirmaster.watch.history import History
from choirmaster.watch.judge import Baselines
from choirmaster.watch.settings import MonitorSettings


@dataclass
class Watched:
    """What the loop remembers of one ensemble between two looks."""

    settings: MonitorSettings
    history: History
    past: Mapping[str, Baselines]
    revisions: dict[Window, int] = field(default_factory=dict)
    evaluated: dict[Window, int] = field(default_factory=dict)
    counted: dict[Window, int] = field(default_factory=dict)  # rows of a window when it was evaluated
    judged_at: int | None = None

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
    elsewhere: bool = False
