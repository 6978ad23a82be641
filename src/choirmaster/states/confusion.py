"""``confusion/1``: what was said against what was so, and the value (money) at stake in each case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from choirmaster.kernels.table import PLAIN, Kernels
from choirmaster.states.base import Floats, Ints, Part, State, slices
from choirmaster.states.worth import Worth, sum_values

_FOUR = np.arange(4)  # of each pair: rows, no usable value, clipped values, clipped squares


@dataclass(frozen=True, eq=False)
class ConfusionPart(Part):
    """Class names in order, and for a binary score the cutoff.

    Attributes
    ----------
    classes : tuple of str
    positive : int
        Index of the positive class, -1 where none is declared.
    cutoff : float
        A binary score at or above it is positive. NaN where classes are predicted directly or by the greatest score.
    value_exponent : int or None
        The scale 2^exponent of the declared value column, which is then summed beside each count; None without one.
    costs : tuple of float
        What each case costs, row by row: true class by predicted class; empty where none are declared. They change
        what is read off the counts and not what is counted, so they are no part of the part's identity.
    """

    classes: tuple[str, ...]
    positive: int = -1
    cutoff: float = float("nan")
    value_exponent: int | None = None
    costs: tuple[float, ...] = ()
    kind = "confusion/1"

    @property
    def pairs(self) -> int:
        """(classes + unknown label + no label) x (classes + no answer)."""
        return (len(self.classes) + 2) * (len(self.classes) + 1)

    @property
    def cells(self) -> int:
        """The pairs; with a value, for each of them also: rows without a usable value, clipped, clipped squares."""
        return self.pairs if self.value_exponent is None else 4 * self.pairs

    @cached_property
    def exponents(self) -> tuple[int, ...]:
        """The value of each pair, then its squares."""
        if self.value_exponent is None:
            return ()
        return (self.value_exponent,) * self.pairs + (2 * self.value_exponent,) * self.pairs

    def payload(self) -> bytes:
        names = b"".join(len(one.encode()).to_bytes(4, "little") + one.encode() for one in self.classes)
        plain = names + self.positive.to_bytes(4, "little", signed=True) + np.float64(self.cutoff).tobytes()
        if self.value_exponent is None:
            return plain
        return plain + b"value" + self.value_exponent.to_bytes(4, "little", signed=True)

    def decide(self, p: Floats) -> Ints:
        """Return predicted class codes; ``len(classes)`` where a number is missing or not a probability.

        ``p`` is (n, 1), the probability of the positive class of two, or (n, classes): then the greatest wins, the
        first of equals.
        """
        k = len(self.classes)
        with np.errstate(invalid="ignore"):
            usable = np.asarray(((p >= 0.0) & (p <= 1.0)).all(axis=1))
            if p.shape[1] == 1:
                codes = np.where(p[:, 0] >= self.cutoff, self.positive, 1 - self.positive)
            else:
                codes = np.argmax(np.where(usable[:, None], p, 0.0), axis=1)
        return np.where(usable, codes, k).astype(np.int64)


class Confusion(State):
    """Counts of (label, predicted class), rows without label or answer included; with a value, its sums as well."""

    kind = "confusion/1"
    part: ConfusionPart

    @property
    def table(self) -> Ints:
        """All cells: labels (classes, unknown, none) by predictions (classes, none)."""
        k = len(self.part.classes)
        return self.counts[: self.part.pairs].reshape(k + 2, k + 1)

    @property
    def matrix(self) -> Ints:
        """(K, K): rows with a known label and an answer; true class by predicted class."""
        k = len(self.part.classes)
        return self.table[:k, :k]

    @property
    def labelled(self) -> int:
        """Rows with a known label."""
        return int(self.table[: len(self.part.classes)].sum())

    @property
    def unlabelled(self) -> int:
        """Rows whose label has not arrived."""
        return int(self.table[-1].sum())

    @property
    def rows(self) -> int:
        """All rows."""
        return int(self.counts[: self.part.pairs].sum())

    @property
    def valued(self) -> bool:
        """Whether a value is summed beside the counts."""
        return self.part.value_exponent is not None

    def worth(self, pairs: Sequence[int]) -> Worth:
        """Return the value of some pairs together; a pair is (label code) x (classes + 1) + (predicted code)."""
        places = np.asarray(pairs, np.int64)
        size = self.part.pairs
        rows, unusable, clipped, squares = self.counts[np.add.outer(size * _FOUR, places)].sum(axis=1).tolist()
        return Worth(rows, unusable, clipped, squares, self.joint(pairs), self.joint([one + size for one in pairs]))

    def update(self, actual: Ints, predicted: Ints, value: Floats | None = None, kernels: Kernels = PLAIN) -> None:
        """Add rows: label codes (K unknown, K + 1 none), predicted codes (K none), and their value where declared."""
        value = np.full(len(actual), np.nan) if value is None else value
        for piece in slices(len(actual)):
            group = np.zeros(len(actual[piece]), np.int64)
            counts, units = count_worth(self.part, actual[piece], predicted[piece], value[piece], group, 1, kernels)
            self.add(counts[0], units[0])


def count_worth(
    part: ConfusionPart, actual: Ints, predicted: Ints, value: Floats, group: Ints, groups: int, kernels: Kernels
) -> tuple[Ints, Ints]:
    """Count at most 2^20 pairs and sum their value where the part has one; one row for each group."""
    counts = count_pairs(part, actual, predicted, group, groups)
    if part.value_exponent is None:
        return counts, np.empty((groups, 0), np.int64)
    pair = actual * (len(part.classes) + 1) + predicted
    faults, sums = np.zeros((groups, 3, part.pairs), np.int64), np.zeros((groups, 2, part.pairs), np.int64)
    sum_values(value, pair, pair, group, part.value_exponent, faults, sums, kernels)
    return np.concatenate([counts, faults.reshape(groups, -1)], axis=1), sums.reshape(groups, -1)


def count_pairs(part: ConfusionPart, actual: Ints, predicted: Ints, group: Ints, groups: int) -> Ints:
    """Count (label, prediction) pairs, one row for each group; negative groups are skipped."""
    taken = group >= 0
    width = len(part.classes) + 1
    flat = group[taken] * part.pairs + actual[taken] * width + predicted[taken]
    return np.bincount(flat, minlength=groups * part.pairs).astype(np.int64).reshape(groups, part.pairs)
