"""Automatic choice for frames and files: looks at the reference, or at the first 14 days, and then only back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.catalogue.facts import WINDOW, Choice
from choirmaster.catalogue.following import LOOKS_BACK, Follower, choose_base
from choirmaster.catalogue.lengths import DEFAULT_PRECISION, Leading, longest_within
from choirmaster.engines import columns as col
from choirmaster.engines.local import Scan, Slot, states_of
from choirmaster.engines.sparse import Sparse, restore, squeeze
from choirmaster.errors import SchemaError
from choirmaster.plan import Plan
from choirmaster.states.base import Floats
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import States, merge_states
from choirmaster.states.reference import Reference
from choirmaster.times import DAY, Grain, Window, parse_grain
from choirmaster.watch.chosen import Counted, chosen_metrics, leading_of
from choirmaster.watch.labelled import counted
from choirmaster.watch.traffic import labelled_hours

AT_MOST = 100_000  # rows that speak for a choice where there is no reference
Row = tuple[int | None, Choice]  # from which instant it holds


@dataclass
class Automatic:
    """What is chosen while some rows are measured.

    Attributes
    ----------
    length : bool
        Whether windows are chosen as well.
    precision : float
    metrics : tuple of Choice
    follower : Follower or None
        Says which windows are looked at together; None where the length is given.
    rows : list
        What was chosen, and from when on it holds.
    over : dict
        Start of each counted window to the start of the one it was looked at in.
    """

    length: bool = False
    precision: float = DEFAULT_PRECISION
    metrics: tuple[Choice, ...] = ()
    follower: Follower | None = None
    rows: list[Row] = field(default_factory=list)
    over: dict[int, int] = field(default_factory=dict)

    def look(self, kept: pa.Table | None, reference: Reference, grain: Grain | int | None) -> Grain | int | None:
        """Choose by the reference's rows, or by the first of those to be measured; returns the length to count by."""
        first = None if kept is None or reference.comparable else first_rows(kept)
        states: Counted = reference.states if first is None else _counted(first, reference)
        self.metrics = chosen_metrics(reference.layout, states)
        if not self.length or not isinstance(grain, Grain):
            return grain
        leading = leading_of(reference.layout, states, self.metrics)
        hours = labelled_hours(first if first is not None else kept)
        base = parse_grain("1h" if self._base(leading, hours) == "1h" else "1d", zone=grain.zone)
        self.follower = Follower(leading, base, [float(one) for one in hours], precision=self.precision)
        return base

    def fit(self, windows: list[Window]) -> None:
        """Keep windows so short that ten of them fit into the rows, however few rows these are."""
        if self.follower is not None and windows:
            self.follower.longest = longest_within(windows[-1].end - windows[0].start)

    def _base(self, leading: Leading, hours: Floats) -> str:
        return choose_base(leading, [float(one) for one in hours], self.precision).name

    def slots(self, found: Scan, plan: Plan) -> Iterator[tuple[Window, str, States]]:
        """Yield window, segment and states; windows that are looked at together as one."""
        begun: int | None = None
        for window, segment, states in self._joined(found, plan):
            begun = window.start if begun is None else begun
            yield window, segment, states
        timed = begun if isinstance(plan.grain, Grain) else None
        if self.length and not isinstance(plan.grain, Grain):
            why = "all rows in one window, because there is no time column"
            self.rows.insert(0, (None, Choice(WINDOW, "all", 1, why)))
        self.rows += [(timed, one) for one in self.metrics]

    def _joined(self, found: Scan, plan: Plan) -> Iterator[tuple[Window, str, States]]:
        if self.follower is None:
            for window, segment in found.slots():
                yield window, segment, found.take(plan, (window, segment))
            return
        slots = found.slots()
        self.fit([window for window, _ in slots])
        series = plan.layout.series[-1].name
        group = _Group(plan)
        for window, some in groupby(slots, key=_window):
            together = {segment: found.take(plan, (window, segment)) for _, segment in some}
            step = self.follower.step(window, counted(together.get("", {}), series)[1])
            if step.choice is not None:
                self.rows.append((step.window.start, step.choice))
            self.over[window.start] = step.window.start
            if step.window != group.window:
                yield from group.close()
            group.add(step.window, together)
        yield from group.close()


class _Group:
    """The windows that are looked at together; more than one are put aside until they are added up."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.window: Window | None = None
        self._only: dict[str, States] = {}
        self._aside: dict[str, list[dict[StateKey, Sparse]]] = {}

    def add(self, window: Window, together: dict[str, States]) -> None:
        """Add one counted window, its states by segment, to the window it is looked at in."""
        if window != self.window:
            self.window, self._only = window, together
            return
        for one in (self._only, together):
            for segment, states in one.items():
                self._aside.setdefault(segment, []).append(squeeze(states))
        self._only = {}

    def close(self) -> Iterator[tuple[Window, str, States]]:
        """Yield window, segment and states, and let go of them."""
        for segment in sorted(self._only or self._aside):
            assert self.window is not None, "what is held lies in a window"
            yield self.window, segment, self._only[segment] if self._only else self._sum(segment)
        self.window, self._only, self._aside = None, {}, {}

    def _sum(self, segment: str) -> States:
        out: States = {}
        for one in self._aside[segment]:
            out = merge_states(out, restore(one, self.plan.parts))
        return out


def automatic(window: str | int | None, precision: float) -> Automatic:
    """Return what chooses, with its precision checked."""
    if not 0.0 < precision < 1.0:
        raise SchemaError("a precision is a half-width, or a share of the value", where="precision",
                          expected="a number between 0 and 1", got=f"{precision:g}")  # fmt: skip
    return Automatic(window == "auto", precision)


def _window(slot: Slot) -> Window:
    return slot[0]


def _counted(rows: pa.Table, reference: Reference) -> Counted:
    """Count the leading series of the first rows."""
    series = reference.layout.series[-1].name
    parts = {key: part for key, part in reference.parts.items() if key.series == series}
    return states_of(rows, Plan(reference.layout, parts, None))


def first_rows(table: pa.Table) -> pa.Table:
    """Return the rows of the first 14 days, or all where there is no time."""
    if "time" not in table.schema.names:
        return table.slice(0, AT_MOST)
    times = _times(table)
    known = times > np.iinfo(np.int64).min
    if not known.any():
        return table.slice(0, AT_MOST)
    early = known & (times < times[known].min() + LOOKS_BACK * DAY)
    return table.filter(pa.array(early)).slice(0, AT_MOST)


def _times(table: pa.Table) -> Any:
    return np.concatenate([col.micros(one) for one in table.select(["time"]).to_batches()] or [np.empty(0, np.int64)])
