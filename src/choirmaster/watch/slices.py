"""Questions about segments that both a store and a frame answer: the weakest ones, and gaps between groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.errors import ConfigError, SchemaError, unknown
from choirmaster.ids import parse_segment
from choirmaster.layout import Layout, Task
from choirmaster.metrics import BY_NAME
from choirmaster.metrics.base import QUALITY, Metric
from choirmaster.metrics.calibration import calibration_curve
from choirmaster.metrics.fairness import LEAST_ROWS as LEAST_OF_A_GROUP
from choirmaster.metrics.fairness import GroupStates, compared, group_rates, spreads
from choirmaster.metrics.weakest import LEAST_ROWS, weakest
from choirmaster.states.confusion import Confusion
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import States
from choirmaster.states.scores import Scores
from choirmaster.values import Value

KEPT = ("confusion/1", "scores/1", "losses/1", "quantiles/1")
USUAL = {"losses/1": "log_loss", "confusion/1": "accuracy", "quantiles/1": "pinball"}


def kept(key: StateKey) -> bool:
    """Say whether a state is looked at here."""
    return key.kind in KEPT and key.version == "*" and bool(key.series)


def weakest_segments(
    layout: Layout, whole: States, slices: Mapping[str, States], *, metric: str = "", series: str = "",
    target: str = "", at_most: int = 10, least: int = LEAST_ROWS,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return segments as rows, the one that is most surely worse than the rest first.

    Parameters
    ----------
    layout : Layout
    whole : dict
        States of all rows.
    slices : mapping
        States of each declared segment and cell of a cross. Where no segment is declared there is none to look at:
        slices of single features are not counted.
    metric : str
        A quality metric; log loss, accuracy, the mean absolute error or pinball loss by default, as the series has it.
    series : str
        The fused answer by default, or the only one there is.
    target : str
        A class, where the metric has a value for each.
    """
    series = known_series(layout, series)
    chosen = _metric(layout, series, whole, metric)
    key = _key(layout, series, chosen, target)
    state = whole.get(key)
    if state is None:
        return []
    some = {name: states[key] for name, states in slices.items() if key in states}
    found = weakest(chosen, state, some, target="" if key.target else target, least=least)
    return [{"metric": chosen.name, "series": series, "target": target, **one.row()} for one in found[:at_most]]


def fairness_gaps(
    layout: Layout, slices: Mapping[str, States], segment: str | Sequence[str], *, series: str = "", target: str = "",
    reference: str | None = None, least: int = LEAST_OF_A_GROUP,
) -> dict[str, Any]:  # fmt: skip
    """Return the rates of each group of a segment, their gaps to a reference group, and the largest gaps.

    Parameters
    ----------
    segment : str or list of str
        A declared column, or the columns of a declared cross.
    target : str
        The class that counts as selected; the positive one of a binary task.
    reference : str, optional
        A group, by its value or its key; the one with the most rows by default.
    """
    names = [segment] if isinstance(segment, str) else list(segment)
    series, selected = known_series(layout, series), _selected(layout, target)
    groups = {
        key: one for key, states in slices.items()
        if set(parse_segment(key)) == set(names) and (one := _group(states, series, selected)) is not None
    }  # fmt: skip
    if not groups:
        _refuse(layout, names)
    rows = {key: one.confusion.rows for key, one in groups.items()}
    base = _reference(groups, reference) if reference is not None else max(rows, key=lambda key: (rows[key], key))
    place = layout.classes.index(selected)
    rates = {key: group_rates(one, place, least=least) for key, one in groups.items()}
    return {
        "segment": "&".join(sorted(names)), "series": series, "target": selected, "reference": base, "rows": rows,
        "groups": [
            {"metric": one.metric, "group": one.group, **_cells(one.value), **_cells(one.difference, "difference"),
             **_cells(one.ratio, "ratio")} for one in compared(rates, base)
        ],
        "gaps": [
            {"metric": one.metric, **_cells(one.difference, "difference"), "n": one.difference.n, "ratio": one.ratio,
             "lowest": one.lowest, "highest": one.highest} for one in spreads(rates)
        ],
    }  # fmt: skip


def calibration_points(layout: Layout, whole: States, *, target: str = "") -> list[dict[str, Any]]:
    """Return the calibration curve of each series that gives scores: mean score and share of positives by cell.

    Nothing where no class is named and none is the positive one.
    """
    chosen = target or layout.positive
    if not chosen or not layout.task.classifies:
        return []
    out = []
    for series in layout.series:
        state = whole.get(StateKey(series.name, "scores/1", target=chosen))
        points = calibration_curve(state) if isinstance(state, Scores) else ()
        out += [{"series": series.name, "target": chosen, **one._asdict()} for one in points]
    return out


def known_series(layout: Layout, series: str) -> str:
    """Return a series by name, the leading one by default."""
    names = [one.name for one in layout.series]
    if series and series not in names:
        raise unknown("series", series, names)
    return series or names[-1]


def _metric(layout: Layout, series: str, whole: States, name: str) -> Metric:
    kinds = {key.kind for key in whole if key.series == series}
    usual = next((one for kind, one in USUAL.items() if kind in kinds), "accuracy")
    usual = "mae" if layout.task is Task.REGRESSION else usual
    able = [one.name for one in BY_NAME.values() if one.needs in KEPT and layout.task in one.tasks
            and one.family == QUALITY and one.better != "none"]  # fmt: skip
    if name and name not in able:
        raise unknown("quality metric", name, able)
    return BY_NAME[name or usual]


def _key(layout: Layout, series: str, metric: Metric, target: str) -> StateKey:
    if metric.needs != "scores/1":
        return StateKey(series, metric.needs)
    return StateKey(series, metric.needs, target=_selected(layout, target))


def _selected(layout: Layout, target: str) -> str:
    if not layout.task.classifies:
        raise ConfigError("this needs classes", got=f"task {layout.task}", allowed=(Task.BINARY, Task.MULTICLASS))
    chosen = target or layout.positive
    if not chosen:
        raise SchemaError("which class is meant is not said", expected="a class as the target", allowed=layout.classes)
    if chosen not in layout.classes:
        raise unknown("class", chosen, layout.classes)
    return chosen


def _group(states: States, series: str, selected: str) -> GroupStates | None:
    pairs, scores = (
        states.get(StateKey(series, "confusion/1")),
        states.get(StateKey(series, "scores/1", target=selected)),
    )
    if not isinstance(pairs, Confusion):
        return None
    return GroupStates(pairs, scores if isinstance(scores, Scores) else None)


def _refuse(layout: Layout, names: list[str]) -> None:
    declared = [*layout.segments, *(" x ".join(one) for one in layout.crosses)]
    raise SchemaError("no rows by this segment", got=", ".join(names), allowed=declared,
                      fix=f"declare it: segments={names!r}")  # fmt: skip


def _reference(groups: Mapping[str, object], wanted: str) -> str:
    for key in groups:
        values = [value for value in parse_segment(key).values() if value is not None]
        if wanted == key or [wanted] == values:
            return key
    raise unknown("group", wanted, list(groups))


def _cells(value: Value, name: str = "value") -> dict[str, Any]:
    side = "" if name == "value" else f"{name}_"
    out = {name: value.number, f"{side}lower": value.lower, f"{side}upper": value.upper}
    reason = {f"{side}reason": None if value.reason is None else str(value.reason)}
    return out | ({"n": value.n, "resolution": value.resolution} if name == "value" else {}) | reason
