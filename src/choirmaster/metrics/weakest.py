"""Where a series is worse than elsewhere: each segment against all other rows, corrected for looking at many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from choirmaster.metrics.base import Metric, evaluate
from choirmaster.metrics.difference import difference
from choirmaster.metrics.intervals import Z, wilson
from choirmaster.states.base import State
from choirmaster.states.scores import Scores
from choirmaster.values import Reason, Value, undefined

LEAST_ROWS = 30
LEAST_OF_A_CLASS = 10  # positives, and negatives, where scores are ranked


@dataclass(frozen=True, slots=True)
class Weak:
    """One segment against the rest.

    Attributes
    ----------
    segment : str
    value, rest, difference : Value
        Of its rows, of all others, and the first minus the second.
    p_value, p_adjusted : float or None
        One-sided, for "worse than the rest"; adjusted by Holm. None where the segment was not tested.
    reason : Reason or None
        Why it was not tested.
    """

    segment: str
    value: Value
    rest: Value
    difference: Value
    p_value: float | None = None
    p_adjusted: float | None = None
    reason: Reason | None = None

    def row(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "segment": self.segment, "n": self.value.n, "value": self.value.number, "lower": self.value.lower,
            "upper": self.value.upper, "rest": self.rest.number, "rest_n": self.rest.n,
            "difference": self.difference.number, "difference_lower": self.difference.lower,
            "difference_upper": self.difference.upper, "p_value": self.p_value, "p_adjusted": self.p_adjusted,
            "reason": None if self.reason is None else str(self.reason),
        }  # fmt: skip


def weakest(
    metric: Metric, whole: State, slices: Mapping[str, State], *, target: str = "", least: int = LEAST_ROWS
) -> list[Weak]:
    """Rank segments by how surely they are worse than all other rows.

    Definition   For each segment S the metric over S, over the rest (the state of all rows minus that of S, exact), and
                 their difference with its interval. Ranked by p-value, then by the size of the shortfall.
    Test         One-sided. A share (Wilson's interval): Fisher's exact test of the hits of S and of the rest. Any
                 other: the difference over its standard error, which the wider sides of the two intervals give, against
                 Student's t with n(S) - 1 degrees of freedom.
    Correction   Holm's, over all segments tested: the chance of naming any segment wrongly is at most the level that
                 ``p_adjusted`` is compared with, however segments overlap.
    Undefined    too_few_rows below ``least`` rows in the segment or the rest, and for ranked scores below 10 positives
                 or negatives; else as the metric. Such segments are not tested, cost no power and come last.
    Source       Holm 1979, Scandinavian Journal of Statistics 6(2), 65-70

    Parameters
    ----------
    metric : Metric
        One that says which side is better.
    whole : State
        Of all rows.
    slices : mapping
        Segment to its state; only segments that are declared are looked at, cells of their crosses included.
    target : str
        A class, for metrics that have a value for each.
    """
    found = [_against_rest(metric, name, one, whole, target, least) for name, one in slices.items()]
    tested = [one for one in found if one.p_value is not None]
    adjusted = holm([one.p_value or 0.0 for one in tested])
    ranked = [
        Weak(one.segment, one.value, one.rest, one.difference, one.p_value, p)
        for one, p in zip(tested, adjusted, strict=True)
    ]
    sign = 1.0 if metric.better == "higher" else -1.0
    ranked.sort(key=lambda one: (one.p_value, sign * (one.difference.number or 0.0), one.segment))
    return ranked + sorted((one for one in found if one.p_value is None), key=lambda one: (-one.value.n, one.segment))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    out = [0.0] * len(p_values)
    so_far = 0.0
    for rank, at in enumerate(order):
        so_far = max(so_far, min(1.0, (len(order) - rank) * p_values[at]))
        out[at] = so_far
    return out


def _against_rest(metric: Metric, segment: str, state: State, whole: State, target: str, least: int) -> Weak:
    others = whole.subtract(state)
    value, rest = evaluate(metric, state, None, target), evaluate(metric, others, None, target)
    found = difference(rest, value)
    few = _few(state, value, least) or _few(others, rest, least)
    if few is not None or found.reason is not None:
        reason = found.reason if few is None else few
        return Weak(segment, value, rest, found, reason=reason)
    p = _p_worse(metric, value, rest)
    if p is None:
        nothing = undefined(Reason.ZERO_VARIANCE, n=found.n, kind=found.kind)
        return Weak(segment, value, rest, nothing, reason=Reason.ZERO_VARIANCE)
    return Weak(segment, value, rest, found, p)


def _few(state: State, value: Value, least: int) -> Reason | None:
    if value.reason is None and value.n < least:
        return Reason.TOO_FEW_ROWS
    if isinstance(state, Scores) and value.reason is None:
        small = min(int(state.positives.sum()), int(state.negatives.sum()))
        return Reason.TOO_FEW_ROWS if small < LEAST_OF_A_CLASS else None
    return None


def _p_worse(metric: Metric, value: Value, rest: Value) -> float | None:
    """Return the p-value of "the segment is no worse than the rest"."""
    higher = metric.better == "higher"
    hits, others = _hits(value), _hits(rest)
    if hits is not None and others is not None:
        return _fisher(hits, value.n, others, rest.n, fewer=higher)
    error = math.hypot(_error(value), _error(rest))
    shortfall = ((rest.number or 0.0) - (value.number or 0.0)) * (1.0 if higher else -1.0)
    if not error > 0.0:
        return None
    from scipy.special import stdtr

    return float(stdtr(max(value.n - 1, 1), -shortfall / error))


def _error(value: Value) -> float:
    if value.number is None or value.lower is None or value.upper is None:
        return math.nan
    return max(value.number - value.lower, value.upper - value.number) / Z


def _hits(value: Value) -> int | None:
    """Return the hits of a value that is a share of its n with Wilson's interval, else None."""
    if value.number is None or value.n == 0 or not 0.0 <= value.number <= 1.0:
        return None
    hits = round(value.number * value.n)
    return hits if hits / value.n == value.number and wilson(hits, value.n) == (value.lower, value.upper) else None


def _fisher(hits: int, n: int, others: int, m: int, *, fewer: bool) -> float:
    """Return the chance of so few (or so many) hits among n, given all hits among n + m."""
    total = hits + others
    low, high = max(0, total - m), min(n, total)
    if not fewer:  # so many hits are so few misses
        return _fisher(n - hits, n, m - others, m, fewer=True)
    mean = n * total / (n + m)
    if hits < mean:
        return min(1.0, _hypergeometric(max(low, hits - _reach(n, total, m)), hits, n, total, m))
    return max(0.0, 1.0 - _hypergeometric(hits + 1, min(high, hits + 1 + _reach(n, total, m)), n, total, m))


def _reach(n: int, total: int, m: int) -> int:
    """Return how many hits away from the mean the law has nothing left to add: twelve standard deviations."""
    share = total / (n + m)
    return 50 + int(12.0 * math.sqrt(n * share * (1.0 - share)))


def _hypergeometric(first: int, last: int, n: int, total: int, m: int) -> float:
    """Return the chance of ``first`` to ``last`` hits among n, of ``total`` among n + m."""
    if last < first:
        return 0.0
    from scipy.special import gammaln

    x = np.arange(first, last + 1, dtype=np.float64)
    ways = gammaln(x + 1) + gammaln(n - x + 1) + gammaln(total - x + 1) + gammaln(m - total + x + 1)
    fixed = float(
        gammaln(np.array([n + 1, m + 1, total + 1, n + m - total + 1], np.float64)).sum() - gammaln(n + m + 1.0)
    )
    return float(np.exp(fixed - ways).sum())
