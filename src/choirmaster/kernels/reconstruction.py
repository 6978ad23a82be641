"""How far each row lies from the leading components of the reference's features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def reconstruction(
    x: NDArray[np.float64],
    mean: NDArray[np.float64],
    inverse: NDArray[np.float64],
    basis: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the reconstruction error of each row.

    ``x`` (n, p): what is not finite is missing and lies at the mean. ``mean`` and ``inverse`` (p,): centre of each
    column and what it is multiplied by. ``basis`` (p, r): the orthonormal directions that are not kept; what a row has
    along them is what reconstructing it loses. ``out`` (n,): NaN where nothing of the row is there or no direction is
    given, infinite where a sum is beyond every number. Terms are added in the order of the columns.
    """
    n, p = x.shape
    r = basis.shape[1]
    away = np.empty(r)
    for i in range(n):
        away[:] = 0.0
        present = 0
        for j in range(p):
            v = x[i, j]
            if v - v == 0.0:
                present += 1
                z = (v - mean[j]) * inverse[j]
                for k in range(r):
                    away[k] += z * basis[j, k]
        square = 0.0
        for k in range(r):
            square += away[k] * away[k]
        error = np.sqrt(square)
        if present == 0 or r == 0:
            out[i] = np.nan
        elif error - error == 0.0:
            out[i] = error
        else:
            out[i] = np.inf
