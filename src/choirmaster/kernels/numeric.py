"""One pass over a numeric column: histogram cells, tail sums and moments, for many groups at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from choirmaster.kernels.locate import locate

MAX_UNITS = float(1 << 42)


def numeric(
    x: NDArray[np.float64],
    group: NDArray[np.int64],
    edges: NDArray[np.float64],
    first: NDArray[np.int32],
    low: float,
    inverse: float,
    per_unit: float,
    per_square: float,
    cells: NDArray[np.int64],
    tails: NDArray[np.int64],
    counts: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Add rows to histogram and moments.

    ``x`` (n,) with NaN for missing; ``group`` (n,) row of the outputs, negative to skip. ``cells`` (groups, edges + 4):
    below, bins, above, missing, not finite, clipped. ``tails`` (groups, 2): units beyond the last and before the first
    edge. ``counts`` (groups, 3): n, clipped x, clipped x^2. ``sums`` (groups, 2): units of x and x^2. ``per_unit`` and
    ``per_square`` are powers of two.
    """
    m = len(edges)
    for i in range(len(x)):
        g = group[i]
        if g < 0:
            continue
        v = x[i]
        if v != v:
            cells[g, m + 1] += 1
            continue
        if v - v != 0.0:
            cells[g, m + 2] += 1
            continue
        b = locate(v, edges, first, low, inverse)
        cells[g, b] += 1
        if b in (0, m):
            tail = (v - edges[m - 1]) * per_unit if b == m else (edges[0] - v) * per_unit
            if tail <= MAX_UNITS:
                tails[g, 0 if b == m else 1] += int(np.rint(tail))
            else:
                cells[g, m + 3] += 1
        counts[g, 0] += 1
        units = v * per_unit
        if abs(units) <= MAX_UNITS:
            sums[g, 0] += int(np.rint(units))
        else:
            counts[g, 1] += 1
        units = v * v * per_square
        if units <= MAX_UNITS:
            sums[g, 1] += int(np.rint(units))
        else:
            counts[g, 2] += 1
