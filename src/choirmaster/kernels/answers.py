"""Helpers of the kernels that look at all members of a row at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_UNITS = float(1 << 42)


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
