"""From the tidy table to alerts: pair values with what the reference had, follow each rule on each subject."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.alerts.life import Track, follow
from choirmaster.alerts.rules import Point, Rule
from choirmaster.alerts.text import Alert, Subject
from choirmaster.plan import Plan
from choirmaster.states.reference import Reference
from choirmaster.states.versions import ALL_VERSIONS
from choirmaster.times import Window, to_micros
from choirmaster.watch.evaluate import Subject as Measured
from choirmaster.watch.evaluate import ValueRows, evaluate_states, metrics_for, without_previous
from choirmaster.watch.labelled import LABEL_SHARE

Baselines = Mapping[tuple[str, str, str, str], tuple[float, float | None]]  # series, feature, target, metric


def baselines(reference: Reference, names: Iterable[str]) -> Baselines:
    """Return what each named metric is on the reference's own rows."""
    rows = ValueRows()
    plan = Plan(reference.layout, reference.parts, None)
    metrics = without_previous(metrics_for(reference.layout.task, names))
    evaluate_states(rows, Measured("", Window(0, 0)), dict(reference.states), plan, reference, metrics)
    cells = rows.columns
    keys = zip(cells["series"], cells["feature"], cells["target"], cells["metric"], strict=True)
    found = zip(keys, cells["value"], cells["upper"], strict=True)
    return {key: (value, upper) for key, value, upper in found if value is not None}  # type: ignore[misc]  # the columns of a row of the store are typed as object


@dataclass(frozen=True)
class Judged:
    """What following the rules gave."""

    tracks: dict[str, Track]
    alerts: list[Alert]


def judge(
    rules: Iterable[Rule],
    values: pa.Table,
    past: Baselines,
    tracks: Mapping[str, Track],
    *,
    ensemble: str,
    mature: Callable[[int], bool],
    expected_share: float,
    earlier: Mapping[str, Baselines] | None = None,
) -> Judged:
    """Follow every rule over the values of one ensemble.

    Parameters
    ----------
    values : pyarrow.Table
        Tidy rows; windows judged before may be among them.
    past : mapping
        See :func:`baselines`.
    tracks : mapping
        Where each rule stands, by ``rule|series|feature|segment|target``.
    mature : callable
        Whether the labels of a window that ends at an instant are due.
    expected_share : float
        A window whose label share has reached it is mature before its time.
    earlier : mapping, optional
        The same as ``past`` for windows of other references, by id.
    """
    wanted = {rule.metric for rule in rules} | {LABEL_SHARE}
    grouped = _grouped(values, wanted)
    early = _Early(grouped, expected_share)
    out, alerts = dict(tracks), []
    for rule in rules:
        for (metric, series, feature, segment, target), rows in grouped.items():
            if metric != rule.metric or not _about(rule, series, feature, segment, target):
                continue
            name = f"{rule.name}|{series}|{feature}|{segment}|{target}"
            subject = (series, feature, target, metric)
            points = [
                _point(row, (earlier or {}).get(row["reference"], past).get(subject), early, mature) for row in rows
            ]
            out[name], changes = follow(rule, out.get(name, Track()), points)
            alerts += [Alert(rule, Subject(ensemble, series, feature, segment, target), change) for change in changes]
    return Judged(out, sorted(alerts, key=lambda one: (one.change.point.window_start, one.title)))


def _about(rule: Rule, series: str, feature: str, segment: str, target: str) -> bool:
    return (
        rule.series in ("*", series)
        and (rule.feature == feature or (rule.feature == "*" and feature != ""))
        and rule.segment == segment
        and rule.target in ("*", target)
    )


def _grouped(values: pa.Table, wanted: set[str]) -> dict[tuple[str, str, str, str, str], list[dict[str, Any]]]:
    out: dict[tuple[str, str, str, str, str], list[dict[str, Any]]] = defaultdict(list)
    names = ["window_start", "window_end", "series", "segment", "feature", "target", "metric", "value", "lower",
             "upper", "n", "reason", "reference"]  # fmt: skip
    together = pc.equal(values["version"], ALL_VERSIONS)
    chosen = values.filter(pc.and_(together, pc.is_in(values["metric"], pa.array(sorted(wanted)))))
    for row in chosen.select(names).to_pylist():
        out[row["metric"], row["series"], row["feature"], row["segment"], row["target"]].append(row)
    return out


class _Early:
    """Says of a window whether the labels of some series are complete enough already.

    How many labels there are is told by stored windows, and the window in question may be a longer one.
    """

    def __init__(self, grouped: Mapping[tuple[str, str, str, str, str], list[dict[str, Any]]], share: float) -> None:
        self._share = share
        self._series = [_running(rows) for key, rows in grouped.items() if key[0] == LABEL_SHARE and not key[3]]

    def __call__(self, start: int, end: int) -> bool:
        for starts, rows, labelled in self._series:
            first, last = bisect_left(starts, start), bisect_left(starts, end)
            n = rows[last] - rows[first]
            if n and (labelled[last] - labelled[first]) / n >= self._share:
                return True
        return False


def _running(rows: Iterable[Mapping[str, Any]]) -> tuple[list[int], list[int], list[int]]:
    """Return the starts of windows in order, and running sums of their rows and labels, each led by 0."""
    known = sorted((_micros(row["window_start"]), row["n"], round(row["n"] * row["value"])) for row in rows
                   if row["value"] is not None)  # fmt: skip
    starts = [one[0] for one in known]
    return starts, [0, *accumulate(one[1] for one in known)], [0, *accumulate(one[2] for one in known)]


def _point(
    row: Mapping[str, Any], base: tuple[float, float | None] | None, early: _Early, mature: Callable[[int], bool]
) -> Point:
    start, end = _micros(row["window_start"]), _micros(row["window_end"])
    return Point(start, end, row["value"], row["lower"], row["upper"], row["n"], row["reason"],
                 base[0] if base else None, base[1] if base else None, mature(end) or early(start, end))  # fmt: skip


def _micros(moment: Any) -> int:
    return moment if isinstance(moment, int) else to_micros(moment)
