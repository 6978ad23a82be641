"""Which states one scan must keep: read off the layout, so that every metric is answered by the same pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from choirmaster.schema import Layout, Output, SeriesSpec, Task
from choirmaster.states.base import Part
from choirmaster.states.calls import CALLS
from choirmaster.states.errors import MAX_MEMBERS
from choirmaster.states.intake import INTAKE
from choirmaster.states.keys import ENSEMBLE, StateKey
from choirmaster.states.reference import Reference
from choirmaster.times import Grain

LABELLED = ("confusion/1", "scores/1", "losses/1", "quantiles/1", "label_sets/1", "errors/1", "agreement/1")
ROW_SCORES = StateKey("", "rowscore/1")  # of all features together
TOGETHER = (Task.BINARY, Task.MULTICLASS, Task.REGRESSION)


@dataclass(frozen=True)
class Plan:
    """What a scan counts, and over which windows.

    Attributes
    ----------
    layout : Layout
        Columns of the rows.
    parts : mapping of StateKey to Part
        One state is kept for each; keys for segments are the same keys.
    grain : Grain, int or None
        Windows of time, of so many rows, or all in one.
    segments : mapping
        Segment column to the values kept, as the reference has them; all others count in ``%other``.
    crosses : mapping
        Crossed columns to the segment keys kept; all others count in the cross's own ``%other``.
    now : int or None
        The clock in microseconds UTC: rows up to it say how fresh a window is; None looks at none.
    """

    layout: Layout
    parts: Mapping[StateKey, Part]
    grain: Grain | int | None
    segments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    crosses: Mapping[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    now: int | None = None

    def keys(self, *, segmented: bool) -> tuple[StateKey, ...]:
        """Return what is kept for all rows, or only what is kept for each segment (series and row scores, no calls)."""
        if not segmented:
            return tuple(self.parts)
        every = (key for key in self.parts if key.kind not in ("calls/1", "intake/1"))
        return tuple(key for key in every if key.series or key == ROW_SCORES)

    def segment_values(self, name: str) -> tuple[str, ...]:
        """Return the values of a segment column that are kept apart."""
        return self.segments.get(name, ())

    def labelled(self) -> tuple[StateKey, ...]:
        """Return the keys a label has a part in: those a late label changes."""
        return tuple(key for key in self.parts if key.kind in LABELLED)


def wanted(layout: Layout) -> list[StateKey]:
    """Return the keys of all states a layout asks a reference for."""
    keys = [StateKey("", kind, name) for name in layout.numeric for kind in ("histogram/1", "moments/1")]
    keys += [StateKey("", "histogram/1", name) for name in layout.categorical]
    for one in layout.series:
        keys += _series_keys(layout, one)
    return keys + _together_keys(layout)


def score_targets(layout: Layout) -> tuple[str, ...]:
    """Return the classes whose scores are kept: the positive one of a binary task, else all."""
    return (layout.positive,) if layout.task is Task.BINARY else layout.classes


def middle(layout: Layout) -> str:
    """Return the quantile level nearest to the median: the one whose drift is watched."""
    return min(layout.levels, key=lambda level: abs(float(level) - 0.5))


def _series_keys(layout: Layout, one: SeriesSpec) -> list[StateKey]:
    if layout.task is Task.QUANTILE:
        return [StateKey(one.name, "quantiles/1"), StateKey(one.name, "histogram/1", target=middle(layout))]
    if layout.task is Task.MULTILABEL:
        kinds = ("confusion/1", "losses/1", "scores/1")
        each = [StateKey(one.name, kind, target=target) for kind in kinds for target in layout.classes]
        return [*each, StateKey(one.name, "label_sets/1")]
    if not layout.task.classifies:
        return [StateKey(one.name, "losses/1"), StateKey(one.name, "histogram/1")]
    if one.output is Output.CLASS:
        return [StateKey(one.name, "confusion/1")]
    scores = [StateKey(one.name, "scores/1", target=target) for target in score_targets(layout)]
    return [StateKey(one.name, "confusion/1"), StateKey(one.name, "losses/1"), *scores]


def _together_keys(layout: Layout) -> list[StateKey]:
    """Return the states about all members at once, where there are at least two."""
    if layout.task not in TOGETHER or not 2 <= len(layout.members) <= MAX_MEMBERS:
        return []
    kinds = ("errors/1", "spread/1", "agreement/1") if layout.task.classifies else ("errors/1", "spread/1")
    return [StateKey(ENSEMBLE, kind) for kind in kinds]


def plan_for(reference: Reference, grain: Grain | int | None, *, calls: bool, intake: bool | None = None) -> Plan:
    """Return the plan that measures rows against a reference.

    Parameters
    ----------
    calls : bool
        Whether the rows say how members were called.
    intake : bool, optional
        Whether how the rows arrived is counted; as ``calls`` where not given: a changed label is no new row.
    """
    parts = dict(reference.parts)
    if calls:
        parts |= {StateKey(one.name, "calls/1"): CALLS for one in reference.layout.members}
    if calls if intake is None else intake:
        parts[StateKey(ENSEMBLE, "intake/1")] = INTAKE
    return Plan(reference.layout, parts, grain, reference.segments, reference.crosses)
