"""The chi-squared test of homogeneity of two samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from choirmaster.drift.cells import pour
from choirmaster.drift.divergence import Divergence, Sides, around, shares
from choirmaster.states.base import Ints

LEAST_EXPECTED = 5.0


@dataclass(frozen=True)
class Homogeneity:
    """What the test found: the statistic with its interval, degrees of freedom, cells before and after joining."""

    statistic: Divergence
    freedom: int
    cells: int
    joined: int

    @property
    def p_value(self) -> float:
        """The probability of a statistic at least as great where both samples come from one distribution."""
        if not self.freedom:
            return 1.0
        from scipy.special import chdtrc

        return float(chdtrc(self.freedom, self.statistic.number))


def join_small(current: Ints, reference: Ints, least: float = LEAST_EXPECTED) -> Ints:
    """Return for each cell the joined cell it goes to, so that every expected count of both samples is large enough.

    Cells are taken by their count in both samples together, smallest first (the first of equals first), and put into
    one joined cell until its expected count min(n, m) (c_k + d_k) / (n + m) reaches ``least``; then the next begins.
    What is left over at the end goes to the last one. The rule looks at the two samples together only, so that joining
    does not favour a difference.

    Examples
    --------
    >>> join_small(np.array([3, 40, 2, 55]), np.array([2, 45, 3, 50])).tolist()
    [0, 1, 0, 2]
    """
    both = current + reference
    worth = both * (min(int(current.sum()), int(reference.sum())) / float(both.sum()))
    out = np.zeros(len(both), np.int64)
    cell, filled, done = 0, 0.0, 0
    for at in np.argsort(both, kind="stable"):
        out[at] = cell
        filled += float(worth[at])
        if filled >= least:
            cell, filled, done = cell + 1, 0.0, cell + 1
    return np.minimum(out, max(done - 1, 0))


def chi_squared(current: Ints, reference: Ints) -> Homogeneity:
    """Pearson's chi-squared test of two samples, each of its own size.

    Definition   X^2 = sum_k [(c_k - n r_k)^2 / (n r_k) + (d_k - m r_k)^2 / (m r_k)], r_k = (c_k + d_k) / (n + m), over
                 cells joined by :func:`join_small`; g joined cells have g - 1 degrees of freedom. No continuity
                 correction. Testing the current rows against the shares of the reference as if these were known (the
                 one-sample form) rejects far too often; this is not done here.
    Range        [0, inf); its mean is g - 1 where both samples come from one distribution
    Interval     of what the statistic has beyond g - 1 (its noncentrality), see
                 :func:`choirmaster.drift.divergence.around`; cut so that it holds the number
    Source       Pearson 1900, 1911; Cochran 1954, Biometrics 10(4), 417-451 (expected counts of 5)

    Examples
    --------
    >>> found = chi_squared(np.array([30, 70]), np.array([50, 50]))
    >>> round(found.statistic.number, 4), found.freedom, round(found.p_value, 4)
    (8.3333, 1, 0.0039)
    """
    cells = join_small(current, reference)
    now, past = pour(current, cells), pour(reference, cells)
    n, m = float(now.sum()), float(past.sum())
    p, q, pooled = shares(now), shares(past), (now + past) / (n + m)
    worth = n * m / (n + m)
    ratio, a, b = (p - q) / pooled, n / (n + m), m / (n + m)
    number = worth * float((ratio**2 * pooled).sum())
    by_p, by_q = worth * (2.0 * ratio - ratio**2 * a), worth * (-2.0 * ratio - ratio**2 * b)
    bent = worth * p * (1.0 - ratio * a) ** 2 / pooled, worth * q * (1.0 + ratio * b) ** 2 / pooled
    found = around(number, Sides(p, q, by_p, by_q, *bent), now, past, worth)
    return Homogeneity(found, len(now) - 1, len(current), len(now))
