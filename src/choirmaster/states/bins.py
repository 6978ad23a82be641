"""Bins come from the reference: quantile edges, with a bin of its own for every value that many rows share.

A bin is ``[edge, next edge)``. A single value v gets the bin ``[v, nextafter(v))``, so equality bins need no rule.
"""

from __future__ import annotations

import numpy as np

from choirmaster.states.base import Floats, Ints

QUANTILES = 240
SCORE_QUANTILES = 2048
TOP_QUANTILES = 1024
TOP_OCTAVES = 20
LOGIT_POINTS = 985
LOGIT_SPAN = 37.0
CUTOFF_STEPS = 20
MAX_EXACT = 65_536


def feature_edges(x: Floats, *, exact: bool = False) -> Floats:
    """Return the ascending edges for a numeric column of the reference (D11).

    Parameters
    ----------
    x : ndarray (n,)
        NaN and infinities are ignored.
    exact : bool
        An equality bin for each distinct value (at most 65,536 of them; else as usual).

    Returns
    -------
    ndarray
        First edge is the least value, last edge lies just above the greatest. Empty when there is no finite value.

    Examples
    --------
    >>> len(feature_edges(np.array([0.0, 0.0, 1.0])))
    4
    """
    values, counts = np.unique(x[np.isfinite(x)], return_counts=True)
    if not len(values):
        return np.empty(0)
    values = values + 0.0  # -0.0 and 0.0 are one value
    if len(values) <= QUANTILES or (exact and len(values) <= MAX_EXACT):
        return _equality(values)
    n = int(counts.sum())
    cuts = _quantiles(values, counts, np.arange(QUANTILES + 1) / QUANTILES)
    heavy = values[counts * QUANTILES >= n]
    return np.unique(np.concatenate([cuts, [_above(values[-1])], _equality(heavy)]))


def score_edges(p: Floats, cutoffs: tuple[float, ...] = ()) -> Floats:
    """Return the ascending edges for a probability column (D12).

    2,048 even quantiles of the reference's scores, and 1,024 that close in on the top by a constant factor down to a
    share of 2^-20; 985 log-odds points in +-37, k/20, each declared cutoff, and bins of their own for exact 0 and 1.
    """
    usable = p[(p >= 0.0) & (p <= 1.0)] + 0.0
    values, counts = np.unique(usable, return_counts=True)
    odds = np.linspace(-LOGIT_SPAN, LOGIT_SPAN, LOGIT_POINTS)
    fixed = [1.0 / (1.0 + np.exp(-odds)), np.arange(1, CUTOFF_STEPS) / CUTOFF_STEPS, _equality(np.array([0.0, 1.0]))]
    fixed.append(np.asarray(cutoffs, dtype=np.float64))
    quantiles = SCORE_QUANTILES + TOP_QUANTILES
    if len(values) and len(values) <= quantiles // 2:
        fixed.append(_equality(values))
    elif len(values):
        fixed.append(_quantiles(values, counts, np.arange(SCORE_QUANTILES + 1) / SCORE_QUANTILES))
        nearer = np.arange(1, TOP_QUANTILES + 1) / TOP_QUANTILES
        fixed.append(_quantiles(values, counts, 1.0 - 0.5 ** (TOP_OCTAVES * nearer)))
        fixed.append(_equality(values[counts * quantiles >= len(usable)]))
    edges = np.unique(np.concatenate(fixed))
    return edges[(edges >= 0.0) & (edges <= _above(1.0))]


def scale_exponent(x: Floats) -> int:
    """Return the least e with 2^e at or above every finite magnitude of the reference (0 where there is none).

    >>> scale_exponent(np.array([3.0, -5.0]))
    3
    """
    finite = np.abs(x[np.isfinite(x)])
    top = float(finite.max(initial=0.0))
    return 0 if top == 0.0 else int(np.clip(np.ceil(np.log2(top)), -200, 200))


def single_valued(edges: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return for each bin between two edges whether it holds one value only."""
    return np.nextafter(edges[:-1], np.inf) >= edges[1:]


def count_cells(x: Floats, edges: Floats) -> Ints:
    """Count the finite values of a column over below, bins, above.

    >>> count_cells(np.array([0.0, 1.0, 1.5, 9.0]), np.array([1.0, 2.0])).tolist()
    [1, 2, 1]
    """
    ordered = np.sort(x[np.isfinite(x)])
    below = np.searchsorted(ordered, edges, side="left")  # few edges among many values, not the other way round
    return np.diff(np.concatenate([[0], below, [len(ordered)]])).astype(np.int64)


def _above(value: float) -> float:
    return float(np.nextafter(value, np.inf))


def _equality(values: Floats) -> Floats:
    return np.unique(np.concatenate([values, np.nextafter(values, np.inf)]))


def _quantiles(values: Floats, counts: Ints, levels: Floats) -> Floats:
    """Return the least value at or below which at least the given share of rows lies (inverse ECDF)."""
    ranks = np.ceil(levels * counts.sum() - 1e-9)
    where = np.searchsorted(np.cumsum(counts), np.maximum(ranks, 1.0), side="left")
    out: Floats = values[np.minimum(where, len(values) - 1)]
    return out
