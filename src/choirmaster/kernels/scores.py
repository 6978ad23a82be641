"""One pass over a probability column: score bins by label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from choirmaster.kernels.locate import locate


def scores(
    p: NDArray[np.float64],
    y: NDArray[np.int64],
    group: NDArray[np.int64],
    edges: NDArray[np.float64],
    first: NDArray[np.int32],
    low: float,
    inverse: float,
    cells: NDArray[np.int64],
) -> None:
    """Add rows to score bins.

    ``p`` (n,) with NaN for no answer; ``y`` (n,): 0 negative, 1 positive, 2 no label. ``cells``
    (groups, 3, edges + 3): below, bins, above, no answer, not a probability.
    """
    m = len(edges)
    for i in range(len(p)):
        g = group[i]
        if g < 0:
            continue
        v = p[i]
        if v != v:
            cells[g, y[i], m + 1] += 1
        elif v < 0.0 or v > 1.0:
            cells[g, y[i], m + 2] += 1
        else:
            cells[g, y[i], locate(v, edges, first, low, inverse)] += 1
