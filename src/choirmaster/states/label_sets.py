"""``label_sets/1``: of a multilabel task, how many classes each answer got wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from choirmaster.states.base import Floats, Ints, Part, State

NO_LABEL = 2  # in the place of 0 or 1


@dataclass(frozen=True, eq=False)
class LabelSetPart(Part):
    """Class names in order, and the cutoff of each: a probability at or above it says that the class is there."""

    classes: tuple[str, ...]
    cutoffs: tuple[float, ...]
    kind = "label_sets/1"

    @property
    def cells(self) -> int:
        """Labelled and answered rows by wrong classes (0 to K), labelled rows without answer, rows without label."""
        return len(self.classes) + 3

    def payload(self) -> bytes:
        names = b"".join(len(one.encode()).to_bytes(4, "little") + one.encode() for one in self.classes)
        return names + np.array(self.cutoffs, np.float64).tobytes()


class LabelSets(State):
    """Rows by how many classes are wrong."""

    kind = "label_sets/1"
    part: LabelSetPart

    @property
    def wrong(self) -> Ints:
        """(K + 1,) rows with label and answer by how many classes are wrong."""
        out: Ints = self.counts[:-2]
        return out

    @property
    def n(self) -> int:
        """Rows with label and answer."""
        return int(self.wrong.sum())

    @property
    def unanswered(self) -> int:
        """Rows with a label that lack a usable probability of some class."""
        return int(self.counts[-2])

    @property
    def rows(self) -> int:
        """All rows."""
        return int(self.counts.sum())

    def update(self, answer: Floats, label: Ints) -> None:
        """Add rows: (n, K) probabilities, and (n, K) of 1 or 0 for each class, 2 where there is no label."""
        self.add(count_sets(self.part, answer, label, np.zeros(len(answer), np.int64), 1)[0], np.empty(0, np.int64))


def count_sets(part: LabelSetPart, answer: Floats, label: Ints, group: Ints, groups: int) -> Ints:
    """Count rows by wrong classes, one row for each group; negative groups are skipped."""
    k = len(part.classes)
    with np.errstate(invalid="ignore"):
        usable = ((answer >= 0.0) & (answer <= 1.0)).all(axis=1)
        wrong = ((answer >= np.array(part.cutoffs)) != (label == 1)).sum(axis=1)
    place = np.where((label == NO_LABEL).any(axis=1), k + 2, np.where(usable, wrong, k + 1))
    taken = group >= 0
    flat = group[taken] * part.cells + place[taken]
    return np.bincount(flat, minlength=groups * part.cells).astype(np.int64).reshape(groups, part.cells)
