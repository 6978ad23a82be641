"""For frames in memory: what bins leave a resolution to, from the rows themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from choirmaster.engines import columns as col
from choirmaster.engines.batch import BatchColumns
from choirmaster.engines.slicing import slices
from choirmaster.engines.windowing import assign
from choirmaster.layout import Layout, SeriesSpec, Task, feature_column
from choirmaster.metrics import Metric, exact
from choirmaster.metrics.across import WEIGHTED, mean_over_classes, positives
from choirmaster.metrics.ranked import Ranked, ranked_rows
from choirmaster.plan import Plan, score_targets
from choirmaster.states.base import Floats, Ints
from choirmaster.states.keys import StateKey
from choirmaster.states.scores import ScorePart
from choirmaster.states.versions import ALL_VERSIONS
from choirmaster.times import Grain
from choirmaster.values import Value
from choirmaster.watch.evaluate import ALL_SERIES, ValueRows

MAX_ROWS = 1_000_000
KEPT = 8
NO_LABELS = np.empty(0, np.int64)
Slot = tuple[int, str]  # window start and segment


def sharpen(
    rows: ValueRows, current: pa.Table, reference: pa.Table | None, layout: Layout, grain: Grain | int | None,
    plan: Plan | None = None, over: Mapping[int, int] | None = None,
) -> int:  # fmt: skip
    """Replace values that carry a resolution by exact ones; returns how many.

    Parameters
    ----------
    rows : ValueRows
        Values read off states; changed in place.
    current, reference : pyarrow.Table
        Canonical rows in memory; windows above a million rows keep their binned value.
    plan : Plan, optional
        Which segments there are; without it only values of all rows are sharpened.
    over : mapping, optional
        Start of each window of the grain to the start of the longer one that is measured.
    """
    cells = rows.columns
    blurred = [at for at, width in enumerate(cells["resolution"]) if isinstance(width, float) and width > 0.0]
    if not blurred:
        return 0
    frame = Frame(current, layout, grain, plan, over or {})
    past = Frame(reference, layout, None) if reference is not None else None
    changed = 0
    for at in blurred:
        value = _exact(rows, at, frame, past)
        if value is not None and value.number is not None:
            for name in ("lower", "upper", "resolution"):
                cells[name][at] = getattr(value, name)
            cells["value"][at] = value.number
            changed += 1
    return changed


def _exact(rows: ValueRows, at: int, frame: Frame, past: Frame | None) -> Value | None:
    cells = rows.columns
    slot = (int(str(cells["window_start"][at])), str(cells["segment"][at]))
    chosen = frame.rows(slot)
    if chosen is None or len(chosen) > MAX_ROWS:
        return None
    if cells["version"][at] != ALL_VERSIONS:
        return None
    name, series, feature, target = (str(cells[one][at]) for one in ("metric", "series", "feature", "target"))
    if name in exact.OF_RANKED:
        return _quality(exact.OF_RANKED[name], frame, slot, series, target)
    classes = score_targets(frame.layout) if frame.layout.task.has_classes else ()
    if name == "score_ks" and past is not None and (target in classes or len(classes) == 1):
        return exact.ks_ordered(frame.scores(series, target)[0][chosen], past.ordered_scores(series, target))
    if name == "ks" and past is not None and series == ALL_SERIES:
        return exact.ks_ordered(frame.feature(feature)[chosen], past.ordered_feature(feature))
    return None


def _quality(metric: Metric, frame: Frame, slot: Slot, series: str, target: str) -> Value:
    classes = score_targets(frame.layout)
    if target in classes or len(classes) == 1:
        return metric.value(frame.ranked(slot, series, target))
    counts = [frame.ranked(slot, series, one) for one in classes]
    weights = [positives(one) for one in counts] if target == WEIGHTED else None
    return mean_over_classes([metric.value(one) for one in counts], weights)


class Frame:
    """Columns of a table as arrays, and the rows of each window and segment."""

    def __init__(
        self, table: pa.Table, layout: Layout, grain: Grain | int | None, plan: Plan | None = None,
        over: Mapping[int, int] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        batches = table.unify_dictionaries().combine_chunks().to_batches()
        self.batch = batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
        self.layout, self.plan = layout, plan
        self._kept: dict[tuple[str, ...], tuple[Floats, Ints]] = {}
        self._ranked: dict[tuple[Slot, str, str], Ranked] = {}
        assigned = assign(grain, col.micros(self.batch), 0)
        starts, place = np.unique([over.get(one.start, one.start) for one in assigned.windows], return_inverse=True)
        index = np.where(assigned.index < 0, -1, place[assigned.index]) if len(place) else assigned.index
        self._slots = dict(self._find(starts.tolist(), index, plan))

    def _find(self, starts: Sequence[int], index: Ints, plan: Plan | None) -> Iterator[tuple[Slot, Ints]]:
        yield from self._grouped(starts, index, np.zeros(len(index), np.int64), [""])
        if plan is not None:
            for codes, names in slices(BatchColumns(self.batch, plan), plan):
                yield from self._grouped(starts, index, codes, names)

    def _grouped(
        self, begins: Sequence[int], index: Ints, codes: Ints, names: list[str]
    ) -> Iterator[tuple[Slot, Ints]]:
        """Yield the rows of each window and segment from one sort."""
        both = np.where(index < 0, -1, index * len(names) + codes)
        if not len(both):
            return
        order = np.argsort(both, kind="stable")
        found, starts = np.unique(both[order], return_index=True)
        for one, rows in zip(found, np.split(order, starts[1:]), strict=True):
            if one >= 0:
                yield (begins[one // len(names)], names[one % len(names)]), rows

    def rows(self, slot: Slot) -> Ints | None:
        return self._slots.get(slot)

    def feature(self, name: str) -> Floats:
        return self._once(("x", name), lambda: (col.floats(self.batch, feature_column(name)), NO_LABELS))[0]

    def scores(self, series: str, target: str) -> tuple[Floats, Ints]:
        """Return scores for a class, and labels 0, 1, or 2 for none."""
        return self._once((series, target), lambda: self._read(series, target))

    def ordered_feature(self, name: str) -> Floats:
        """Return the values of a feature in order."""
        return self._once(("x", name, "ordered"), lambda: (exact.ordered(self.feature(name)), NO_LABELS))[0]

    def ordered_scores(self, series: str, target: str) -> Floats:
        """Return the scores for a class in order."""
        column = self.scores(series, target)[0]
        return self._once((series, target, "ordered"), lambda: (exact.ordered(column), NO_LABELS))[0]

    def ranked(self, slot: Slot, series: str, target: str) -> Ranked:
        """Return the scored rows of a window and segment for a class; the last ones are kept."""
        key = (slot, series, target)
        if key not in self._ranked:
            if len(self._ranked) >= KEPT:
                self._ranked.clear()
            scores, labels = self.scores(series, target)
            chosen = self._slots[slot]
            part = self.plan.parts.get(StateKey(series, "scores/1", target=target)) if self.plan is not None else None
            self._ranked[key] = ranked_rows(
                labels[chosen], scores[chosen], part if isinstance(part, ScorePart) else None
            )
        return self._ranked[key]

    def _read(self, series: str, target: str) -> tuple[Floats, Ints]:
        layout = self.layout
        spec: SeriesSpec = next(one for one in layout.series if one.name == series)
        p = col.answers(self.batch, layout, spec)
        column = p[:, 0] if layout.task is Task.BINARY else p[:, layout.classes.index(target)]
        return column, col.one_against_rest(col.label_codes(self.batch, layout), layout, target)

    def _once(self, key: tuple[str, ...], read: Callable[[], tuple[Floats, Ints]]) -> tuple[Floats, Ints]:
        if key not in self._kept:
            self._kept[key] = read()
        return self._kept[key]
