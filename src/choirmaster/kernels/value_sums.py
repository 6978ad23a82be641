"""One pass over a column of values (money): fixed-point sums of it, and of its square, by cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_UNITS = float(1 << 42)


def value_sums(
    value: NDArray[np.float64],
    cell: NDArray[np.int64],
    place: NDArray[np.int64],
    group: NDArray[np.int64],
    per_unit: float,
    per_square: float,
    faults: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Add the value of each row to the sum of its cell.

    ``value`` (n,) with NaN for missing; ``cell`` (n,) says which sum it goes to, ``place`` (n,) where its faults are
    counted; ``group`` (n,) row of the outputs, negative to skip. ``faults`` (groups, 3, places): missing, negative or
    not finite; clipped; clipped square. ``sums`` (groups, 2, cells): units of the value and of its square. Without
    squares ``per_square`` is 0 and neither has a line for them.
    """
    for i in range(len(value)):
        g = group[i]
        if g < 0:
            continue
        v = value[i]
        if not v >= 0.0 or v - v != 0.0:
            faults[g, 0, place[i]] += 1
            continue
        units = v * per_unit
        if units <= MAX_UNITS:
            sums[g, 0, cell[i]] += int(np.rint(units))
        else:
            faults[g, 1, place[i]] += 1
        if per_square > 0.0:
            units = v * v * per_square
            if units <= MAX_UNITS:
                sums[g, 1, cell[i]] += int(np.rint(units))
            else:
                faults[g, 2, place[i]] += 1
