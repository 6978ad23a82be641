"""``intake/1``: how rows arrived: how many, and how many with a wrong id, time, order or type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from choirmaster.states.base import Ints, Part, State

OF_ROWS = ("repeated", "conflicting", "future", "backwards")
OF_CELLS = ("mistyped",)


@dataclass(frozen=True, eq=False)
class IntakePart(Part):
    """Which flags are counted.

    Attributes
    ----------
    flags : tuple of str
        ``OF_ROWS``, or for the cells of one feature ``OF_CELLS``.
    """

    flags: tuple[str, ...]
    kind = "intake/1"

    @property
    def cells(self) -> int:
        """Rows; for each flag the rows that do not have it, and those that do."""
        return 1 + 2 * len(self.flags)

    def payload(self) -> bytes:
        return ",".join(self.flags).encode()


INTAKE, CELLS = IntakePart(OF_ROWS), IntakePart(OF_CELLS)


class Intake(State):
    """Counts of rows by what is wrong with how they arrived."""

    kind = "intake/1"
    part: IntakePart

    @property
    def rows(self) -> int:
        """All rows."""
        return int(self.counts[0])

    def note(self, flag: str, without: int, having: int) -> None:
        """Add rows that were looked at for one flag, apart from the rows themselves."""
        at = 1 + 2 * self.part.flags.index(flag)
        counts = np.zeros(self.part.cells, np.int64)
        counts[at : at + 2] = without, having
        self.add(counts, np.empty(0, np.int64))

    def flagged(self, flag: str) -> tuple[int, int]:
        """Return the rows that have a flag, and the rows that were looked at for it."""
        at = 1 + 2 * self.part.flags.index(flag)
        return int(self.counts[at + 1]), int(self.counts[at] + self.counts[at + 1])

    def update(self, *flags: Ints) -> None:
        """Add rows: for each flag of the part 1 where a row has it, 0 where not, -1 where nobody looked."""
        group = np.zeros(len(flags[0]), np.int64)
        self.add(
            count_intake(self.part, dict(zip(self.part.flags, flags, strict=True)), group, 1)[0], np.empty(0, np.int64)
        )


def count_intake(part: IntakePart, flags: dict[str, Ints], group: Ints, groups: int) -> Ints:
    """Count rows and flags; one row for each group. A flag that is absent was not looked at."""
    out = np.zeros((groups, part.cells), np.int64)
    taken = group >= 0
    here = group[taken]
    out[:, 0] = np.bincount(here, minlength=groups)
    for name, values in flags.items():
        at = 1 + 2 * part.flags.index(name)
        found = np.bincount(3 * here + values[taken] + 1, minlength=3 * groups).reshape(groups, 3)
        out[:, at : at + 2] = found[:, 1:]
    return out
