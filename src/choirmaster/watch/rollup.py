"""Longer spans from stored states: sums of sums, without reading a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from choirmaster.metrics import BY_NAME, Metric, evaluate
from choirmaster.metrics.across import averages, mean_over_classes
from choirmaster.metrics.across_labels import averaged, plain_mean
from choirmaster.metrics.base import PREVIOUS
from choirmaster.plan import plan_for
from choirmaster.ports import StatePack
from choirmaster.states import BY_KIND
from choirmaster.states.base import Part
from choirmaster.states.histogram import CategoryPart, Histogram, NumericPart
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import States, unpack
from choirmaster.states.reference import Reference
from choirmaster.times import Grain, from_micros, zone_info
from choirmaster.values import Reason, Value, undefined
from choirmaster.watch.history import History
from choirmaster.watch.labelled import LABEL_SHARE, counted, label_share
from choirmaster.watch.settings import MonitorSettings


@dataclass
class Sum:
    """What several windows count together.

    Attributes
    ----------
    states : dict
        Sums of the states that add up.
    mixed : set of StateKey
        Those that do not: parts of the windows' references differ.
    references : list of Reference
        Every reference met, the latest window's last.
    revision : int
        The sum of the revisions: it grows whenever any window changes.
    """

    states: States = field(default_factory=dict)
    mixed: set[StateKey] = field(default_factory=set)
    references: list[Reference] = field(default_factory=list)
    revision: int = 0

    @property
    def reference(self) -> Reference:
        """The reference of the latest window."""
        return self.references[-1]

    def add(self, states: States, reference: Reference, revision: int = 0) -> None:
        """Add one window; windows come in order of time."""
        if not self.references or self.references[-1].id != reference.id:
            self.references.append(reference)
        self.revision += revision
        for key, state in states.items():
            mine = self.states.get(key)
            if key in self.mixed:
                continue
            if mine is not None and mine.part.id != state.part.id:
                self.mixed.add(key)
                del self.states[key]
            else:
                self.states[key] = state if mine is None else mine.merge(state)

    def refuses(self, key: StateKey, metric: Metric) -> bool:
        """Say whether a metric cannot be read off the sum, because the windows' references differ in it."""
        if key in self.mixed:
            return True
        compared = metric.compares and metric.against != PREVIOUS
        past = [one.states.get(key) for one in self.references] if compared else []
        return any(one != past[0] for one in past[1:])

    def value(self, key: StateKey, metric: Metric, target: str = "") -> Value:
        """Read a metric off the sum."""
        if self.refuses(key, metric):
            return undefined(Reason.MIXED_REFERENCES, kind=metric.kind)
        return evaluate(metric, self.states.get(key), self.reference.states.get(key), target)


Keep = Callable[[StateKey], bool]


def merged(packs: Iterable[StatePack], history: History, keep: Keep) -> Sum:
    """Add up the states of packs for the keys that are wanted."""
    out = Sum()
    parts: dict[str, dict[StateKey, Part]] = {}
    for one in packs:
        reference = history.at(one.window.start)
        if reference.id not in parts:
            whole = plan_for(reference, None, calls=True).parts
            parts[reference.id] = {key: part for key, part in whole.items() if keep(key)}
        out.add(unpack(one.payload, parts[reference.id], BY_KIND, versions=False), reference, one.revision)
    return out


# kinds of states that know how many rows have a label
COUNTING = ("confusion/1", "losses/1", "histogram/1", "quantiles/1", "label_sets/1")


def label_counts(settings: MonitorSettings, history: History, packs: list[StatePack], mark: int) -> dict[str, int]:
    """Count rows and labels; of rows without one those old enough to be absent for good, and those still expected.

    Counts of windows add up whatever references they were measured with.
    """
    old = {True: 0, False: 0}
    n = known = 0
    leading = history.current.layout.series[-1].name
    patience = settings.absent_after or settings.labels_expected
    for one in packs:
        states = merged([one], history, lambda key: key.series == leading and key.kind in COUNTING).states
        rows, labelled = counted(states, leading)
        n, known = n + rows, known + labelled
        old[one.window.end + patience <= mark] += rows - labelled
    return {"n": n, "labelled": known, "unlabelled": n - known, "absent": old[True], "pending": old[False]}


def month_of(start: int, grain: Grain) -> str:
    """Return the calendar month, in the windows' own zone, in which a window starts.

    >>> month_of(0, Grain(1, "d"))
    '1970-01'
    """
    moment: datetime = from_micros(start).astimezone(zone_info(grain.zone))
    return f"{moment.year:04d}-{moment.month:02d}"


def value_fields(value: Value) -> dict[str, Any]:
    """Return a value as plain data."""
    return {
        "value": value.number, "lower": value.lower, "upper": value.upper, "resolution": value.resolution, "n": value.n,
        "kind": str(value.kind), "reason": None if value.reason is None else str(value.reason),
    }  # fmt: skip


def read_metric(found: Sum, series: str, name: str) -> Value | None:
    """Read one metric of one series off a sum; None where it does not apply. Of several classes, their plain mean."""
    if name == LABEL_SHARE:
        value = label_share(found.states, series)
        return value if value.n else None
    metric = BY_NAME[name]
    keys = [key for key in (*found.states, *found.mixed) if key.series == series and key.kind == metric.needs]
    classes = sorted(key.target for key in keys if key.target)
    if len(classes) < 2:
        return _read(found, metric, lambda key: key.series == series)
    if averaged(metric):
        return plain_mean([found.value(key, metric) for key in sorted(keys)])
    if not averages(metric, classes):
        return None
    return mean_over_classes([found.value(key, metric) for key in sorted(keys)])


def feature_metric(found: Sum, feature: str, name: str) -> Value | None:
    """Read one metric of one feature off a sum; None where it does not apply."""
    return _read(found, BY_NAME[name], lambda key: key.feature == feature)


def _read(found: Sum, metric: Metric, about: Keep) -> Value | None:
    for key in (*found.states, *sorted(found.mixed)):
        if about(key) and key.kind == metric.needs:
            value = found.value(key, metric)
            if value.reason is not Reason.NOT_APPLICABLE:
                return value
    return None


def shares(state: Histogram | None, part: NumericPart | CategoryPart, bars: int = 24) -> tuple[list[str], list[float]]:
    """Return labels and shares of a feature's bars; numeric bins are joined to equal shares of the reference."""
    if isinstance(part, CategoryPart):
        labels = [*part.categories, "(unseen)", "(missing)"]
        counts = [0] * len(labels) if state is None else [int(one) for one in state.counts]
        return labels, _normal(counts)
    edges, past = part.edges, part.reference[: len(part.edges) + 1]
    total = max(int(past.sum()), 1)
    counts = [0] * (len(edges) + 1) if state is None else [int(one) for one in state.inside]
    groups: list[list[int]] = [[0]]
    filled = 0
    for at in range(1, len(edges)):
        if filled * bars >= total * len(groups) and at < len(edges) - 1:
            groups.append([])
        groups[-1].append(at)
        filled += int(past[at])
    groups[-1].append(len(edges))
    labels = [_bar(edges, group) for group in groups] + ["(missing)"]
    sums = [sum(counts[at] for at in group) for group in groups]
    return labels, _normal([*sums, 0 if state is None else state.missing])


def _bar(edges: Any, group: list[int]) -> str:
    inner = [at for at in group if 0 < at < len(edges)]
    if not inner:
        return "outside"
    return f"{edges[inner[0] - 1]:.4g} to {edges[inner[-1]]:.4g}"


def _normal(counts: list[int]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]
