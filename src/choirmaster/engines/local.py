"""The local engine: batches in, states out, in threads, with memory bounded by parameters (D16)."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from choirmaster.engines import columns as col
from choirmaster.engines.batch import BatchColumns, Counted, count_batch
from choirmaster.engines.compile import compiled
from choirmaster.engines.slicing import slices
from choirmaster.engines.sparse import Sparse, restore, squeeze
from choirmaster.engines.versioning import with_versions
from choirmaster.engines.windowing import Assigned, assign, later, newest
from choirmaster.kernels.table import Kernels
from choirmaster.layout import Layout, SeriesSpec
from choirmaster.plan import Plan, plan_for
from choirmaster.states import BY_KIND
from choirmaster.states.base import MAX_ROWS_BEFORE_CARRY, Ints
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import States, merge_states
from choirmaster.states.reference import Reference
from choirmaster.states.versions import fold, whole
from choirmaster.times import Grain, Window

Slot = tuple[Window, str]  # window and segment
Aside = dict[StateKey, Sparse]
Seen = Callable[[pa.RecordBatch, Assigned], None]
OPEN_BYTES = 24 << 20  # of open dense states for each thread; D16 allows 64 MiB
GATHER_BYTES = 8 << 20  # of counts gathered over batches that fall into the same windows


@dataclass
class Scan:
    """What one scan found.

    Attributes
    ----------
    rows : int
        Rows seen; ``untimed`` of them lie in no window because they have no time.
    newest : dict
        The latest time of each window that is not after the plan's clock.
    """

    open: dict[Slot, States] = field(default_factory=dict)
    aside: dict[Slot, Aside] = field(default_factory=dict)
    rows: int = 0
    untimed: int = 0
    newest: dict[Window, int] = field(default_factory=dict)

    def add(self, plan: Plan, slot: Slot, states: States) -> None:
        """Add to the states of one window and segment."""
        self.aside[slot] = squeeze(merge_states(restore(self.aside.get(slot, {}), plan.parts), states))

    def states(self, plan: Plan, slot: Slot) -> States:
        """Return the states of one window and segment; none where no row fell into it."""
        if slot in self.aside and slot in self.open:
            return fold(merge_states(restore(self.aside[slot], plan.parts), self.open[slot]))
        return self.open[slot] if slot in self.open else restore(self.aside.get(slot, {}), plan.parts)

    def take(self, plan: Plan, slot: Slot) -> States:
        """Return the states of one window and segment and let go of them."""
        states = self.states(plan, slot)
        self.open.pop(slot, None)
        self.aside.pop(slot, None)
        return states

    def slots(self) -> list[Slot]:
        """Return windows and segments in order."""
        return sorted(self.open.keys() | self.aside.keys())


def scan(
    splits: Iterable[Callable[[], Iterator[pa.RecordBatch]]],
    plan: Plan,
    *,
    label: str = "label",
    threads: int | None = None,
    kernels: Kernels | None = None,
    progress: Callable[[int], None] | None = None,
    seen: Seen | None = None,
) -> Scan:
    """Read every batch of every split once and return the states of all windows and segments.

    Parameters
    ----------
    splits : iterable of callables
        Each returns an iterator of canonical batches; splits are read in parallel, each by one thread.
    plan : Plan
    label : str
        Column that holds the label.
    threads : int, optional
        As many as there are processors by default; row-numbered windows are read by one.
    progress : callable, optional
        Called with the rows done so far.
    seen : callable, optional
        Called with each batch and the windows of its rows, from several threads.
    """
    workers = 1 if isinstance(plan.grain, int) else threads or os.cpu_count() or 1
    kernels = kernels or compiled()
    total = _Shared(progress)
    local = threading.local()
    accumulators: list[Accumulator] = []

    def read(split: Callable[[], Iterator[pa.RecordBatch]]) -> None:
        if not hasattr(local, "mine"):
            local.mine = Accumulator(plan, kernels, label, seen)
            accumulators.append(local.mine)
        for batch in split():
            local.mine.take(batch)
            total.add(batch.num_rows)

    if workers == 1:
        for split in splits:
            read(split)
    else:
        with ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(read, split) for split in splits]:
                done.result()
    return _joined(accumulators, plan)


class _Shared:
    """Counts rows over threads and reports them."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self.rows, self.progress, self.lock = 0, progress, threading.Lock()

    def add(self, rows: int) -> None:
        with self.lock:
            self.rows += rows
            if self.progress:
                self.progress(self.rows)


