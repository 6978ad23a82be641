"""One pass over predicted quantiles and labels: pinball losses, widths, and what lies below and between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from choirmaster.kernels.losses import add_units


def quantile_losses(
    q: NDArray[np.float64],
    y: NDArray[np.float64],
    group: NDArray[np.int64],
    levels: NDArray[np.float64],
    pairs: NDArray[np.int64],
    share: NDArray[np.float64],
    per_unit: NDArray[np.float64],
    counts: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Add rows of predicted quantiles.

    ``q`` (n, L) in the order of ``levels``, ``y`` (n,): NaN where there is none; ``pairs`` (P, 2): places of the levels
    of each central interval; ``share`` (L,): what a level's pinball loss counts in the weighted interval score.

    ``sums`` (groups, 2 L + 4 + 2 P): units of pinball loss and its square by level; mean pinball loss, its square;
    score, its square; width and its square by pair. ``counts`` (groups, 5 + S + 2 L + 3 P), S the number of sums:
    labelled rows with every level, labelled rows without, clipped by sum; rows that lack a level, in order, crossing;
    by level labels above, not above; by pair no label, label outside, inside.
    """
    n_levels, n_pairs, n_sums = len(levels), len(pairs), sums.shape[1]
    rows = 2 + n_sums
    by_level, by_pair = rows + 3, rows + 3 + 2 * n_levels
    for i in range(len(y)):
        g = group[i]
        if g < 0:
            continue
        labelled = y[i] - y[i] == 0.0
        whole, crossing = True, False
        total, score = 0.0, 0.0
        for k in range(n_levels):
            v = q[i, k]
            if v - v != 0.0:
                whole = False
                continue
            crossing = crossing or (k > 0 and q[i, k - 1] > v)
            if not labelled:
                continue
            if y[i] <= v:
                counts[g, by_level + 2 * k + 1] += 1
                loss = (1.0 - levels[k]) * (v - y[i])
            else:
                counts[g, by_level + 2 * k] += 1
                loss = levels[k] * (y[i] - v)
            total += loss
            score += share[k] * loss
            add_pair(loss, per_unit[2 * k], per_unit[2 * k + 1], g, 2 * k, counts, sums)
        for p in range(n_pairs):
            low, high = q[i, pairs[p, 0]], q[i, pairs[p, 1]]
            width = high - low
            if width - width != 0.0:
                continue
            at = 2 * n_levels + 4 + 2 * p
            add_pair(width, per_unit[at], per_unit[at + 1], g, at, counts, sums)
            where = 0 if not labelled else (2 if low <= y[i] <= high else 1)
            counts[g, by_pair + 3 * p + where] += 1
        counts[g, rows + (0 if not whole else (2 if crossing else 1))] += 1
        if labelled and not whole:
            counts[g, 1] += 1
        elif labelled:
            counts[g, 0] += 1
            at = 2 * n_levels
            mean = total / n_levels
            add_pair(mean, per_unit[at], per_unit[at + 1], g, at, counts, sums)
            add_pair(score, per_unit[at + 2], per_unit[at + 3], g, at + 2, counts, sums)


def add_pair(
    value: float,
    per_unit: float,
    per_square: float,
    g: int,
    k: int,
    counts: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Add a contribution to sum ``k`` and its square to the next."""
    add_units(value, per_unit, g, k, counts, sums)
    add_units(value * value, per_square, g, k + 1, counts, sums)
