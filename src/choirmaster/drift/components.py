"""Principal components of columns: the same bits on any number of threads.

Sums of products are exact: standardised values are rounded to 2^-30 and cut into two pieces of 20 bits, so that every
product and every sum of a block is a whole number that a float64 holds. The eigenvectors come from Jacobi's rotations,
which need nothing but + - * / and roots, element by element; a routine of LAPACK would give other last bits with other
threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from choirmaster.states.base import Floats, Ints
from choirmaster.states.moments import moments_part

SHARE = 0.65  # of the variance that the kept components explain, as NannyML has it
_BLOCK = 4096  # rows of products of two 20-bit pieces: below 2^53
_BITS, _HALF, _REACH = 30, 20, 1024.0
_SWEEPS = 40


def centre(x: Floats) -> tuple[float, float]:
    """Return mean and standard deviation of a column whose missing values lie at its mean; (0, 0) where all are equal.

    >>> centre(np.array([1.0, 3.0, np.nan, np.nan]))
    (2.0, 0.7071067811865476)
    """
    present = x[np.isfinite(x)]
    if not len(present) or present.min() == present.max():
        return 0.0, 0.0
    found = moments_part(present, 0)
    deviation = found.deviation * float(np.sqrt(len(present) / len(x)))
    return (found.mean, deviation) if deviation > 1e-12 * abs(found.mean) else (0.0, 0.0)


def correlation(columns: Sequence[Floats], means: Floats, deviations: Floats) -> Floats:
    """Return the mean products of standardised columns, missing values at the mean: (p, p)."""
    p, n = len(columns), len(columns[0])
    high, mixed, low = (np.zeros((p, p), np.int64) for _ in range(3))
    for at in range(0, n, _BLOCK):
        top, rest = _pieces([one[at : at + _BLOCK] for one in columns], means, deviations)
        high += (top.T @ top).astype(np.int64)
        mixed += (top.T @ rest).astype(np.int64)
        low += (rest.T @ rest).astype(np.int64)
    cross = (mixed + mixed.T).astype(np.float64)
    whole = high * 2.0 ** (2 * _HALF) + cross * 2.0**_HALF + low
    out: Floats = whole * 2.0 ** (-2 * _BITS) / n
    return out


def _pieces(block: Sequence[Floats], means: Floats, deviations: Floats) -> tuple[Floats, Floats]:
    z = (np.stack(block, axis=1) - means) / deviations
    z = np.clip(np.where(np.isfinite(z), z, 0.0), -_REACH, _REACH)
    units: Ints = np.rint(z * 2.0**_BITS).astype(np.int64)
    return (units >> _HALF).astype(np.float64), (units & ((1 << _HALF) - 1)).astype(np.float64)


def eigen(matrix: Floats) -> tuple[Floats, Floats]:
    """Return eigenvalues, the largest first, and eigenvectors as columns, of a symmetric matrix.

    Definition   Jacobi's rotations, disjoint pairs at once in the order of a round robin
    Source       Golub, Van Loan 2013, Matrix Computations, 8.5

    Examples
    --------
    >>> values, vectors = eigen(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> values.round(9).tolist(), vectors[:, 0].round(4).tolist()
    ([3.0, 1.0], [0.7071, 0.7071])
    """
    a, v = matrix.copy(), np.eye(len(matrix))  # eigenvectors as rows, which lie together in memory
    rounds = list(_rounds(len(a)))
    for _ in range(_SWEEPS):
        diagonal = np.diagonal(a)
        if np.abs(a - np.diag(diagonal)).max(initial=0.0) <= 1e-14 * np.abs(diagonal).max(initial=0.0):
            break
        for one, two in rounds:
            _rotate(a, v, one, two)
    values = np.diagonal(a).copy()
    order = np.argsort(-values, kind="stable")
    vectors = v[order].T
    largest = np.abs(vectors).argmax(axis=0)
    return values[order], vectors * np.where(vectors[largest, np.arange(len(a))] < 0.0, -1.0, 1.0)


def _rounds(p: int) -> Iterator[tuple[Ints, Ints]]:
    """Yield disjoint pairs that together are all pairs."""
    order = list(range(p + p % 2))
    for _ in range(len(order) - 1):
        pairs = [(order[at], order[-1 - at]) for at in range(len(order) // 2)]
        pairs = [pair for pair in pairs if max(pair) < p]
        yield np.array([one for one, _ in pairs], np.int64), np.array([two for _, two in pairs], np.int64)
        order = [order[0], order[-1], *order[1:-1]]


def _rotate(a: Floats, v: Floats, one: Ints, two: Ints) -> None:
    """Make the elements (one, two) zero, in place."""
    off = a[one, two]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = (a[two, two] - a[one, one]) / (2.0 * off)
        tangent = np.where(off == 0.0, 0.0, np.copysign(1.0, ratio) / (np.abs(ratio) + np.sqrt(ratio * ratio + 1.0)))
    cosine = 1.0 / np.sqrt(tangent * tangent + 1.0)
    sine = tangent * cosine
    for rows in (a, a, v):
        left, right = rows[one], rows[two]
        rows[one] = left * cosine[:, None] - right * sine[:, None]
        rows[two] = left * sine[:, None] + right * cosine[:, None]
        if rows is a:
            a[:] = a.T.copy()  # so that columns are turned as rows, and come back as columns


def components_kept(values: Floats) -> int:
    """Return how many components explain more than ``SHARE`` of the variance; at least one direction is left over.

    >>> components_kept(np.array([2.0, 1.0, 0.5, 0.5])), components_kept(np.array([1.0, 1.0]))
    (2, 1)
    """
    shares = np.cumsum(np.maximum(values, 0.0)) / np.maximum(values, 0.0).sum()
    return min(int(np.searchsorted(shares, SHARE, side="right")) + 1, len(values) - 1)


def left_over(columns: Sequence[Floats], means: Floats, deviations: Floats) -> Floats:
    """Return orthonormal directions that the kept components do not span: (p, p - kept); of at least two columns."""
    values, vectors = eigen(correlation(columns, means, deviations))
    out: Floats = np.ascontiguousarray(vectors[:, components_kept(values) :])
    return out
