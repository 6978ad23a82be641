"""Coarse cells for PSI and Jensen-Shannon: quantile groups of the reference's fine bins (D11)."""

from __future__ import annotations

import numpy as np

from choirmaster.states.base import Ints

GROUPS = 10


def quantile_cells(reference: Ints, groups: int = GROUPS) -> Ints:
    """Return the coarse cell of each fine bin.

    Bin j with c_j reference rows, after b_j rows in the bins below it, of n, goes to cell
    floor(groups (b_j + c_j / 2) / n). A bin without reference rows joins the nearest one below that has some, or, below
    them all, the first.

    Parameters
    ----------
    reference : ndarray of int64 (m,)
        Counts over ascending bins, at least one row in all.

    Examples
    --------
    >>> quantile_cells(np.array([6, 0, 1, 1, 1, 1])).tolist()
    [3, 3, 6, 7, 8, 9]
    """
    before = np.cumsum(reference) - reference
    place = (groups * (2 * before + reference)) // (2 * int(reference.sum()))
    used = np.where(reference > 0, place, -1)
    filled = np.maximum.accumulate(used)
    return np.where(filled < 0, used[np.flatnonzero(used >= 0)[0]], filled).astype(np.int64)


def join_ends(cells: Ints) -> Ints:
    """Give ``below`` and ``above`` the cells of the first and the last bin between them.

    >>> join_ends(np.array([0, 4])).tolist()
    [0, 0, 4, 4]
    """
    return np.concatenate([cells[:1], cells, cells[-1:]])


def pour(counts: Ints, cells: Ints) -> Ints:
    """Add up the counts of each cell."""
    return np.bincount(cells, weights=counts).astype(np.int64)  # exact: counts lie far below 2^53


def occupied(current: Ints, reference: Ints) -> tuple[Ints, Ints]:
    """Drop the cells in which neither side has a row."""
    used = (current > 0) | (reference > 0)
    return current[used], reference[used]
