"""Hellinger, total variation and greatest difference of two lists of counts, each with a 95 % interval."""

from __future__ import annotations

import math

import numpy as np

from choirmaster.drift.divergence import Divergence, Sides, Z, around, shares
from choirmaster.drift.equality import by_chance
from choirmaster.states.base import Floats, Ints

SIGNIFICANT = 4.0  # standard errors beyond which sampling no longer lifts an absolute difference
MEAN_OF_FOLDED = math.sqrt(2.0 / math.pi)
MISSED = 0.05


def hellinger_squared(current: Ints, reference: Ints) -> Divergence:
    """Squared Hellinger distance.

    Definition   H^2 = 1 - sum_k sqrt(p_k q_k) = 1/2 sum_k (sqrt(p_k) - sqrt(q_k))^2; p and q are plain shares
    Range        [0, 1]; 0 means equal, 1 means nothing in common
    Interval     see :func:`choirmaster.drift.divergence.around`, whose curvature is 1/8 here

    Examples
    --------
    >>> hellinger_squared(np.array([4, 0]), np.array([0, 4])).number
    1.0
    """
    p, q = shares(current), shares(reference)
    number = min(max(float(((np.sqrt(p) - np.sqrt(q)) ** 2).sum()) / 2.0, 0.0), 1.0)
    bent = _bent(q, p, int(current.sum())), _bent(p, q, int(reference.sum()))
    sides = Sides(p, q, _half_root(q, p), _half_root(p, q), *bent)
    out = around(number, sides, current, reference, 0.125, _hellinger_term)
    return Divergence(number, out.lower, min(out.upper, 1.0))


def total_variation(current: Ints, reference: Ints) -> Divergence:
    """Total variation distance.

    Definition   TV = 1/2 sum_k |p_k - q_k|, the greatest difference in probability over all sets of cells
    Range        [0, 1]; 0 means equal, 1 means nothing in common
    Interval     Sampling can only lift the mean of TV. By how much at most, sqrt(2 / pi) / 2 * sum s_k over the cells
                 that differ by less than four standard errors s_k, is taken off the lower end (cells of few rows:
                 :func:`choirmaster.drift.equality.by_chance`); both ends are widened by the normal margin of the set of
                 cells that attains TV and of what chance alone adds.

    Examples
    --------
    >>> total_variation(np.array([3, 1]), np.array([1, 3])).number
    0.5
    """
    n, m = int(current.sum()), int(reference.sum())
    p, q = shares(current), shares(reference)
    difference = p - q
    number = min(float(np.abs(difference).sum()) / 2.0, 1.0)
    pooled = (current + reference) / float(n + m)
    error = np.sqrt(pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m))
    usual = np.where(np.abs(difference) < SIGNIFICANT * error, MEAN_OF_FOLDED / 2.0 * error, 0.0)
    spread = error**2 / 4.0 * (1.0 - MEAN_OF_FOLDED**2)
    lifted, variance = by_chance(_variation_term, current, reference, usual, spread)
    more = difference > 0
    half = Z * math.sqrt(variance + _binomial(p[more].sum()) / n + _binomial(q[more].sum()) / m)
    return Divergence(number, max(0.0, number - lifted - half), min(1.0, number + half))


def greatest_difference(current: Ints, reference: Ints) -> Divergence:
    """Greatest difference of the share of one cell (L-infinity distance).

    Definition   max_k |p_k - q_k|
    Range        [0, 1]; 0 means equal
    Interval     Bernstein's inequality for every cell at once: with L = ln(2 k / 0.05), the greatest variance V of a
                 cell's difference and b = 1 / min(n, m), no difference strays by more than b L / 3 + sqrt((b L / 3)^2 +
                 2 V L) with 95 % or more

    Examples
    --------
    >>> greatest_difference(np.array([3, 1]), np.array([1, 3])).number
    0.5
    """
    n, m = int(current.sum()), int(reference.sum())
    p, q = shares(current), shares(reference)
    number = float(np.abs(p - q).max())
    pooled = (current + reference) / float(n + m)
    apart = float((p * (1.0 - p) / n + q * (1.0 - q) / m).max())
    together = float((pooled * (1.0 - pooled)).max()) * (1.0 / n + 1.0 / m)
    level = math.log(2.0 * len(p) / MISSED)
    step = level / (3.0 * min(n, m))
    margin = step + math.sqrt(step * step + 2.0 * max(apart, together) * level)
    return Divergence(number, max(0.0, number - margin), min(1.0, number + margin))


def _hellinger_term(p: Floats, q: Floats) -> Floats:
    return np.asarray((np.sqrt(p) - np.sqrt(q)) ** 2 / 2.0, dtype=np.float64)


def _variation_term(p: Floats, q: Floats) -> Floats:
    return np.asarray(np.abs(p - q) / 2.0, dtype=np.float64)


def _half_root(above: Floats, below: Floats) -> Floats:
    """Return the gradient -sqrt(above / below) / 2 of the squared distance, 0 where ``below`` has nothing."""
    ratio = np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
    return np.asarray(-0.5 * np.sqrt(ratio), dtype=np.float64)


def _bent(above: Floats, below: Floats, n: int) -> Floats:
    """Return sqrt(above / below) / 8, an eighth of a row added to each cell below."""
    return np.asarray(np.sqrt(above / (below + 0.125 / n)) / 8.0, dtype=np.float64)


def _binomial(share: float) -> float:
    return float(share) * (1.0 - float(share))
