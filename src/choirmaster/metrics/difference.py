"""Differences and ratios of two values of independent rows, with intervals made from those of the two."""

from __future__ import annotations

import math
from dataclasses import replace

from choirmaster.metrics.intervals import Bounds
from choirmaster.values import Kind, Reason, Value, undefined


def difference(one: Value, two: Value) -> Value:
    """Second value minus the first, of independent rows.

    Definition   two - one
    Undefined    as the first of the two that is undefined
    Resolution   the sum of both
    Interval     square-and-add: lower = d - sqrt((two - two.lower)^2 + (one.upper - one)^2), upper alike. Of two shares
                 with Wilson's intervals this is Newcombe's hybrid score interval (his method 10); of two symmetric
                 normal intervals it is the normal interval from the two variances. None where either has none.
    Source       Newcombe 1998, Statistics in Medicine 17(8), 873-890; Zou, Donner 2008, Statistics in Medicine 27(10),
                 1693-1702
    Example
                 >>> from choirmaster.metrics.pairs import share
                 >>> found = difference(share(48, 80), share(56, 70))
                 >>> round(found.number, 4), round(found.lower, 4), round(found.upper, 4)
                 (0.2, 0.0524, 0.3339)
    """
    missing = _missing(one, two)
    if missing:
        return missing
    first, second = one.number or 0.0, two.number or 0.0
    number = second - first
    bounds = _bounds(number, _sides(first, one.lower, one.upper), _sides(second, two.lower, two.upper))
    return Value(number, *bounds, one.resolution + two.resolution, one.n + two.n, _kind(one, two))


def since_reference(now: Value, past: Value) -> Value:
    """What a value is now minus what the reference has: :func:`difference`, over the rows of now.

    Undefined    as the value now; no_reference where the reference has no such value
    Interval     Newcombe's, as for :func:`difference`
    Example
                 >>> round(since_reference(Value(0.5, 0.2, 0.8, n=9), Value(0.1, 0.1, 0.5)).upper, 4)
                 0.7
    """
    if now.number is None:
        return now
    if past.number is None:
        return undefined(Reason.NO_REFERENCE, n=now.n, kind=now.kind, detail="the reference has no such value")
    return replace(difference(past, now), n=now.n)


def ratio(one: Value, two: Value) -> Value:
    """Second value divided by the first, of independent rows; both must be above 0.

    Definition   two / one
    Undefined    as the first of the two that is undefined; not_applicable where either is not above 0
    Interval     square-and-add of the logarithms of the two intervals. None where either reaches 0 or has none.
    Source       Zou, Donner 2008, Statistics in Medicine 27(10), 1693-1702
    Example
                 >>> from choirmaster.metrics.pairs import share
                 >>> found = ratio(share(48, 80), share(56, 70))
                 >>> round(found.number, 4), round(found.lower, 4), round(found.upper, 4)
                 (1.3333, 1.0784, 1.664)
    """
    missing = _missing(one, two)
    if missing:
        return missing
    first, second = one.number or 0.0, two.number or 0.0
    if first <= 0.0 or second <= 0.0:
        return undefined(Reason.NOT_APPLICABLE, n=one.n + two.n, kind=_kind(one, two), detail="one of the two is 0")
    lower, upper = _bounds(
        math.log(second / first), _sides(*map(_log, (first, one.lower, one.upper))),
        _sides(*map(_log, (second, two.lower, two.upper))),
    )  # fmt: skip
    bounds: Bounds = (None, None) if lower is None or upper is None else (math.exp(lower), math.exp(upper))
    return Value(second / first, *bounds, n=one.n + two.n, kind=_kind(one, two))


def _missing(one: Value, two: Value) -> Value | None:
    for value in (one, two):
        if value.reason is not None:
            return undefined(value.reason, n=one.n + two.n, kind=_kind(one, two), detail=value.detail)
    return None


def _kind(one: Value, two: Value) -> Kind:
    return one.kind if one.kind is two.kind else Kind.ESTIMATED


def _log(number: float | None) -> float | None:
    return None if number is None or number <= 0.0 else math.log(number)


def _sides(number: float | None, lower: float | None, upper: float | None) -> tuple[float, float] | None:
    """Return how far an interval reaches below and above its number."""
    if number is None or lower is None or upper is None:
        return None
    return max(0.0, number - lower), max(0.0, upper - number)


def _bounds(number: float, one: tuple[float, float] | None, two: tuple[float, float] | None) -> Bounds:
    if one is None or two is None:
        return None, None
    return number - math.hypot(two[0], one[1]), number + math.hypot(two[1], one[0])
