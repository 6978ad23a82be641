"""From states to the tidy table of values (D2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from choirmaster.metrics import BY_NAME, METRICS, Metric, evaluate, targets
from choirmaster.metrics.across import WEIGHTED, averages, mean_over_classes, positives
from choirmaster.metrics.across_labels import PER_CLASS, label_means
from choirmaster.metrics.base import PREVIOUS
from choirmaster.plan import ROW_SCORES, Plan
from choirmaster.records import VALUE_SCHEMA
from choirmaster.schema import Layout, Task
from choirmaster.states.base import State
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import States
from choirmaster.states.reference import Reference
from choirmaster.times import Window
from choirmaster.values import VALUE_COLUMNS, VALUE_ORDER, Reason, Value, undefined
from choirmaster.watch.labelled import LABEL_SHARE, label_share
from choirmaster.watch.versions import version_values

ALL = "all"
Metrics = dict[str, tuple[Metric, ...]]  # by the kind of state they are read off
ALL_SERIES = "all"  # features belong to every series
Refuses = Callable[[StateKey, Metric], bool]


@dataclass(frozen=True, slots=True)
class Subject:
    """What values are about: whose, when, which slice, as of which revision."""

    ensemble: str
    window: Window
    segment: str = ""
    revision: int = 0


def _empty() -> dict[str, list[object]]:
    return {name: [] for name in VALUE_COLUMNS}


class ValueRows:
    """Collects rows of the tidy table.

    Parameters
    ----------
    at_most : int or None
        So many rows lie open; more are put away as Arrow chunks, an eighth of the size.
    """

    def __init__(self, at_most: int | None = None) -> None:
        self.at_most = at_most
        self._rows: list[tuple[object, ...]] = []
        self._columns = _empty()
        self._chunks: list[pa.Table] = []

    def add(self, subject: Subject, key: StateKey, target: str, metric: str, value: Value, reference: str) -> None:
        """Append one value."""
        window = subject.window
        self._rows.append((
            subject.ensemble, window.start, window.end, subject.revision, key.series or ALL_SERIES, key.version,
            subject.segment, key.feature, target, metric, value.number, value.lower, value.upper,
            value.resolution if value.number is not None else None, value.n, str(value.kind),
            None if value.reason is None else str(value.reason), reference,
        ))  # fmt: skip
        if self.at_most is not None and len(self._rows) >= self.at_most:
            self._put_away()

    @property
    def columns(self) -> dict[str, list[object]]:
        """Rows not put away yet, column by column; changes in them are kept."""
        if self._rows:
            for name, cells in zip(VALUE_COLUMNS, zip(*self._rows, strict=True), strict=True):
                self._columns[name].extend(cells)
            self._rows.clear()
        return self._columns

    def _put_away(self) -> None:
        columns = self.columns
        arrays = [pa.array(columns[one.name], _plain(one.type)).cast(one.type) for one in VALUE_SCHEMA]
        self._chunks.append(pa.table(arrays, schema=VALUE_SCHEMA))
        self._columns = _empty()

    def table(self) -> pa.Table:
        """Return the table in the order of D2."""
        self._put_away()
        return pa.concat_tables(self._chunks).sort_by([(name, "ascending") for name in VALUE_ORDER])


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if pa.types.is_timestamp(kind) else kind


def metrics_for(task: Task, names: Iterable[str] | str, also: Iterable[str] = ()) -> Metrics:
    """Return the metrics of a task by the kind of state they are read off.

    Parameters
    ----------
    names : iterable of str, or "all"
    also : iterable of str
        Names that are wanted whatever else is.
    """
    wanted = None if names == ALL else {*names, *also}
    out: Metrics = {}
    for metric in METRICS:
        if task in metric.tasks and (wanted is None or metric.name in wanted):
            out[metric.needs] = (*out.get(metric.needs, ()), metric)
    return out


def wants_row_scores(names: Iterable[str] | str) -> bool:
    """Return whether a metric of all features together is asked for, by name or with all others.

    >>> wants_row_scores("auto"), wants_row_scores(("psi", "reconstruction_shift")), wants_row_scores("all")
    (False, True, True)
    """
    if isinstance(names, str):
        return names == ALL
    return any(BY_NAME[one].needs == ROW_SCORES.kind for one in names if one in BY_NAME)


def without_previous(metrics: Metrics) -> Metrics:
    """Return the metrics that need no window before."""
    return {kind: tuple(one for one in some if one.against != PREVIOUS) for kind, some in metrics.items()}


def evaluate_states(
    rows: ValueRows,
    subject: Subject,
    states: States,
    plan: Plan,
    reference: Reference,
    metrics: Metrics,
    previous: States | None = None,
    *,
    refuses: Refuses = lambda _, __: False,
    label_shares: bool = True,
) -> None:
    """Append every value of one window and segment. What nothing was counted for is undefined, not absent.

    A segment is not compared with the reference, which is of all rows: a slice differs from the whole without drift. It
    is compared with itself in the window just before, whose states are ``previous``. What ``refuses`` says is
    undefined, because windows were added up that had different references. The share of labels is told without being
    asked for, unless not ``label_shares``.
    """
    if subject.segment:
        metrics = {kind: tuple(one for one in some if not one.compares or one.against == PREVIOUS)
                   for kind, some in metrics.items()}  # fmt: skip
    for key in plan.keys(segmented=bool(subject.segment)):
        for metric, target, value in _values(key, states, reference, metrics, previous or {}, refuses):
            against = PREVIOUS if metric.against == PREVIOUS else reference.id
            rows.add(subject, key, target, metric.name, value, against)
    for series, target, metric, value in class_means(states, plan, reference, metrics, previous or {}):
        against = PREVIOUS if metric.against == PREVIOUS else reference.id
        rows.add(subject, StateKey(series, "scores/1"), target, metric.name, value, against)
    if not subject.segment:
        for key, target, name, value in version_values(states, plan, metrics):
            rows.add(subject, key, target, name, value, reference.id)
    for key, target, name, value in _label_means(states, reference.layout, metrics):
        rows.add(subject, key, target, name, value, reference.id)
    if label_shares and not reference.layout.task.classifies:  # what counts the rows is not what counts classes
        for one in reference.layout.series:
            value = label_share(states, one.name)
            rows.add(subject, StateKey(one.name, "label_share"), "", LABEL_SHARE, value, reference.id)


def _label_means(
    states: States, layout: Layout, metrics: Mapping[str, tuple[Metric, ...]]
) -> Iterator[tuple[StateKey, str, str, Value]]:
    """Yield the means over the classes of a multilabel task as key, target, metric, value."""
    if layout.task is not Task.MULTILABEL:
        return
    for one in layout.series:
        pairs = [states.get(StateKey(one.name, "confusion/1", target=name)) for name in layout.classes]
        for kind in PER_CLASS:
            found = [states.get(StateKey(one.name, kind, target=name)) for name in layout.classes]
            for metric in metrics.get(kind, ()):
                for target, value in label_means(metric, found, pairs):
                    yield StateKey(one.name, kind), target, metric.name, value


def _values(
    key: StateKey, states: States, reference: Reference, metrics: Metrics, previous: States, refuses: Refuses
) -> Iterator[tuple[Metric, str, Value]]:
    state = states.get(key)
    for metric in metrics.get(key.kind, ()):
        past = _other_side(metric, key, states, reference, previous)
        for target in targets(metric, state) if state is not None else ("",):
            value = (
                undefined(Reason.MIXED_REFERENCES, kind=metric.kind)
                if refuses(key, metric)
                else evaluate(metric, state, past, target)
            )
            if value.reason is not Reason.NOT_APPLICABLE:
                yield metric, key.target or target, value


def _other_side(metric: Metric, key: StateKey, states: States, reference: Reference, previous: States) -> State | None:
    """Return what a metric compares with; a window measured with other bins is nothing to compare with."""
    if metric.against != PREVIOUS:
        return reference.states.get(key)
    state, before = states.get(key), previous.get(key)
    alike = state is None or before is None or before.part.id == state.part.id
    return before if alike else None


def class_means(
    states: States, plan: Plan, reference: Reference, metrics: Metrics, previous: States
) -> Iterator[tuple[str, str, Metric, Value]]:
    """Yield series, target, metric and value of the means over classes, where each class has a state of its own."""
    by_series: dict[str, list[StateKey]] = {}
    for key in plan.keys(segmented=True):
        if key.kind == "scores/1" and key.version == "*":
            by_series.setdefault(key.series, []).append(key)
    for series, keys in by_series.items():
        weights = [positives(states.get(key)) for key in keys]
        for metric in metrics.get("scores/1", ()):
            names = averages(metric, [key.target for key in keys])
            if names:
                past = [_other_side(metric, key, states, reference, previous) for key in keys]
                values = [evaluate(metric, states.get(key), one) for key, one in zip(keys, past, strict=True)]
                for name in names:
                    value = mean_over_classes(values, weights if name == WEIGHTED else None)
                    if value.reason is not Reason.NOT_APPLICABLE:
                        yield series, name, metric, value
