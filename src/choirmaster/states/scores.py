"""``scores/1``: how the scores for one class fall over fixed bins, by label."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from choirmaster.kernels.locate import Grid, grid, read_only
from choirmaster.kernels.table import PLAIN, Kernels
from choirmaster.states.base import Floats, Ints, Part, State
from choirmaster.states.bins import count_cells, score_edges

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
    """

    edges: Floats
    reference: Ints
    kind = "scores/1"

    @property
    def width(self) -> int:
        """Cells for each label."""
        return len(self.edges) + 3

    @property
    def cells(self) -> int:
        return 3 * self.width

    def payload(self) -> bytes:
        return self.edges.tobytes() + np.ascontiguousarray(self.reference).tobytes()

    @cached_property
    def grid(self) -> Grid:
        """The look-up grid of the edges."""
        return grid(self.edges, 65_536)


def score_part(p: Floats, y: Ints, cutoffs: tuple[float, ...] = ()) -> ScorePart:
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
    return ScorePart(edges, counts)


class Scores(State):
    """Counts over score bins for negative, positive and pending rows."""

    kind = "scores/1"
    part: ScorePart

    @property
    def table(self) -> Ints:
        """(3, m + 3): negative, positive, no label by below, bins, above, no answer, not a probability."""
        return self.counts.reshape(3, self.part.width)

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
        out: Ints = self.bins.sum(axis=0)
        return out

    def update(self, p: Floats, y: Ints, kernels: Kernels = PLAIN) -> None:
        """Add rows: scores with NaN for no answer, labels 0, 1 or 2 for none."""
        self.add(count_scores(self.part, p, y, np.zeros(len(p), np.int64), 1, kernels)[0], np.empty(0, np.int64))


def reference_scores(part: ScorePart) -> Scores:
    """Return the state of the reference's own rows."""
    state = Scores.zero(part)
    state.counts = part.reference.reshape(-1).copy()
    return state


def count_scores(part: ScorePart, p: Floats, y: Ints, group: Ints, groups: int, kernels: Kernels) -> Ints:
    """Scan a score column; one row for each group."""
    cells = np.zeros((groups, 3, part.width), np.int64)
    kernels.scores(read_only(p), read_only(y), read_only(group), *part.grid, cells)
    return cells.reshape(groups, part.cells)
