"""``rowscore/1``: a score of each row by a model that was fitted on the reference: its reconstruction error."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from choirmaster.kernels.locate import Grid, grid, read_only
from choirmaster.kernels.table import PLAIN, Kernels
from choirmaster.states.base import Floats, Ints, Part, State, per_unit, refuse_too_many, slices

ERROR, ERROR_SQUARED = range(2)


@dataclass(frozen=True, eq=False)
class RowScorePart(Part):
    """Principal components of the reference's features, and bins of the errors they leave.

    Attributes
    ----------
    numeric, categorical : tuple of str
        Features that vary in the reference, together the p columns.
    categories : tuple of str
        Known categories of the categorical features, one feature after the other; ``sizes`` (categorical,) says how
        many each has.
    shares : ndarray (categories,)
        How often each occurs: the number that stands for it. Any other category is 0.
    mean, deviation : ndarray (p,)
        Of the columns.
    basis : ndarray (p, r)
        Orthonormal directions that the components do not span; none where fewer than two features vary.
    edges : ndarray (m,)
        Bins of the error, as those of a numeric feature.
    reach : int
        Errors up to 2^reach are summed.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    categories: tuple[str, ...]
    sizes: Ints
    shares: Floats
    mean: Floats
    deviation: Floats
    basis: Floats
    edges: Floats
    reach: int
    kind = "rowscore/1"

    @property
    def cells(self) -> int:
        """Below, bins, above, without an error, beyond every number, clipped."""
        return len(self.edges) + 4

    @property
    def exponents(self) -> tuple[int, ...]:
        return (self.reach - 2, 2 * self.reach - 2)

    @property
    def fitted(self) -> bool:
        """Whether there is a direction to measure along."""
        return self.basis.size > 0

    @cached_property
    def grid(self) -> Grid:
        """The look-up grid of the edges."""
        return grid(self.edges)

    @cached_property
    def inverse(self) -> Floats:
        """What a distance from the mean is multiplied by."""
        out: Floats = 1.0 / self.deviation
        return out

    def of_category(self, feature: str) -> tuple[tuple[str, ...], Floats]:
        """Return the known categories of a feature and their shares."""
        at = self.categorical.index(feature)
        first = int(self.sizes[:at].sum())
        inside = slice(first, first + int(self.sizes[at]))
        return self.categories[inside], self.shares[inside]

    def payload(self) -> bytes:
        arrays = (self.sizes, self.shares, self.mean, self.deviation, self.basis, self.edges)
        pieces = [_names(one) for one in (self.numeric, self.categorical, self.categories)]
        pieces += [len(one.reshape(-1)).to_bytes(4, "little") + np.ascontiguousarray(one).tobytes() for one in arrays]
        return b"".join(pieces) + self.reach.to_bytes(4, "little", signed=True)


def _names(names: tuple[str, ...]) -> bytes:
    texts = [one.encode() for one in names]
    return len(texts).to_bytes(4, "little") + b"".join(len(one).to_bytes(4, "little") + one for one in texts)


class RowScores(State):
    """Counts of the rows' errors over the reference's bins, and the sums of the errors and of their squares."""

    kind = "rowscore/1"
    part: RowScorePart

    @property
    def inside(self) -> Ints:
        """Counts of the rows with an error: below, bins, above."""
        return self.counts[:-3]

    @property
    def n(self) -> int:
        """Rows with an error."""
        return int(self.inside.sum())

    @property
    def missing(self) -> int:
        """Rows without an error: none of their features is there."""
        return int(self.counts[-3])

    @property
    def clipped(self) -> int:
        """Rows whose error is too large to be summed."""
        return int(self.counts[-2] + self.counts[-1])

    @property
    def rows(self) -> int:
        """All rows."""
        return int(self.counts[:-1].sum())

    def update(self, x: Floats, kernels: Kernels = PLAIN) -> None:
        """Add rows: (n, p) features as numbers, NaN for missing."""
        self.update_scores(score_rows(self.part, np.asarray(x, np.float64), kernels), kernels)

    def update_scores(self, errors: Floats, kernels: Kernels = PLAIN) -> None:
        """Add rows whose error is known."""
        for piece in slices(len(errors)):
            some = errors[piece]
            counts, units = count_scores(self.part, some, np.zeros(len(some), np.int64), 1, kernels)
            self.add(counts[0], units[0])


def score_rows(part: RowScorePart, x: Floats, kernels: Kernels) -> Floats:
    """Return the reconstruction error of (n, p) rows; NaN for rows without any value, infinite where it overflows."""
    out = np.empty(len(x))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        kernels.reconstruction(read_only(np.ascontiguousarray(x)), read_only(part.mean), read_only(part.inverse),
                               read_only(np.ascontiguousarray(part.basis)), out)  # fmt: skip
    return out


def count_scores(part: RowScorePart, errors: Floats, group: Ints, groups: int, kernels: Kernels) -> tuple[Ints, Ints]:
    """Count at most 2^20 errors; one row for each group."""
    refuse_too_many(len(errors))
    cells, tails, counts, sums = (np.zeros((groups, width), np.int64) for width in (part.cells, 2, 3, 2))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        kernels.numeric(read_only(errors), read_only(group), *part.grid, *map(per_unit, part.exponents), cells, tails,
                        counts, sums)  # fmt: skip
    cells[:, -1] = counts[:, 2]  # as many as counts[:, 1]: 2^reach is the limit of both
    return cells, sums
