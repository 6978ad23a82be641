"""Helpers of the kernels that look at all members of a row at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_UNITS = float(1 << 42)


def usable(p: NDArray[np.float64], i: int, j: int, bounded: bool) -> bool:
    """Whether member ``j`` gave row ``i`` finite numbers, and probabilities where they are ``bounded``."""
    for c in range(p.shape[2]):
        v = p[i, j, c]
        if v - v != 0.0 or (bounded and (v < 0.0 or v > 1.0)):
            return False
    return True


def in_range(units: NDArray[np.float64], count: int) -> bool:
    """Whether each of the first ``count`` contributions can be summed (D10)."""
    for k in range(count):  # noqa: SIM110 - compiled code has no generators
        if not abs(units[k]) <= MAX_UNITS:
            return False
    return True


def place(value: int, ascending: NDArray[np.int64]) -> int:
    """Return the index of a value in an ascending array, -1 where it is not in it."""
    low, high = 0, len(ascending)
    while low < high:
        middle = (low + high) >> 1
        if ascending[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low if low < len(ascending) and ascending[low] == value else -1
