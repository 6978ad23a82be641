"""What sampling alone makes of a distance: its mean and variance where both samples come from one distribution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from choirmaster.states.base import Floats, Ints

FEW = 10.0  # expected rows of the smaller sample in a cell up to which every split is gone through
MOST = 40  # rows of the smaller sample beyond which such a cell practically never goes
Term = Callable[[Floats, Floats], Floats]


def by_chance(term: Term, current: Ints, reference: Ints, usual: Floats, spread: Floats) -> tuple[float, float]:
    """Return mean and variance of a sum over cells, given each cell's rows in both samples together.

    Where both samples come from one distribution, the rows of a cell that fall into the smaller sample follow the
    hypergeometric law. For cells where ``FEW`` of them are expected at most, mean and variance of ``term`` under it are
    summed exactly; for larger ones the caller's approximations hold. Covariances between cells are left out: they are
    negative.

    Parameters
    ----------
    term : callable
        ``term(p, q)``: what a cell with these shares adds to the distance; symmetric.
    current, reference : ndarray of int64 (k,)
    usual, spread : ndarray (k,)
        Approximate mean and variance of each cell's contribution.

    Examples
    --------
    >>> one, none = np.array([1, 1]), np.zeros(2)
    >>> found = by_chance(lambda p, q: abs(p - q) / 2, one, one, none, none)
    >>> [round(one, 4) for one in found]  # of 2 rows in a cell, both go to one sample with 1/3
    [0.3333, 0.1111]
    """
    both = current + reference
    n, m = sorted((int(current.sum()), int(reference.sum())))
    few = both * (n / (n + m)) <= FEW
    mean, variance = float(usual[~few].sum()), float(spread[~few].sum())
    if few.any():
        rows, at = np.unique(both[few], return_inverse=True)
        means, variances = _split(term, rows, n, m)
        mean += float(means[at].sum())
        variance += float(np.maximum(variances[at], spread[few]).sum())
    return mean, variance


def _split(term: Term, rows: Ints, n: int, m: int) -> tuple[Floats, Floats]:
    """Return mean and variance of ``term`` for cells of so many rows, of which c go to the sample of n."""
    t, c = rows[:, None].astype(np.float64), np.arange(MOST + 1.0)[None, :]
    possible = (c <= t) & (c <= n) & (t - c <= m)
    step = np.where(possible, (n - c) * (t - c) / ((c + 1.0) * np.maximum(m - t + c + 1.0, 1.0)), 1.0)
    log = np.cumsum(np.log(np.maximum(step, 1e-300)), axis=1) - np.log(np.maximum(step, 1e-300))
    log = np.where(possible, log, -np.inf)
    weight = np.exp(log - log.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    worth = np.where(possible, term(np.where(possible, c, 0.0) / n, np.where(possible, t - c, 0.0) / m), 0.0)
    means = (weight * worth).sum(axis=1)
    return means, (weight * (worth - means[:, None]) ** 2).sum(axis=1)
