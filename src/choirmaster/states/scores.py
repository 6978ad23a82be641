"""``scores/1``: how the scores for one class fall over fixed bins, by label."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from choirmaster.kernels.locate import Grid, grid, read_only
from choirmaster.kernels.table import PLAIN, Kernels
from choirmaster.states.base import UNIT_BITS, Floats, Ints, Part, State, per_unit, slices
from choirmaster.states.bins import count_cells, score_edges
from choirmaster.states.worth import sum_values

NEGATIVE, POSITIVE, PENDING = 0, 1, 2


@dataclass(frozen=True, eq=False)
class ScorePart(Part):
    """Score edges of one series and class, and the reference's own counts.

    Attributes
    ----------
    edges : ndarray (m,)
        From 0 to just above 1; bin j is ``[edges[j], edges[j + 1])``.
    reference : ndarray of int64 (3, m + 3)
        Rows: negative, positive, no label. Columns: below, bins, above, no answer, not a probability.
    value_exponent : int or None
        The scale 2^exponent of the declared value column, which is then summed beside each count; None without one.
    """

    edges: Floats
    reference: Ints
    value_exponent: int | None = None
    kind = "scores/1"

    @property
    def width(self) -> int:
        """Cells for each label."""
        return len(self.edges) + 3

    @property
    def counted(self) -> int:
        """Cells of all three labels."""
        return 3 * self.width

    @property
    def cells(self) -> int:
        """The bins; with a value also, for each label: rows without a usable value, clipped values."""
        return self.counted if self.value_exponent is None else self.counted + 6

    @cached_property
    def exponents(self) -> tuple[int, ...]:
        """The value of each bin."""
        return () if self.value_exponent is None else (self.value_exponent,) * self.counted

    def payload(self) -> bytes:
        plain = self.edges.tobytes() + np.ascontiguousarray(self.reference).tobytes()
        if self.value_exponent is None:
            return plain
        return plain + b"value" + self.value_exponent.to_bytes(4, "little", signed=True)

    @cached_property
    def grid(self) -> Grid:
        """The look-up grid of the edges."""
        return grid(self.edges, 65_536)


def score_part(p: Floats, y: Ints, cutoffs: tuple[float, ...] = (), value_exponent: int | None = None) -> ScorePart:
    """Build the part from the reference's scores ``p`` (NaN: no answer) and labels ``y`` (0, 1, or 2 for none)."""
    edges = score_edges(p, cutoffs)
    width = len(edges) + 3
    with np.errstate(invalid="ignore"):
        bad = (p < 0.0) | (p > 1.0)
    counts = np.zeros((3, width), np.int64)
    for label in (NEGATIVE, POSITIVE, PENDING):
        mine = y == label
        counts[label, :-2] = count_cells(p[mine & ~bad], edges)
        counts[label, -2:] = np.isnan(p[mine]).sum(), (mine & bad).sum()
    return ScorePart(edges, counts, value_exponent)


class Scores(State):
    """Counts over score bins for negative, positive and pending rows; with a value, its sums as well."""

    kind = "scores/1"
    part: ScorePart

    @property
    def table(self) -> Ints:
        """(3, m + 3): negative, positive, no label by below, bins, above, no answer, not a probability."""
        return self.counts[: self.part.counted].reshape(3, self.part.width)

    @property
    def bins(self) -> Ints:
        """(3, m - 1): counts over the bins between the edges only."""
        return self.table[:, 1 : len(self.part.edges)]

    @property
    def negatives(self) -> Ints:
        """(m - 1,) counts of rows labelled negative."""
        out: Ints = self.bins[NEGATIVE]
        return out

    @property
    def positives(self) -> Ints:
        """(m - 1,) counts of rows labelled positive."""
        out: Ints = self.bins[POSITIVE]
        return out

    @property
    def everyone(self) -> Ints:
        """(m - 1,) counts of all scored rows, labelled or not."""
        return self.once("everyone", lambda state: state.bins.sum(axis=0))

    @property
    def valued(self) -> bool:
        """Whether a value is summed beside the counts."""
        return self.part.value_exponent is not None

    def amounts(self, label: int) -> Floats:
        """Return the value of one label's rows in each bin (m - 1,)."""
        start = label * self.part.width + 1
        words = self.sums[start : start + len(self.part.edges) - 1].astype(np.float64)
        unit = 1.0 / per_unit(self.part.value_exponent or 0)
        out: Floats = (words[:, 0] * 2.0**UNIT_BITS + words[:, 1]) * unit
        return out

    def faults(self, label: int) -> tuple[int, int]:
        """Return how many rows of one label have no usable value, and how many values are beyond the range."""
        unusable, clipped = self.counts[self.part.counted :].reshape(2, 3)[:, label].tolist()
        return unusable, clipped

    def update(self, p: Floats, y: Ints, value: Floats | None = None, kernels: Kernels = PLAIN) -> None:
        """Add rows: scores with NaN for no answer, labels 0, 1 or 2 for none, and their value where declared."""
        value = np.full(len(p), np.nan) if value is None else value
        for piece in slices(len(p)):
            group = np.zeros(len(p[piece]), np.int64)
            counts, units = score_worth(self.part, p[piece], y[piece], value[piece], group, 1, kernels)
            self.add(counts[0], units[0])


def reference_scores(part: ScorePart) -> Scores:
    """Return the state of the reference's own rows, without their value."""
    state = Scores.zero(part)
    state.counts[: part.counted] = part.reference.reshape(-1)
    return state


def count_scores(part: ScorePart, p: Floats, y: Ints, group: Ints, groups: int, kernels: Kernels) -> Ints:
    """Scan a score column; one row for each group."""
    cells = np.zeros((groups, 3, part.width), np.int64)
    kernels.scores(read_only(p), read_only(y), read_only(group), *part.grid, cells)
    return cells.reshape(groups, part.counted)


def score_worth(
    part: ScorePart, p: Floats, y: Ints, value: Floats, group: Ints, groups: int, kernels: Kernels
) -> tuple[Ints, Ints]:
    """Scan at most 2^20 scores and sum their value where the part has one; one row for each group."""
    counts = count_scores(part, p, y, group, groups, kernels)
    if part.value_exponent is None:
        return counts, np.empty((groups, 0), np.int64)
    m = len(part.edges)
    with np.errstate(invalid="ignore"):
        outside = (p < 0.0) | (p > 1.0)
    place = np.where(np.isnan(p), m + 1, np.where(outside, m + 2, np.searchsorted(part.edges, p, side="right")))
    faults, sums = np.zeros((groups, 2, 3), np.int64), np.zeros((groups, 1, part.counted), np.int64)
    sum_values(value, y * part.width + place, y, group, part.value_exponent, faults, sums, kernels)
    return np.concatenate([counts, faults.reshape(groups, -1)], axis=1), sums.reshape(groups, -1)
