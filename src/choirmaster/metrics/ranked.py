"""Labelled rows in the order of their scores: what every metric of ``scores/1`` reads, off bins or off rows themselves.

The top share of rows is cut somewhere inside a bin, or among rows of one score. Rows of one score count in proportion:
that is their mean over every order among them. Inside a bin of several scores the order is unknown; the same proportion
gives the number, and the two extreme orders give the bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from choirmaster.drift.cells import quantile_cells
from choirmaster.errors import ShapeMismatch
from choirmaster.states.base import Floats, Ints
from choirmaster.states.bins import single_valued
from choirmaster.states.scores import ScorePart, Scores
from choirmaster.values import Kind, Reason, Value, undefined

PARTS_KEPT = 1024
PER_MILLE = 1000  # shares of rows are whole parts of a thousand, so that a cut is found without rounding
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ranked:
    """Counts of labelled, scored rows over the ascending bins that hold any.

    Attributes
    ----------
    positives, negatives : ndarray of int64 (bins,)
    single : ndarray of bool (bins,)
        Bins of one score: true ties.
    low, high : ndarray (bins,)
        The least score of the bin, and the least above it; equal to the score where single.
    cells : ndarray of int64 (bins,)
        One of ten cells of equal mass in the reference (``drift.cells.quantile_cells``).
    rows, labelled : int
        All rows, and those with a label, scored or not.
    """

    positives: Ints
    negatives: Ints
    single: Bools
    low: Floats
    high: Floats
    cells: Ints
    rows: int
    labelled: int

    @cached_property
    def m(self) -> int:
        """Positive rows."""
        return int(self.positives.sum())

    @cached_property
    def n(self) -> int:
        """Labelled, scored rows."""
        return self.m + int(self.negatives.sum())

    @cached_property
    def both(self) -> Ints:
        """Rows of each bin."""
        return self.positives + self.negatives


def ranked(source: Scores | Ranked) -> Ranked:
    """Return the ranked counts of a state; ranked counts pass through."""
    return source if isinstance(source, Ranked) else source.once("ranked", _of_state)


def _of_state(source: Scores) -> Ranked:
    positives, negatives = source.positives, source.negatives
    used = np.flatnonzero(positives + negatives)
    bins = _bins(source.part)
    return Ranked(
        positives[used], negatives[used], bins.single[used], bins.low[used], bins.high[used], bins.cells[used],
        int(source.table.sum()), int(source.table[:2].sum()),
    )  # fmt: skip


def ranked_rows(y_true: Ints, y_score: Floats, part: ScorePart | None = None) -> Ranked:
    """Return the ranked counts of rows themselves, where each distinct score is a bin of its own.

    Parameters
    ----------
    y_true : ndarray (n,)
        1 positive, 0 negative, anything else: no label.
    y_score : ndarray (n,)
        What is not in [0, 1] is a row without a score; any finite score where there is no ``part``.
    part : ScorePart or None
        Where the ten cells lie; without it they are of equal mass in the rows.

    Examples
    --------
    >>> found = ranked_rows(np.array([0, 1, 1]), np.array([0.2, 0.2, 0.7]))
    >>> found.positives.tolist(), found.negatives.tolist()
    ([1, 1], [1, 0])
    """
    if y_true.shape != y_score.shape or y_true.ndim != 1:
        raise ShapeMismatch("labels and scores do not fit", expected=str(y_true.shape), got=str(y_score.shape))
    labelled = (y_true == 0) | (y_true == 1)
    scored = np.isfinite(y_score)
    if part is not None:
        with np.errstate(invalid="ignore"):
            scored &= (y_score >= 0.0) & (y_score <= 1.0)
    used = labelled & scored
    y, scores = np.asarray(y_true)[used] == 1, np.asarray(y_score, dtype=np.float64)[used]
    values, codes = np.unique(scores + 0.0, return_inverse=True)  # -0.0 and 0.0 are one value
    k = len(values)
    positives = np.bincount(codes[y], minlength=k).astype(np.int64)
    negatives = np.bincount(codes[~y], minlength=k).astype(np.int64)
    cells = _cells(values, positives + negatives, part)
    single = np.ones(k, np.bool_)
    return Ranked(positives, negatives, single, values, values, cells, len(y_true), int(labelled.sum()))


def nothing(counts: Ranked, *, kind: Kind = Kind.REALIZED) -> Value | None:
    """Return why nothing can be read off, or None."""
    if not counts.rows:
        return undefined(Reason.NO_ROWS, kind=kind)
    if not counts.labelled:
        return undefined(Reason.NO_LABELS, kind=kind)
    if not counts.n:
        return undefined(Reason.ALL_MISSING, kind=kind, detail="no labelled row has a score")
    return None


def one_class(counts: Ranked) -> Value | None:
    """Return why nothing can be read off that needs both classes, or None."""
    empty = nothing(counts)
    if empty is None and not 0 < counts.m < counts.n:
        return undefined(Reason.ONE_CLASS_ONLY, kind=Kind.REALIZED, n=counts.n)
    return empty


def no_positives(counts: Ranked) -> Value | None:
    """Return why nothing can be read off that needs a positive row, or None."""
    empty = nothing(counts)
    if empty is None and not counts.m:
        return undefined(Reason.NO_POSITIVES, kind=Kind.REALIZED, n=counts.n)
    return empty


class Cut(NamedTuple):
    """Where the top rows end.

    ``border``: the bin in which they do; ``taken``: rows of it above the cut, in (0, ``rows``], where ``rows`` are all
    of it; ``size``: rows above the cut in all.
    """

    border: int
    taken: float
    rows: int
    size: float


class Above(NamedTuple):
    """What lies above a cut: the number, and what it is at least and at most."""

    number: float
    least: float
    most: float

    @property
    def resolution(self) -> float:
        """How far the true one can lie from the number."""
        return max(self.number - self.least, self.most - self.number, 0.0)


def top(rows: Ints, per_mille: int) -> Cut:
    """Return where the top share of rows ends.

    Parameters
    ----------
    rows : ndarray of int64 (bins,)
        Rows over ascending bins, at least one.
    per_mille : int
        The share in parts of a thousand; ``share * rows`` need not be whole.

    Examples
    --------
    >>> top(np.array([6, 3, 1]), 200)
    Cut(border=1, taken=1.0, rows=3, size=2.0)
    """
    return _cut(rows, per_mille * int(rows.sum()))


def top_rows(rows: Ints, size: float) -> Cut:
    """Return where the top ``size`` rows end; at least a thousandth of a row, at most all."""
    return _cut(rows, int(min(max(round(size * PER_MILLE), 1), PER_MILLE * int(rows.sum()))))


def _cut(rows: Ints, thousandths: int) -> Cut:
    from_top = np.cumsum(rows[::-1]) * PER_MILLE
    at = int(np.searchsorted(from_top, thousandths, side="left"))
    border = len(rows) - 1 - at
    size = int(rows[border])
    return Cut(border, (thousandths - int(from_top[at]) + size * PER_MILLE) / PER_MILLE, size, thousandths / PER_MILLE)


def hits_above(counts: Ints, cut: Cut, single: Bools) -> Above:
    """Return how many rows of a kind, given by their counts over the bins, lie above the cut.

    Of the border bin's ``a`` such rows and ``b`` others, ``r`` taken: the number takes ``r a / (a + b)``; the truth
    lies in [max(0, r - b), min(r, a)], and in a bin of one score it is the number.

    Examples
    --------
    >>> rows = np.array([6, 4])
    >>> hits_above(np.array([1, 2]), top(rows, 300), np.array([False, False]))
    Above(number=1.5, least=1.0, most=2.0)
    """
    whole, a = float(counts[cut.border + 1 :].sum()), float(counts[cut.border])
    number = whole + cut.taken * a / cut.rows
    if single[cut.border] or cut.taken >= cut.rows:
        return Above(number, number, number)
    return Above(number, whole + max(0.0, cut.taken - (cut.rows - a)), whole + min(cut.taken, a))


def amount_above(amounts: Floats, cut: Cut, single: Bools) -> Above:
    """Return what a non-negative amount adds up to above the cut: any part of the border bin's may be there.

    Examples
    --------
    >>> amount_above(np.array([1.0, 8.0]), top(np.array([6, 4]), 300), np.array([False, False]))
    Above(number=6.0, least=0.0, most=8.0)
    """
    whole, border = float(amounts[cut.border + 1 :].sum()), float(amounts[cut.border])
    number = whole + border * (cut.taken / cut.rows)
    if single[cut.border] or cut.taken >= cut.rows:
        return Above(number, number, number)
    return Above(number, whole, whole + border)


class _Bins(NamedTuple):
    """What follows from a part alone, so that every window shares it."""

    single: Bools
    low: Floats
    high: Floats
    cells: Ints


@lru_cache(maxsize=PARTS_KEPT)
def _bins(part: ScorePart) -> _Bins:
    edges = part.edges
    single = single_valued(edges)
    scored = part.reference[:, 1 : len(edges)].sum(axis=0)
    cells = quantile_cells(scored if scored.any() else np.ones_like(scored))
    return _Bins(single, edges[:-1], np.where(single, edges[:-1], edges[1:]), cells)


def _cells(values: Floats, rows: Ints, part: ScorePart | None) -> Ints:
    if not len(values):
        return np.empty(0, np.int64)
    if part is None:
        return quantile_cells(rows)
    return _bins(part).cells[np.searchsorted(part.edges, values, side="right") - 1]
