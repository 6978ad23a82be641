"""Longer spans from stored states: sums of sums, without reading a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from choirmaster.metrics import BY_NAME, evaluate
from choirmaster.plan import plan_for
from choirmaster.ports import StatePack
from choirmaster.states import BY_KIND
from choirmaster.states.histogram import CategoryPart, Histogram, NumericPart
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import States, merge_states, unpack
from choirmaster.states.reference import Reference
from choirmaster.times import Grain, from_micros, zone_info
from choirmaster.values import Reason, Value
from choirmaster.watch.labelled import LABEL_SHARE, label_share


def merged(packs: Iterable[StatePack], reference: Reference, keep: Callable[[StateKey], bool]) -> States:
    """Add up the states of packs for the keys that are wanted."""
    plan = plan_for(reference, None, calls=True)
    parts = {key: part for key, part in plan.parts.items() if keep(key)}
    out: States = {}
    for one in packs:
        out = merge_states(out, unpack(one.payload, parts, BY_KIND))
    return out


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


def read_metric(states: States, reference: Reference, series: str, name: str) -> Value | None:
    """Read one metric of one series off a set of states; None where it does not apply."""
    if name == LABEL_SHARE:
        value = label_share(states, series)
        return value if value.n else None
    metric = BY_NAME[name]
    for key, state in states.items():
        if key.series == series and key.kind == metric.needs:
            value = evaluate(metric, state, reference.states.get(key))
            if value.reason is not Reason.NOT_APPLICABLE:
                return value
    return None


def feature_metric(states: States, reference: Reference, feature: str, name: str) -> Value | None:
    """Read one metric of one feature off a set of states; None where it does not apply."""
    metric = BY_NAME[name]
    for key, state in states.items():
        if key.feature == feature and key.kind == metric.needs:
            value = evaluate(metric, state, reference.states.get(key))
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
