"""What every detector of change is: it takes one value after another, in order, and says when something changed."""

from __future__ import annotations

import math
from typing import Protocol


class Detector(Protocol):
    """Depends on the order of what it sees, so it has no merge: it reads a series of window values, or of rows.

    Methods
    -------
    observe(value)
        Take the next value and return whether a change is seen with it. A detector that has said so begins anew with
        the next value.
    """

    def observe(self, value: float) -> bool:
        """Take the next value; return whether a change is seen with it."""
        ...


class Running:
    """Mean and variance of what was seen, one value at a time (Welford 1962)."""

    __slots__ = ("mean", "n", "squares")

    def __init__(self) -> None:
        self.n, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, value: float) -> None:
        """Take a value."""
        self.n += 1
        away = value - self.mean
        self.mean += away / self.n
        self.squares += away * (value - self.mean)

    @property
    def deviation(self) -> float:
        """Sample standard deviation; 0 below two values."""
        return math.sqrt(self.squares / (self.n - 1)) if self.n > 1 else 0.0
