"""``agreement/1``: who votes as whom, and who is right with whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from choirmaster.kernels.locate import read_only
from choirmaster.kernels.table import PLAIN, Kernels
from choirmaster.states.base import Ints, Part, State, per_unit, refuse_too_many, slices

PAIR = 7
BOTH_RIGHT, ONLY_FIRST, ONLY_SECOND, BOTH_WRONG_SAME, BOTH_WRONG_APART, UNLABELLED_SAME, UNLABELLED_APART = range(PAIR)
SHARE, SHARE_SQUARED = range(2)


@dataclass(frozen=True, eq=False)
class AgreementPart(Part):
    """The members, and the classes they decide among (their number; what decides is in ``confusion/1``).

    Attributes
    ----------
    members : tuple of str
    classes : tuple of str
    cutoffs : tuple of float
        From which score each member says positive; NaN where a class is answered or the greatest score wins.
    """

    members: tuple[str, ...]
    classes: tuple[str, ...]
    cutoffs: tuple[float, ...]
    kind = "agreement/1"

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """All pairs of members, in the order of their cells."""
        m = len(self.members)
        return [(i, j) for i in range(m) for j in range(i + 1, m)]

    @property
    def cells(self) -> int:
        """7 for each pair; votes by (answers, largest vote), with and without label; right ones by answers; silence."""
        m = len(self.members)
        return PAIR * (m * (m - 1) // 2) + m * (m + 1) + m * (m + 3) // 2 + 1

    @property
    def exponents(self) -> tuple[int, ...]:
        return (0, 0)

    def payload(self) -> bytes:
        names = [*self.members, *self.classes]
        text = b"".join(len(one.encode()).to_bytes(4, "little") + one.encode() for one in names)
        head = len(self.members).to_bytes(4, "little") + len(self.classes).to_bytes(4, "little")
        return head + text + np.array(self.cutoffs, np.float64).tobytes()


class Agreement(State):
    """Counts of equal and different, right and wrong votes, and the sum of the rows' shares of unequal pairs."""

    kind = "agreement/1"
    part: AgreementPart

    @property
    def tables(self) -> Ints:
        """(pairs, 7) counts, in the order of ``BOTH_RIGHT`` to ``UNLABELLED_APART``."""
        return self.counts[: PAIR * len(self.part.pairs)].reshape(-1, PAIR)

    @property
    def patterns(self) -> Ints:
        """(m (m + 1) / 2, 2): rows with and without label by (answers, largest vote): (1, 1), (2, 1), (2, 2), ..."""
        m, at = len(self.part.members), PAIR * len(self.part.pairs)
        return self.counts[at : at + m * (m + 1)].reshape(-1, 2)

    @property
    def right(self) -> Ints:
        """(m (m + 3) / 2,): labelled rows by (answers k, right ones r): (1, 0), (1, 1), (2, 0), ..."""
        return self.counts[-1 - len(self.part.members) * (len(self.part.members) + 3) // 2 : -1]

    @property
    def silent(self) -> int:
        """Rows that nobody answered."""
        return int(self.counts[-1])

    def update(self, said: Ints, label: Ints, kernels: Kernels = PLAIN) -> None:
        """Add rows: (n, members) class indices and (n,) label indices; the number of classes or more for none."""
        for piece in slices(len(said)):
            group = np.zeros(len(said[piece]), np.int64)
            counts, units = count_votes(self.part, said[piece], label[piece], group, 1, kernels)
            self.add(counts[0], units[0])


def vote_sizes(members: int) -> tuple[Ints, Ints]:
    """Return for each vote pattern how many answered, and how many gave the answer most often given.

    >>> [one.tolist() for one in vote_sizes(2)]
    [[1, 2, 2], [1, 1, 2]]
    """
    answered = np.concatenate([np.full(k, k) for k in range(1, members + 1)])
    largest = np.concatenate([np.arange(1, k + 1) for k in range(1, members + 1)])
    return answered.astype(np.int64), largest.astype(np.int64)


def right_sizes(members: int) -> tuple[Ints, Ints]:
    """Return for each count of right answers how many answered, and how many were right.

    >>> [one.tolist() for one in right_sizes(1)]
    [[1, 1], [0, 1]]
    """
    answered = np.concatenate([np.full(k + 1, k) for k in range(1, members + 1)])
    right = np.concatenate([np.arange(k + 1) for k in range(1, members + 1)])
    return answered.astype(np.int64), right.astype(np.int64)


def count_votes(
    part: AgreementPart, said: Ints, label: Ints, group: Ints, groups: int, kernels: Kernels
) -> tuple[Ints, Ints]:
    """Scan at most 2^20 rows; one row of counts and units for each group."""
    refuse_too_many(len(said))
    counts = np.zeros((groups, part.cells), np.int64)
    units = np.zeros((groups, 2), np.int64)
    kernels.votes(read_only(np.ascontiguousarray(said)), read_only(label), len(part.classes), read_only(group),
                  per_unit(0), counts, units)  # fmt: skip
    return counts, units
