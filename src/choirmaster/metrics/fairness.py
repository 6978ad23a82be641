"""Gaps between groups: how often each is selected, rightly and wrongly, and how well its scores are calibrated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np

from choirmaster.metrics.difference import difference, ratio
from choirmaster.metrics.intervals import Z, mean_interval
from choirmaster.metrics.pairs import share
from choirmaster.states.bins import single_valued
from choirmaster.states.confusion import Confusion
from choirmaster.states.scores import Scores
from choirmaster.values import Kind, Reason, Value, undefined

LEAST_ROWS = 30
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "calibration")
EQUALIZED_ODDS = "equalized_odds"
_ODDS = ("true_positive_rate", "false_positive_rate")


@dataclass(frozen=True, slots=True)
class GroupStates:
    """What was counted for one group; ``scores`` is None where the series gives classes only."""

    confusion: Confusion
    scores: Scores | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """One rate of one group, and how it compares with the reference group; both are undefined for that group itself."""

    metric: str
    group: str
    value: Value
    difference: Value
    ratio: Value


@dataclass(frozen=True, slots=True)
class Spread:
    """The largest difference of one rate between any two groups, and the smallest ratio."""

    metric: str
    difference: Value
    ratio: float | None
    lowest: str
    highest: str


def group_rates(states: GroupStates, positive: int, *, least: int = LEAST_ROWS) -> dict[str, Value]:
    """Return the rates of one group; ``positive`` is the index of the class that counts as selected.

    selection_rate       rows predicted positive / answered rows, labelled or not
    true_positive_rate   TP / (TP + FN)
    false_positive_rate  FP / (FP + TN)
    precision            TP / (TP + FP)
    calibration          mean score - share of positives, over rows with label and score; above 0: scores too high

    Undefined    no_rows, no_labels, no_positives and the like; too_few_rows where a rate rests on fewer than ``least``
    Interval     Wilson; of calibration normal, widened by the resolution of the bins
    """
    state = states.confusion
    hits = int(state.matrix[positive, positive])
    false_alarms, misses = int(state.matrix[:, positive].sum()) - hits, int(state.matrix[positive].sum()) - hits
    labelled = int(state.matrix.sum())
    answered = int(state.table[:, :-1].sum())
    selected = int(state.table[:, positive].sum())
    nothing = Reason.NO_ROWS if not state.rows else Reason.NO_LABELS
    some = nothing if not labelled else None
    return {
        "selection_rate": _rate(selected, answered, nothing if not state.rows else Reason.ALL_MISSING, least,
                                Kind.OBSERVED),
        "true_positive_rate": _rate(hits, hits + misses, some or Reason.NO_POSITIVES, least),
        "false_positive_rate": _rate(false_alarms, labelled - hits - misses, some or Reason.ONE_CLASS_ONLY, least),
        "precision": _rate(hits, hits + false_alarms, some or Reason.NO_PREDICTED_POSITIVES, least),
        "calibration": _calibration(states.scores, least),
    }  # fmt: skip


def _rate(hits: int, n: int, empty: Reason, least: int, kind: Kind = Kind.REALIZED) -> Value:
    if not n:
        return undefined(empty, kind=kind)
    return _few(n, least, kind) if n < least else share(hits, n, kind)


def _few(n: int, least: int, kind: Kind) -> Value:
    return undefined(Reason.TOO_FEW_ROWS, n=n, kind=kind, detail=f"needs about {least} rows, has {n}")


def _calibration(state: Scores | None, least: int) -> Value:
    if state is None:
        return undefined(Reason.NOT_APPLICABLE, kind=Kind.REALIZED, detail="classes have no score")
    a, b, edges = state.positives, state.negatives, state.part.edges
    n = int(a.sum() + b.sum())
    if n < least:
        return _few(n, least, Kind.REALIZED) if n else undefined(Reason.NO_LABELS, kind=Kind.REALIZED)
    single = single_valued(edges)
    middle = np.where(single, edges[:-1], (edges[:-1] + edges[1:]) / 2.0)
    half = np.where(single, 0.0, (edges[1:] - edges[:-1]) / 2.0)
    total = float(a @ (middle - 1.0) + b @ middle)
    resolution = float((a + b) @ half) / n
    lower, upper = mean_interval(total, float(a @ (middle - 1.0) ** 2 + b @ middle**2), n)
    if lower is None or upper is None:
        return Value(total / n, resolution=resolution, n=n, kind=Kind.REALIZED)
    return Value(total / n, lower - resolution, upper + resolution, resolution, n, Kind.REALIZED)


def compared(rates: Mapping[str, Mapping[str, Value]], reference: str) -> list[Gap]:
    """Compare each group with the reference group, rate by rate.

    The difference is the group's rate minus the reference's, the ratio the group's over the reference's; intervals as
    :mod:`choirmaster.metrics.difference` says. A ratio of calibration errors means nothing and is not_applicable.
    """
    none = undefined(Reason.NOT_APPLICABLE, detail="the reference group itself")
    out = []
    for metric in RATES:
        base = rates[reference][metric]
        for group, values in rates.items():
            value = values[metric]
            if group == reference:
                out.append(Gap(metric, group, value, none, none))
                continue
            quotient = ratio(base, value) if metric != "calibration" else _no_ratio(value)
            out.append(Gap(metric, group, value, difference(base, value), quotient))
    return out


def _no_ratio(value: Value) -> Value:
    return undefined(Reason.NOT_APPLICABLE, n=value.n, kind=value.kind, detail="errors have no ratio")


def spreads(rates: Mapping[str, Mapping[str, Value]]) -> list[Spread]:
    """Return the largest gap of each rate, and ``equalized_odds``, the larger one of the two rates' gaps.

    Definition   max - min over the groups with a value; ratio: min / max. Of the selection rate these are known as the
                 demographic parity difference and ratio.
    Undefined    too_few_rows where fewer than two groups have a value
    Interval     From the differences of all k (k - 1) / 2 pairs at once, each at the level 1 - 0.05 / pairs
                 (Bonferroni): from the largest lower end, at least 0, to the largest upper end. The sides of each
                 group's interval are stretched to that level. Picking the two most different groups is so allowed for.
    """
    found = {metric: _spread(metric, rates, 1) for metric in RATES}
    two = [_spread(metric, rates, len(_ODDS)) for metric in _ODDS]
    return [*found.values(), _odds(two)]


def _spread(metric: str, rates: Mapping[str, Mapping[str, Value]], looks: int) -> Spread:
    values = {group: one[metric] for group, one in rates.items() if one[metric].number is not None}
    if len(values) < 2:
        n = sum(one.n for one in values.values())
        return Spread(metric, undefined(Reason.TOO_FEW_ROWS, n=n, kind=Kind.REALIZED,
                                        detail="fewer than two groups have a value"), None, "", "")  # fmt: skip
    by: Callable[[str], float] = lambda group: values[group].number or 0.0  # noqa: E731 - used twice
    low, high = min(values, key=by), max(values, key=by)
    number = by(high) - by(low)
    pairs = len(values) * (len(values) - 1) // 2
    stretch = NormalDist().inv_cdf(1.0 - 0.025 / (pairs * looks)) / Z
    wide = [_stretched(one, stretch, within=metric != "calibration") for one in values.values()]
    apart = [difference(one, two) for one, two in combinations(wide, 2)]
    ends = [end for one in apart for end in ((one.lower, one.upper), _mirrored(one))]
    known = [(lower, upper) for lower, upper in ends if lower is not None and upper is not None]
    lower = max(0.0, *(one for one, _ in known)) if known else None
    upper = max(one for _, one in known) if known else None
    some = next(iter(values.values()))
    gap = Value(number, lower, upper, max(one.resolution for one in apart), sum(one.n for one in values.values()),
                some.kind)  # fmt: skip
    smallest = by(low) / by(high) if metric != "calibration" and by(high) > 0.0 else None
    return Spread(metric, gap, smallest, low, high)


def _stretched(value: Value, by: float, *, within: bool) -> Value:
    if value.number is None or value.lower is None or value.upper is None:
        return value
    lower = value.number - by * (value.number - value.lower)
    upper = value.number + by * (value.upper - value.number)
    if within:
        lower, upper = max(0.0, lower), min(1.0, upper)
    return Value(value.number, lower, upper, value.resolution, value.n, value.kind)


def _mirrored(value: Value) -> tuple[float | None, float | None]:
    return (None if value.upper is None else -value.upper), (None if value.lower is None else -value.lower)


def _odds(two: list[Spread]) -> Spread:
    defined = [one for one in two if one.difference.number is not None]
    if not defined:
        return Spread(EQUALIZED_ODDS, two[0].difference, None, "", "")
    most = max(defined, key=lambda one: one.difference.number or 0.0)
    lowers = [one.difference.lower for one in defined if one.difference.lower is not None]
    uppers = [one.difference.upper for one in defined if one.difference.upper is not None]
    gap = Value(most.difference.number, max(lowers, default=None), max(uppers, default=None),
                n=max(one.difference.n for one in defined), kind=most.difference.kind)  # fmt: skip
    ratios = [one.ratio for one in defined if one.ratio is not None]
    return Spread(EQUALIZED_ODDS, gap, min(ratios, default=None), most.lowest, most.highest)
