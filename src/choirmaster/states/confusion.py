"""``confusion/1``: what was said against what was so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from choirmaster.states.base import Floats, Ints, Part, State


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
    """

    classes: tuple[str, ...]
    positive: int = -1
    cutoff: float = float("nan")
    kind = "confusion/1"

    @property
    def cells(self) -> int:
        """(classes + unknown label + no label) x (classes + no answer)."""
        return (len(self.classes) + 2) * (len(self.classes) + 1)

    def payload(self) -> bytes:
        names = b"".join(len(one.encode()).to_bytes(4, "little") + one.encode() for one in self.classes)
        return names + self.positive.to_bytes(4, "little", signed=True) + np.float64(self.cutoff).tobytes()

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
    """Counts of (label, predicted class), rows without label or answer included."""

    kind = "confusion/1"
    part: ConfusionPart

    @property
    def table(self) -> Ints:
        """All cells: labels (classes, unknown, none) by predictions (classes, none)."""
        k = len(self.part.classes)
        return self.counts.reshape(k + 2, k + 1)

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
        return int(self.counts.sum())

    def update(self, actual: Ints, predicted: Ints) -> None:
        """Add rows: label codes (K unknown, K + 1 none) and predicted codes (K none)."""
        self.add(
            count_pairs(self.part, actual, predicted, np.zeros(len(actual), np.int64), 1)[0], np.empty(0, np.int64)
        )


def count_pairs(part: ConfusionPart, actual: Ints, predicted: Ints, group: Ints, groups: int) -> Ints:
    """Count (label, prediction) pairs, one row for each group; negative groups are skipped."""
    taken = group >= 0
    width = len(part.classes) + 1
    flat = group[taken] * part.cells + actual[taken] * width + predicted[taken]
    return np.bincount(flat, minlength=groups * part.cells).astype(np.int64).reshape(groups, part.cells)
