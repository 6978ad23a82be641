"""Turn one batch into counts for many windows at once: the only place that knows how each kind of state is fed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.engines import columns as col
from choirmaster.engines.rowscores import feed_row_scores
from choirmaster.engines.together import feed_agreement, feed_errors, feed_spread
from choirmaster.kernels.table import Kernels
from choirmaster.plan import Plan
from choirmaster.schema import SeriesSpec, arrival_column, feature_column
from choirmaster.states.base import Floats, Ints
from choirmaster.states.calls import count_calls
from choirmaster.states.confusion import count_worth
from choirmaster.states.histogram import CategoryPart, count_codes, count_numeric
from choirmaster.states.intake import count_intake
from choirmaster.states.keys import StateKey
from choirmaster.states.label_sets import NO_LABEL, count_sets
from choirmaster.states.losses import sum_losses
from choirmaster.states.quantiles import sum_quantiles
from choirmaster.states.scores import score_worth

NO_SUMS = np.empty((1, 0), np.int64)
NO_VALUE = np.empty(0)
Counted = tuple[StateKey, Ints, Ints]  # key, counts (groups, cells), unit sums (groups, sums)


class BatchColumns:
    """Columns of one batch as arrays, each read once however many states need it."""

    def __init__(self, batch: pa.RecordBatch, plan: Plan, label: str = "label") -> None:
        self.batch, self.plan, self.label = batch, plan, label
        self.series = {one.name: one for one in plan.layout.series}
        self._kept: dict[tuple[str, str], Any] = {}

    def once(self, what: str, name: str, read: Callable[[], Any]) -> Any:
        """Return what was read before under this name, or read it."""
        key = (what, name)
        if key not in self._kept:
            self._kept[key] = read()
        return self._kept[key]

    def labels(self) -> Ints:
        """Label codes of a classification task."""
        found: Ints = self.once("labels", "", lambda: col.label_codes(self.batch, self.plan.layout, self.label))
        return found

    def values(self) -> Floats:
        """The declared value (money) of each row, NaN where there is none; empty where none is declared."""
        if not self.plan.layout.value:
            return NO_VALUE
        found: Floats = self.once("floats", "value", lambda: col.floats(self.batch, "value"))
        return found

    def answers(self, series: SeriesSpec) -> Any:
        """Numbers of one series."""
        return self.once("answers", series.name, lambda: col.answers(self.batch, self.plan.layout, series))


def count_batch(
    source: BatchColumns, keys: tuple[StateKey, ...], group: Ints, groups: int, kernels: Kernels
) -> Iterator[Counted]:
    """Yield the contribution of a batch to each key, one row of counts for each group; negative groups are skipped."""
    for key in keys:
        if key.kind == "histogram/1" and not key.series:
            yield from _feature(source, key, group, groups, kernels)
        elif key.kind != "moments/1":  # counted together with the histogram
            yield (key, *_FEED[key.kind](source, key, group, groups, kernels))


def _feature(source: BatchColumns, key: StateKey, group: Ints, groups: int, kernels: Kernels) -> Iterator[Counted]:
    part: Any = source.plan.parts[key]
    name = feature_column(key.feature)
    if isinstance(part, CategoryPart):
        k = len(part.categories)
        codes = source.once(
            "codes", name, lambda: col.codes(source.batch, name, part.categories, unseen=k, missing=k + 1)
        )
        yield key, count_codes(part, codes, group, groups), NO_SUMS.repeat(groups, axis=0)
        return
    x = source.once("floats", name, lambda: col.floats(source.batch, name))
    cells, tails, counts, sums = count_numeric(part, x, group, groups, kernels)
    yield key, cells, tails
    moments = StateKey("", "moments/1", key.feature)
    if moments in source.plan.parts:
        yield moments, counts, sums


def _confusion(source: BatchColumns, key: StateKey, group: Ints, groups: int, kernels: Kernels) -> tuple[Ints, Ints]:
    part: Any = source.plan.parts[key]
    series = source.series[key.series]
    if key.target:
        y, p = _of_class(source, key)
        return count_worth(part, np.where(y == NO_LABEL, 3, y), part.decide(p), source.values(), group, groups, kernels)
    said = source.once("decided", key.series, lambda: col.decided(source.batch, source.plan.layout, series, part))
    return count_worth(part, source.labels(), said, source.values(), group, groups, kernels)


def _scores(source: BatchColumns, key: StateKey, group: Ints, groups: int, kernels: Kernels) -> tuple[Ints, Ints]:
    layout, series = source.plan.layout, source.series[key.series]
    p = source.answers(series)
    column = col.of_target(p, layout, key.target)
    y = source.once("rest", key.target, lambda: col.one_against_rest(source.labels(), layout, key.target))
    part: Any = source.plan.parts[key]
    return score_worth(part, column, y, source.values(), group, groups, kernels)


def _losses(source: BatchColumns, key: StateKey, group: Ints, groups: int, kernels: Kernels) -> tuple[Ints, Ints]:
    part: Any = source.plan.parts[key]
    answer = source.answers(source.series[key.series])
    if part.numbers:
        y = source.once("numbers", "", lambda: col.floats(source.batch, source.label))
        return sum_losses(part, np.ascontiguousarray(answer[:, 0]), y, group, groups, kernels)
    if key.target:
        y, p = _of_class(source, key)
        return sum_losses(part, p, np.where(y == NO_LABEL, -1, y), group, groups, kernels)
    y = source.once("binary", "", lambda: col.binary_labels(source.labels(), source.plan.layout))
    return sum_losses(part, answer, y, group, groups, kernels)


def _of_class(source: BatchColumns, key: StateKey) -> tuple[Ints, Floats]:
    """Return labels (1, 0, 2 for none) and (n, 1) probabilities of one class of a multilabel task."""
    layout = source.plan.layout
    y = source.once("rest", key.target, lambda: col.one_against_rest(source.labels(), layout, key.target))
    return y, col.of_target(source.answers(source.series[key.series]), layout, key.target)[:, None]


def _label_sets(source: BatchColumns, key: StateKey, group: Ints, groups: int, _: Kernels) -> tuple[Ints, Ints]:
    part: Any = source.plan.parts[key]
    answer = source.answers(source.series[key.series])
    return count_sets(part, answer, source.labels(), group, groups), NO_SUMS.repeat(groups, axis=0)


def _quantiles(source: BatchColumns, key: StateKey, group: Ints, groups: int, kernels: Kernels) -> tuple[Ints, Ints]:
    part: Any = source.plan.parts[key]
    y = source.once("numbers", "", lambda: col.floats(source.batch, source.label))
    return sum_quantiles(part, source.answers(source.series[key.series]), y, group, groups, kernels)


def _calls(source: BatchColumns, key: StateKey, group: Ints, groups: int, _: Kernels) -> tuple[Ints, Ints]:
    status, latency, first = col.call_columns(source.batch, source.series[key.series])
    return count_calls(status, latency, first, group, groups), NO_SUMS.repeat(groups, axis=0)


def _intake(source: BatchColumns, key: StateKey, group: Ints, groups: int, _: Kernels) -> tuple[Ints, Ints]:
    part: Any = source.plan.parts[key]
    found = {one: col.flags(source.batch, arrival_column(one, key.feature)) for one in part.flags}
    known = {one: values for one, values in found.items() if len(values)}
    return count_intake(part, known, group, groups), NO_SUMS.repeat(groups, axis=0)


def _predictions(source: BatchColumns, key: StateKey, group: Ints, groups: int, kernels: Kernels) -> tuple[Ints, Ints]:
    part: Any = source.plan.parts[key]
    answer = col.of_target(source.answers(source.series[key.series]), source.plan.layout, key.target)
    return count_numeric(part, answer, group, groups, kernels)[:2]


_FEED: dict[str, Callable[[BatchColumns, StateKey, Ints, int, Kernels], tuple[Ints, Ints]]] = {
    "confusion/1": _confusion, "scores/1": _scores, "losses/1": _losses, "calls/1": _calls, "histogram/1": _predictions,
    "errors/1": feed_errors, "agreement/1": feed_agreement, "spread/1": feed_spread,
    "intake/1": _intake, "quantiles/1": _quantiles, "label_sets/1": _label_sets, "rowscore/1": feed_row_scores,
}  # fmt: skip
