"""Kolmogorov-Smirnov distance of two samples that are known by their bins: a rigorous lower and upper bound."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from choirmaster.states.base import Ints


def ks_bounds(current: Ints, reference: Ints, single: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the least and the greatest KS distance that rows with these counts can have.

    Definition   KS = sup_x |F(x) - G(x)| of the two empirical distribution functions. At the end of each bin both are
                 known, which gives the lower bound. Inside bin j F lies in [F_j-1, F_j] and G in [G_j-1, G_j], so
                 |F - G| <= max(F_j - G_j-1, G_j - F_j-1); where one side has no row in the bin that is attained at the
                 ends, and where the bin holds a single value there is no inside.

    Parameters
    ----------
    current, reference : ndarray of int64 (bins,)
        At least one row each.
    single : ndarray of bool (bins,)
        Bins that hold one value only.

    Examples
    --------
    >>> both = np.array([1, 1]), np.array([0, 2])
    >>> ks_bounds(*both, np.array([True, True])), ks_bounds(*both, np.array([False, False]))
    ((0.5, 0.5), (0.5, 1.0))
    """
    f, g = np.cumsum(current) / int(current.sum()), np.cumsum(reference) / int(reference.sum())
    f_before, g_before = np.concatenate([[0.0], f[:-1]]), np.concatenate([[0.0], g[:-1]])
    lower = float(np.abs(f - g).max())
    inside = ~single & (current > 0) & (reference > 0)
    if not inside.any():
        return lower, lower
    upper = float(np.maximum(f - g_before, g - f_before)[inside].max())
    return lower, max(lower, upper)


def ks_margin(n: int, m: int) -> float:
    """Return how far, with 95 % at least, the distance of two samples lies from that of what they were drawn from.

    Each empirical distribution function strays by at most sqrt(ln(80) / (2 n)) with 97.5 % (Dvoretzky-Kiefer-Wolfowitz
    with Massart's constant, The Annals of Probability 18(3), 1990, 1269-1283); the two strayings add.
    """
    return math.sqrt(math.log(80.0) / (2.0 * n)) + math.sqrt(math.log(80.0) / (2.0 * m))
