"""One pass over answers and labels: fixed-point sums of losses and of their squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from choirmaster.kernels.log import natural_log

MAX_UNITS = float(1 << 42)
SMALLEST = 2.0**-52


def add_units(
    value: float, per_unit: float, g: int, k: int, counts: NDArray[np.int64], sums: NDArray[np.int64]
) -> None:
    """Add one contribution to sum ``k`` of group ``g``, or count it as clipped (``counts[g, 2 + k]``)."""
    units = value * per_unit
    if abs(units) <= MAX_UNITS:
        sums[g, k] += int(np.rint(units))
    else:
        counts[g, 2 + k] += 1


def class_losses(
    p: NDArray[np.float64],
    y: NDArray[np.int64],
    group: NDArray[np.int64],
    per_unit: NDArray[np.float64],
    counts: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Add log loss and Brier score of labelled rows.

    ``p`` (n, 1): probability of the positive class of a binary task, or (n, classes); ``y`` (n,) class index (binary:
    1 is positive), negative where there is no label. ``counts`` (groups, 6): n, no answer, clipped sums. ``sums``
    (groups, 4): units of log loss, its square, Brier, its square.
    """
    width = p.shape[1]
    for i in range(p.shape[0]):
        g = group[i]
        if g < 0 or y[i] < 0:
            continue
        brier = 0.0
        likely = 0.0
        usable = True
        if width == 1:
            v = p[i, 0]
            usable = 0.0 <= v <= 1.0
            likely = v if y[i] == 1 else 1.0 - v
            brier = (v - y[i]) * (v - y[i])
        else:
            for k in range(width):
                v = p[i, k]
                usable = usable and 0.0 <= v <= 1.0
                miss = v - 1.0 if k == y[i] else v
                likely = v if k == y[i] else likely
                brier += miss * miss
        if not usable:
            counts[g, 1] += 1
            continue
        counts[g, 0] += 1
        log_loss = -natural_log(min(max(likely, SMALLEST), 1.0))
        add_units(log_loss, per_unit[0], g, 0, counts, sums)
        add_units(log_loss * log_loss, per_unit[1], g, 1, counts, sums)
        add_units(brier, per_unit[2], g, 2, counts, sums)
        add_units(brier * brier, per_unit[3], g, 3, counts, sums)


def number_losses(
    f: NDArray[np.float64],
    y: NDArray[np.float64],
    group: NDArray[np.int64],
    per_unit: NDArray[np.float64],
    counts: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Add errors of a regression.

    ``f``, ``y`` (n,): answer and label, NaN where there is none. ``counts`` (groups, 8): n, no answer, clipped sums.
    ``sums`` (groups, 6): units of e, |e|, e^2, e^4, y, y^2 with e = f - y.
    """
    for i in range(len(f)):
        g = group[i]
        if g < 0 or y[i] - y[i] != 0.0:
            continue
        if f[i] - f[i] != 0.0:
            counts[g, 1] += 1
            continue
        counts[g, 0] += 1
        e = f[i] - y[i]
        add_units(e, per_unit[0], g, 0, counts, sums)
        add_units(abs(e), per_unit[1], g, 1, counts, sums)
        add_units(e * e, per_unit[2], g, 2, counts, sums)
        add_units(e * e * e * e, per_unit[3], g, 3, counts, sums)
        add_units(y[i], per_unit[4], g, 4, counts, sums)
        add_units(y[i] * y[i], per_unit[5], g, 5, counts, sums)
