"""One pass over the answers and labels of a regression: relative and logarithmic errors, and how labels spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from choirmaster.kernels.log import natural_log
from choirmaster.kernels.losses import add_units


def relative_losses(
    f: NDArray[np.float64],
    y: NDArray[np.float64],
    group: NDArray[np.int64],
    centre: float,
    per_unit: NDArray[np.float64],
    counts: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Add what ``number_losses`` leaves out, to the same arrays.

    ``sums`` (groups, 18), from 6 on, with e = f - y and d = y - centre: units of |e / y| and its square where y is not
    0; 2 |e| / (|f| + |y|) and its square; (ln(1 + f) - ln(1 + y))^2 and its square where neither is negative; d, d^2,
    d^3, d^4, e^2 d, e^2 d^2. ``counts`` (groups, 22): the last two are rows with label 0, rows with a negative number.
    """
    zero, negative = 2 + sums.shape[1], 3 + sums.shape[1]
    for i in range(len(f)):
        g = group[i]
        if g < 0 or y[i] - y[i] != 0.0 or f[i] - f[i] != 0.0:
            continue
        e = f[i] - y[i]
        if y[i] == 0.0:
            counts[g, zero] += 1
        else:
            share = abs(e) / abs(y[i])
            add_units(share, per_unit[6], g, 6, counts, sums)
            add_units(share * share, per_unit[7], g, 7, counts, sums)
        share = 2.0 * (abs(e) / (abs(f[i]) + abs(y[i]))) if e != 0.0 else 0.0
        add_units(share, per_unit[8], g, 8, counts, sums)
        add_units(share * share, per_unit[9], g, 9, counts, sums)
        if f[i] < 0.0 or y[i] < 0.0:
            counts[g, negative] += 1
        else:
            ratio = natural_log((1.0 + f[i]) / (1.0 + y[i]))
            ratio *= ratio
            add_units(ratio, per_unit[10], g, 10, counts, sums)
            add_units(ratio * ratio, per_unit[11], g, 11, counts, sums)
        d = y[i] - centre
        square = d * d
        add_units(d, per_unit[12], g, 12, counts, sums)
        add_units(square, per_unit[13], g, 13, counts, sums)
        add_units(square * d, per_unit[14], g, 14, counts, sums)
        add_units(square * square, per_unit[15], g, 15, counts, sums)
        add_units(e * e * d, per_unit[16], g, 16, counts, sums)
        add_units(e * e * square, per_unit[17], g, 17, counts, sums)
