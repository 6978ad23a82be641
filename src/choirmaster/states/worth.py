"""The declared value (money) of rows, summed beside the counts in fixed point."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from choirmaster.kernels.locate import read_only
from choirmaster.kernels.table import Kernels
from choirmaster.states.base import Floats, Ints, per_unit, refuse_too_many


class Worth(NamedTuple):
    """The value of some rows.

    Attributes
    ----------
    rows : int
        All of them.
    unusable : int
        Rows without a value, or with a negative or not finite one; they are in no sum.
    clipped, clipped_squares : int
        Rows whose value, or whose square of it, lies beyond the range of its sum.
    total, squares : float
        Sums of the value and of its square.
    """

    rows: int
    unusable: int
    clipped: int
    clipped_squares: int
    total: float
    squares: float

    @property
    def n(self) -> int:
        """Rows with a usable value."""
        return self.rows - self.unusable


def sum_values(
    value: Floats, cell: Ints, place: Ints, group: Ints, exponent: int, faults: Ints, sums: Ints, kernels: Kernels
) -> None:
    """Add the values of at most 2^20 rows to ``sums`` and their faults to ``faults`` (see the kernel)."""
    refuse_too_many(len(value))
    squares = per_unit(2 * exponent) if sums.shape[1] > 1 else 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        kernels.value_sums(*map(read_only, (value, cell, place, group)), per_unit(exponent), squares, faults, sums)