@dataclass
class Gathered:
    """Counts of at most 2^20 rows in the same windows, not yet added to their states."""

    slots: list[Slot] = field(default_factory=list)
    rows: int = 0
    held: dict[StateKey, tuple[Ints, Ints]] = field(default_factory=dict)

    def add(self, rows: int, counted: Iterable[Counted]) -> None:
        """Add the counts of a batch."""
        self.rows += rows
        for key, counts, units in counted:
            if key in self.held:
                before = self.held[key]
                np.add(before[0], counts, out=before[0])
                np.add(before[1], units, out=before[1])
            else:
                self.held[key] = (counts, units)

    def counted(self) -> Iterator[Counted]:
        """Yield the counts in the form of a batch."""
        return ((key, counts, units) for key, (counts, units) in self.held.items())


class Accumulator:
    """States of one thread: dense while a window is in use, put aside sparsely when others push it out."""

    def __init__(self, plan: Plan, kernels: Kernels, label: str = "label", seen: Seen | None = None) -> None:
        self.plan, self.kernels, self.label, self.seen = plan, kernels, label, seen
        self.newest: dict[Window, int] = {}
        self.open: OrderedDict[Slot, States] = OrderedDict()
        self.aside: dict[Slot, Aside] = {}
        self.rows = self.untimed = 0
        self._gathered = Gathered()
        self._whole, self._sliced = plan.keys(segmented=False), plan.keys(segmented=True)
        self._slot_bytes = _bytes_of(plan, self._whole)
        self._sliced_bytes = _bytes_of(plan, self._sliced)

    def take(self, batch: pa.RecordBatch) -> None:
        """Add a batch of any size."""
        for at in range(0, batch.num_rows, MAX_ROWS_BEFORE_CARRY):
            self._take(batch.slice(at, MAX_ROWS_BEFORE_CARRY))

    def _take(self, batch: pa.RecordBatch) -> None:
        source = BatchColumns(batch, self.plan, self.label)
        times = col.micros(batch)
        assigned = assign(self.plan.grain, times, self.rows)
        if self.plan.now is not None:
            later(self.newest, newest(assigned, times, self.plan.now))
        if self.seen is not None:
            self.seen(batch, assigned)
        self.rows += batch.num_rows
        self.untimed += assigned.untimed
        at_once = max(1, OPEN_BYTES // self._slot_bytes)
        for first in range(0, len(assigned.windows), at_once):
            self._count(source, assigned, first, min(at_once, len(assigned.windows) - first))

    def _count(self, source: BatchColumns, assigned: Assigned, first: int, windows: int) -> None:
        inside = (assigned.index >= first) & (assigned.index < first + windows)
        group = assigned.index if windows == len(assigned.windows) else np.where(inside, assigned.index - first, -1)
        slots = [(window, "") for window in assigned.windows[first : first + windows]]
        counted = count_batch(source, self._whole, group, windows, self.kernels)
        counted = with_versions(counted, source, self._whole, group, windows, self.kernels)
        if windows * self._slot_bytes <= GATHER_BYTES:
            self._gather(slots, source.batch.num_rows, counted)
        else:
            self._add(slots, counted)
        for codes, names in slices(source, self.plan):
            inner = np.where(group >= 0, group * len(names) + codes, -1)
            used, dense = np.unique(inner, return_inverse=True)
            offset = int(used[0] < 0)
            inner_slots = [(slots[code // len(names)][0], names[code % len(names)]) for code in used[offset:]]
            self._sliced_slots(source, inner_slots, dense - offset)

    def _sliced_slots(self, source: BatchColumns, slots: list[Slot], group: Ints) -> None:
        """Count a few segments at a time, so that memory follows neither windows nor values."""
        at_once = max(1, OPEN_BYTES // self._sliced_bytes)
        for first in range(0, len(slots), at_once):
            some = slots[first : first + at_once]
            inside = (group >= first) & (group < first + len(some))
            here = group if len(some) == len(slots) else np.where(inside, group - first, -1)
            self._add(some, count_batch(source, self._sliced, here, len(some), self.kernels))

    def _gather(self, slots: list[Slot], rows: int, counted: Iterable[Counted]) -> None:
        """Hold counts back while batches fall into the same windows: adding to a state checks every cell."""
        held = self._gathered
        if held.slots != slots or held.rows + rows > MAX_ROWS_BEFORE_CARRY:
            self.finish()
            held = self._gathered = Gathered(slots)
        held.add(rows, counted)

    def finish(self) -> None:
        """Add what was gathered to the states."""
        held, self._gathered = self._gathered, Gathered()
        if held.slots:
            self._add(held.slots, held.counted())

    def _add(self, slots: list[Slot], counted: Iterable[Counted]) -> None:
        targets = [self._states(slot) for slot in slots]
        for key, counts, units in counted:
            for row in np.flatnonzero(counts.any(axis=1)):
                states = targets[row]
                if key not in states:
                    states[key] = BY_KIND[key.kind].zero(self.plan.parts[whole(key)])
                states[key].add(counts[row], units[row])
        for slot in slots:
            self.open[slot] = fold(self.open[slot])
        self._make_room(len(slots))

    def _states(self, slot: Slot) -> States:
        if slot not in self.open:
            self.open[slot] = {}
        self.open.move_to_end(slot)
        return self.open[slot]

    def _make_room(self, in_use: int) -> None:
        room = max(in_use, OPEN_BYTES // self._slot_bytes)
        while len(self.open) > room:
            slot, states = self.open.popitem(last=False)
            if slot in self.aside:
                states = merge_states(restore(self.aside[slot], self.plan.parts), states)
            self.aside[slot] = squeeze(states)


def _bytes_of(plan: Plan, keys: tuple[StateKey, ...]) -> int:
    """Return the size of one dense state for each key."""
    return sum(8 * plan.parts[key].cells + 16 * len(plan.parts[key].exponents) for key in keys) or 1


def _joined(accumulators: list[Accumulator], plan: Plan) -> Scan:
    """Add up what the threads found; a window that lies aside anywhere stays aside."""
    out = Scan()
    for one in accumulators:
        one.finish()
        out.rows += one.rows
        out.untimed += one.untimed
        later(out.newest, one.newest)
        for slot, aside in one.aside.items():
            here = out.aside.get(slot)
            both = merge_states(restore(here, plan.parts), restore(aside, plan.parts)) if here else None
            out.aside[slot] = squeeze(both) if both else aside
        for slot, states in one.open.items():
            out.open[slot] = merge_states(out.open[slot], states) if slot in out.open else states
    return out


def scan_table(table: pa.Table, plan: Plan, *, label: str = "label", kernels: Kernels | None = None) -> Scan:
    """Scan a table in memory in one thread: what the monitor does with the rows that just arrived."""
    return scan([lambda: iter(table.to_batches())], plan, label=label, threads=1, kernels=kernels)


def states_of(table: pa.Table, plan: Plan, kernels: Kernels | None = None) -> States:
    """Return the states of all rows of a table as one window."""
    whole = Plan(plan.layout, plan.parts, None, plan.segments)
    return scan_table(table, whole, kernels=kernels).states(whole, (Window(0, 0), ""))


class LocalEngine:
    """The local engine as a port: what the monitor service is given."""

    def states(
        self, table: pa.Table, reference: Reference, grain: Grain | int | None, *, calls: bool, label: str = "label"
    ) -> dict[Slot, States]:
        """Return the states of every window and segment of canonical rows."""
        plan = plan_for(reference, grain, calls=calls)
        found = scan_table(table, plan, label=label)
        return {slot: found.states(plan, slot) for slot in found.slots()}

    def reference(
        self, table: pa.Table, layout: Layout, *, cutoff: float | str | Mapping[str, float | str] | None, source: str,
        row_scores: bool = False,
    ) -> Reference:  # fmt: skip
        """Fix bins, units and cutoffs from canonical rows."""
        from choirmaster.engines.reference import build_reference

        return build_reference(table, layout, cutoff=cutoff, source=source, row_scores=row_scores)

    def extended(
        self, reference: Reference, table: pa.Table, series: tuple[SeriesSpec, ...],
        *, cutoff: float | str | Mapping[str, float | str] | None,
    ) -> Reference:  # fmt: skip
        """Return a reference with parts for series that it does not know; parts of single series and features stay."""
        from choirmaster.engines.reference import extend_reference

        return extend_reference(reference, table, series, cutoff=cutoff)
