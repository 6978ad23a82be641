"""``histogram/1``: how the rows of one feature fall over the reference's bins or categories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from choirmaster.kernels.locate import Grid, grid, read_only
from choirmaster.kernels.table import PLAIN, Kernels
from choirmaster.states.base import Floats, Ints, Part, State, per_unit, refuse_too_many, slices
from choirmaster.states.bins import count_cells, feature_edges, scale_exponent


@dataclass(frozen=True, eq=False)
class NumericPart(Part):
    """Edges and counts of a numeric feature in the reference.

    Attributes
    ----------
    edges : ndarray (m,)
        Ascending; bins are ``[edges[j], edges[j + 1])``. First is the least value, last just above the greatest.
    reference : ndarray of int64 (m + 4,)
        The reference's own counts, in the order of a state's cells.
    exponent : int
        Scale 2^exponent of the two tail sums.
    deviation : float
        Standard deviation of the reference's finite values, for what is told in units of it; no part of the id.
    """

    edges: Floats
    reference: Ints
    exponent: int
    deviation: float = float("nan")
    kind = "histogram/1"

    @property
    def cells(self) -> int:
        return len(self.edges) + 4

    @property
    def exponents(self) -> tuple[int, ...]:
        return (self.exponent, self.exponent)

    def payload(self) -> bytes:
        return (
            b"numeric"
            + self.exponent.to_bytes(4, "little", signed=True)
            + self.edges.tobytes()
            + self.reference.tobytes()
        )

    @cached_property
    def grid(self) -> Grid:
        """The look-up grid of the edges."""
        return grid(self.edges)


@dataclass(frozen=True, eq=False)
class CategoryPart(Part):
    """Categories and counts of a categorical feature in the reference."""

    categories: tuple[str, ...]
    reference: Ints
    kind = "histogram/1"

    @property
    def cells(self) -> int:
        """Each category, then unseen, then missing."""
        return len(self.categories) + 2

    def payload(self) -> bytes:
        names = b"".join(len(one.encode()).to_bytes(4, "little") + one.encode() for one in self.categories)
        return b"categorical" + names + self.reference.tobytes()


def numeric_part(x: Floats, *, exact: bool = False) -> NumericPart:
    """Build the part of a numeric column of the reference; NaN is missing."""
    edges = feature_edges(x, exact=exact)
    missing, infinite = int(np.isnan(x).sum()), int(np.isinf(x).sum())
    counts = np.concatenate([count_cells(x, edges), [missing, infinite, 0]]).astype(np.int64)
    finite = x[np.isfinite(x)]
    with np.errstate(over="ignore", invalid="ignore"):
        deviation = float(finite.std()) if len(finite) else float("nan")
    return NumericPart(edges, counts, scale_exponent(x), deviation)


def category_part(counts: dict[str, int], missing: int) -> CategoryPart:
    """Build the part of a categorical column of the reference from its value counts."""
    names = tuple(sorted(counts))
    return CategoryPart(names, np.array([*(counts[one] for one in names), 0, missing], dtype=np.int64))


class Histogram(State):
    """Counts over the reference's cells, and for numeric features the two tail sums."""

    kind = "histogram/1"
    part: NumericPart | CategoryPart

    @property
    def numeric(self) -> bool:
        """Whether the feature is numeric."""
        return isinstance(self.part, NumericPart)

    @property
    def inside(self) -> Ints:
        """Counts of the present, finite rows: below, bins, above; or each category, then unseen."""
        return self.counts[:-3] if self.numeric else self.counts[:-1]

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return int(self.counts[-3 if self.numeric else -1])

    @property
    def not_finite(self) -> int:
        """Rows whose value is infinite."""
        return int(self.counts[-2]) if self.numeric else 0

    @property
    def unseen(self) -> int:
        """Rows whose category the reference does not know."""
        return 0 if self.numeric else int(self.counts[-2])

    @property
    def rows(self) -> int:
        """All rows, missing ones included."""
        return int(self.counts[:-1].sum()) if self.numeric else int(self.counts.sum())

    def update(self, column: Floats | Ints, kernels: Kernels = PLAIN) -> None:
        """Add rows: floats with NaN for missing, or category codes (see :func:`count_codes`)."""
        if isinstance(self.part, NumericPart):
            for piece in slices(len(column)):
                x = column[piece]
                cells, tails = count_numeric(self.part, x, np.zeros(len(x), np.int64), 1, kernels)[:2]
                self.add(cells[0], tails[0])
        else:
            group = np.zeros(len(column), np.int64)
            self.add(count_codes(self.part, np.asarray(column, np.int64), group, 1)[0], np.empty(0, np.int64))


def reference_histogram(part: NumericPart | CategoryPart) -> Histogram:
    """Return the state of the reference's own rows."""
    state = Histogram.zero(part)
    state.counts = part.reference.copy()
    return state


def count_numeric(
    part: NumericPart, x: Floats | Ints, group: Ints, groups: int, kernels: Kernels, exponent: int | None = None
) -> tuple[Ints, Ints, Ints, Ints]:
    """Scan at most 2^20 numbers once: cells and tails, moment counts and sums; one row for each group."""
    refuse_too_many(len(x))
    out = [np.zeros((groups, width), np.int64) for width in (part.cells, 2, 3, 2)]
    if len(part.edges):
        scale = part.exponent if exponent is None else exponent
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            kernels.numeric(read_only(x), read_only(group), *part.grid, per_unit(scale), per_unit(2 * scale), *out)
    else:  # the reference has no finite value: all that is counted is present or missing
        taken = group >= 0
        kinds = np.where(np.isnan(x), 1, np.where(np.isinf(x), 2, 0))[taken]
        out[0][:, :3] = np.bincount(group[taken] * 3 + kinds, minlength=3 * groups).reshape(groups, 3)
    return out[0], out[1], out[2], out[3]


def count_codes(part: CategoryPart, codes: Ints, group: Ints, groups: int) -> Ints:
    """Count category codes: the category's index, ``len(categories)`` for unseen, one more for missing."""
    taken = group >= 0
    flat = np.bincount(group[taken] * part.cells + codes[taken], minlength=groups * part.cells)
    return flat.astype(np.int64).reshape(groups, part.cells)
