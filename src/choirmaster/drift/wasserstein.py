"""Wasserstein-1 distance of two samples that are known by their bins and by the sums of what lies outside."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from choirmaster.drift.distances import MEAN_OF_FOLDED, SIGNIFICANT
from choirmaster.drift.divergence import Z
from choirmaster.states.base import Floats, Ints


class Side(NamedTuple):
    """One sample: counts of below, bins, above; sums of how far the rows outside lie below and above."""

    counts: Ints
    below: float = 0.0
    above: float = 0.0


class Transport(NamedTuple):
    """A distance, the bounds that hold for the rows, and the interval for what they were drawn from."""

    number: float
    least: float
    greatest: float
    lower: float
    upper: float

    @property
    def resolution(self) -> float:
        """How far the rows' own distance can lie from the number."""
        return max(self.greatest - self.number, self.number - self.least)


def wasserstein(current: Side, reference: Side, widths: Floats) -> Transport:
    """Return the distance W = int |F(x) - G(x)| dx of the two empirical distribution functions.

    Number       Between two edges F and G are taken as straight lines. What one side alone has below the first edge or
                 above the last adds its sum of distances to that edge over its rows, which is exact; where both sides
                 have some, the difference of the two.
    Bounds       In a bin of width w, F runs from F0 to F1 and G from G0 to G1, so that it adds at least w max(0,
                 F0 - G1, G0 - F1) and at most w max(F1 - G0, G1 - F0); outside at least the difference of the two
                 sides and at most their sum.
    Interval     Sampling lifts the mean of W by int s(x) dx sqrt(2 / pi) at most, over where |F - G| is less than four
                 standard errors s; that is taken off the lower bound. Both ends are widened by the normal margin of W,
                 whose influence function is the integral of the sign of F - G, rows outside taken to lie
                 exponentially.

    Parameters
    ----------
    current, reference : Side
        At least one row each; m + 1 counts.
    widths : ndarray (m - 1,)
        Of the bins; 0 for a bin that holds one value only.

    Examples
    --------
    >>> found = wasserstein(Side(np.array([0, 1, 1, 0])), Side(np.array([0, 0, 1, 1]), above=2.0), np.array([1.0, 1.0]))
    >>> found.number, found.least, found.greatest
    (1.75, 1.0, 2.5)
    """
    n, m = int(current.counts.sum()), int(reference.counts.sum())
    f, g = np.cumsum(current.counts)[:-1] / n, np.cumsum(reference.counts)[:-1] / m
    d0, d1 = (f - g)[:-1], (f - g)[1:]
    straight = _straight(d0, d1)
    least = np.maximum(np.maximum(f[:-1] - g[1:], g[:-1] - f[1:]), 0.0)
    greatest = np.maximum(f[1:] - g[:-1], g[1:] - f[:-1])
    ends = ((current.below / n, reference.below / m), (current.above / n, reference.above / m))
    outside, most = sum(abs(a - b) for a, b in ends), sum(a + b for a, b in ends)
    number, low, high = (float(one @ widths) for one in (straight, least, greatest))
    number, low, high = number + outside, low + outside, high + most
    pooled = np.cumsum(current.counts + reference.counts)[:-1] / float(n + m)
    error = np.sqrt(pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m))
    lift = np.where(np.abs(f - g) < SIGNIFICANT * error, error, 0.0)
    lifted = MEAN_OF_FOLDED * float((lift[:-1] + lift[1:]) @ widths) / 2.0
    signs = np.concatenate([[np.sign(ends[0][0] - ends[0][1])], np.sign(d0 + d1), [np.sign(ends[1][1] - ends[1][0])]])
    half = Z * math.sqrt(_variance(current, signs, widths) / n + _variance(reference, signs, widths) / m)
    return Transport(number, low, high, max(0.0, min(number, low - lifted - half)), max(number, high + half))


def _straight(d0: Floats, d1: Floats) -> Floats:
    """Return the mean of |d| along a straight line from d0 to d1."""
    size = np.abs(d0) + np.abs(d1)
    crossing = (d0 < 0) != (d1 < 0)
    crossed = np.divide(d0**2 + d1**2, 2.0 * size, out=np.zeros(len(size)), where=size > 0)
    return np.where(crossing, crossed, size / 2.0)


def _variance(side: Side, signs: Floats, widths: Floats) -> float:
    """Return the variance of the influence of one row: the integral of the sign up to where it lies."""
    share = side.counts / float(side.counts.sum())
    at = np.concatenate([[0.0], np.cumsum(signs[1:-1] * widths)])
    under = side.below / max(int(side.counts[0]), 1)
    over = side.above / max(int(side.counts[-1]), 1)
    inner = (at[:-1] + at[1:]) / 2.0
    influence = np.concatenate([[-signs[0] * under], inner, [at[-1] + signs[-1] * over]])
    mean = float(share @ influence)
    spread = float(share @ (influence - mean) ** 2)
    return spread + float(share[0]) * under * under + float(share[-1]) * over * over
