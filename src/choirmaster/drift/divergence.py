"""PSI and the Jensen-Shannon divergence of two lists of counts, each with a 95 % interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from choirmaster.drift.equality import Term, by_chance
from choirmaster.states.base import Floats, Ints

Z = 1.959963984540054
HALF = 0.5
LN2 = math.log(2.0)


@dataclass(frozen=True)
class Divergence:
    """A divergence of two samples, and the interval for that of what they were drawn from."""

    number: float
    lower: float
    upper: float


def psi(current: Ints, reference: Ints) -> Divergence:
    """Population stability index.

    Definition   sum_k (p_k - q_k) ln(p_k / q_k), p_k = (c_k + 0.5) / sum_j (c_j + 0.5) of the current counts, q_k of
                 the reference's; cells empty on both sides are left out by the caller
    Range        [0, inf); 0 means equal; lower is better; unit: nats. Symmetric. Without the 0.5 an empty cell would
                 make it infinite; a common other way is a floor of 0.0001 for each share.
    Interval     see :func:`around`
    Source       Kullback, Leibler 1951 (the symmetric J); Siddiqi 2006, Credit Risk Scorecards

    Examples
    --------
    >>> psi(np.array([5, 5]), np.array([5, 5])).number
    0.0
    """
    p, q = shares(current + HALF), shares(reference + HALF)
    log = np.log(p / q)
    number = float(((p - q) * log).sum())
    sides = Sides(p, q, log + 1.0 - q / p, 1.0 - log - p / q, (1.0 + q / p) / 2.0, (1.0 + p / q) / 2.0)
    return around(max(number, 0.0), sides, current, reference, 1.0)


def jensen_shannon(current: Ints, reference: Ints) -> Divergence:
    """Jensen-Shannon divergence, base 2.

    Definition   D = 1/2 sum_k [p_k log2(p_k / m_k) + q_k log2(q_k / m_k)], m = (p + q) / 2; p and q are plain shares
    Range        [0, 1]; 0 means equal, 1 means nothing in common; unit: bits. Its square root is the *distance*.
    Interval     see :func:`around`
    Source       Lin 1991, IEEE Transactions on Information Theory 37(1), 145-151

    Examples
    --------
    >>> jensen_shannon(np.array([4, 0]), np.array([0, 4])).number
    1.0
    """
    p, q = shares(current), shares(reference)
    middle = (p + q) / 2.0
    by_p, by_q = _half_log2(p, middle), _half_log2(q, middle)
    number = min(max(float((p * by_p + q * by_q).sum()), 0.0), 1.0)
    bent = q / (p + q) / (4.0 * LN2), p / (p + q) / (4.0 * LN2)
    out = around(number, Sides(p, q, by_p, by_q, *bent), current, reference, 1.0 / (8.0 * LN2), _js_term)
    return Divergence(number, out.lower, min(out.upper, 1.0))


def _js_term(p: Floats, q: Floats) -> Floats:
    middle = (p + q) / 2.0
    return p * _half_log2(p, middle) + q * _half_log2(q, middle)


class Sides(NamedTuple):
    """Shares of both samples; the divergence's gradient by each, and half the second derivative times the share."""

    p: Floats
    q: Floats
    by_p: Floats
    by_q: Floats
    bent_p: Floats
    bent_q: Floats


def around(
    number: float, sides: Sides, current: Ints, reference: Ints, curvature: float, term: Term | None = None
) -> Divergence:
    """Return the interval of a divergence that is about curvature * sum (p - q)^2 / r near equality.

    Both sides are multinomial samples of n and m rows. Where they come from one distribution, a cell with the share r
    of all rows adds about curvature (1 - r) (1/n + 1/m) to the divergence by chance alone, with twice the square of
    curvature (1/n + 1/m) as variance; for cells of few rows ``term`` says it exactly (:func:`by_chance`). Where they
    differ, chance adds the share's variance times half the second derivative. The greater sum of the two is taken off
    the lower end, the smaller off the upper; both ends are then widened by a normal margin, whose variance is that by
    chance plus that of the delta method. The interval is cut at 0 and always holds the number itself.
    """
    n, m = float(current.sum()), float(reference.sum())
    p, q, by_p, by_q, bent_p, bent_q = sides
    scale = curvature * (1.0 / n + 1.0 / m)
    lift = scale * (1.0 - (current + reference) / (n + m))
    spread = np.full(len(p), 2.0 * scale * scale * (len(p) - 1) / len(p))
    if term is None:
        chance, variance = float(lift.sum()), float(spread.sum())
    else:
        chance, variance = by_chance(term, current, reference, lift, spread)
    apart = float((bent_p * (1.0 - p)).sum()) / n + float((bent_q * (1.0 - q)).sum()) / m
    half = Z * math.sqrt(variance + _variance(p, by_p) / n + _variance(q, by_q) / m)
    lower, upper = number - max(chance, apart) - half, max(number - min(chance, apart), 0.0) + half
    return Divergence(number, max(0.0, lower), max(number, upper))


def shares(counts: Ints | NDArray[np.floating[Any]]) -> Floats:
    """Return the share of each cell."""
    return np.asarray(counts / float(counts.sum()), dtype=np.float64)


def _half_log2(one: Floats, middle: Floats) -> Floats:
    """Return log2(one / middle) / 2, and 0 where there is nothing: also the derivative by that share."""
    ratio = np.divide(one, middle, out=np.ones(np.shape(one)), where=one > 0)
    return np.asarray(0.5 * np.log2(ratio), dtype=np.float64)


def _variance(shares: Floats, gradient: Floats) -> float:
    mean = float((shares * gradient).sum())
    return max(float((shares * gradient**2).sum()) - mean * mean, 0.0)
