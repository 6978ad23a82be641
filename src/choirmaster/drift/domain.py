"""A classifier that tells the rows of two samples apart, judged on rows that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from choirmaster.states.base import Floats, Ints

BINS = 10
CATEGORIES = 30  # the most frequent of a column, each with a column of its own
PAIRED = 32  # with more columns than this, pairs are not looked at
FOLDS = 2  # with more the fits share rows, and an interval would have to know how much
PENALTY = 0.05  # of the rows, added to each column's own sum of squares


def domain_scores(numbers: Sequence[Floats], categories: Sequence[Ints], second: Ints) -> Floats:
    """Return how much each row looks like one of the second sample, by a classifier fitted on the other rows.

    Definition   ridge regression of the sample a row is of on: which tenth of the pooled values each number lies in, or
                 that it is missing; which of the 30 most frequent categories each text is; and, for at most 32 columns,
                 the products of the ranks of each two of them (a category ranks by how frequent it is). Fitted on each
                 half of the rows, and the other half scored by it.
    Inputs       ``numbers``: (n,) columns, NaN for missing; ``categories``: (n,) columns of codes from 0, -1 for
                 missing; ``second`` (n,): 1 for rows of the second sample, 0 for the first
    Range        any number; only the order matters. A shift, another spread, other categories and another correlation
                 of two columns are seen; what shows in no single column and no pair is not.
    Source       Hastie, Tibshirani, Friedman 2009, The Elements of Statistical Learning, 4.2 and 7.10

    Examples
    --------
    >>> x = np.arange(40.0)
    >>> scores = domain_scores([x], [], (x >= 20).astype(np.int64))
    >>> bool(scores[:20].max() < scores[20:].min())
    True
    """
    design = _design(numbers, categories)
    n = len(second)
    if not design.shape[1]:
        return np.zeros(n)
    target = second - second.mean()
    folds = folds_of(second)
    inside = [np.flatnonzero(folds == one) for one in range(FOLDS)]
    halves = [design[rows] for rows in inside]
    products = [half.T @ half for half in halves]
    sums = [half.T @ target[rows] for half, rows in zip(halves, inside, strict=True)]
    whole, total = sum(products[1:], products[0]), sum(sums[1:], sums[0])
    penalty = np.diag(np.full(design.shape[1], PENALTY * n + design.shape[1]))
    scores = np.empty(n)
    for rows, half, product, some in zip(inside, halves, products, sums, strict=True):
        scores[rows] = half @ np.linalg.solve(whole - product + penalty, total - some)
    return scores


def folds_of(second: Ints) -> Ints:
    """Return the half each row is in, 0 or 1: of either sample every second row."""
    out = np.empty(len(second), np.int64)
    for one in (0, 1):
        rows = np.flatnonzero(second == one)
        out[rows] = np.arange(len(rows)) % FOLDS
    return out


def _design(numbers: Sequence[Floats], categories: Sequence[Ints]) -> Floats:
    """Return the columns of the regression with mean 0 and standard deviation 1; constant ones are left out."""
    found, ranks = [], []
    for x in numbers:
        rank = _rank(x)
        ranks.append(np.where(np.isnan(rank), 0.0, rank))
        tenth = np.where(np.isnan(rank), BINS, np.floor((rank + 0.5) * BINS)).astype(np.int64)
        found.append(np.eye(BINS + 1)[tenth])
    for codes in categories:
        counts = np.bincount(codes + 1)
        ranks.append(_rank(np.where(codes < 0, np.nan, counts[codes + 1].astype(np.float64))))
        ranks[-1] = np.where(np.isnan(ranks[-1]), 0.0, ranks[-1])
        kept = np.full(len(counts), CATEGORIES)
        kept[1 + np.argsort(-counts[1:], kind="stable")[:CATEGORIES]] = np.arange(min(CATEGORIES, len(counts) - 1))
        kept[0] = CATEGORIES + 1
        found.append(np.eye(CATEGORIES + 2)[kept[codes + 1]])
    if len(ranks) <= PAIRED:
        found += [(ranks[i] * ranks[j])[:, None] for i in range(len(ranks)) for j in range(i)]
    if not found:
        return np.empty((0, 0))
    design = np.concatenate(found, axis=1)
    design -= design.mean(axis=0)
    spread = design.std(axis=0)
    varied = spread > 1e-9
    out: Floats = np.ascontiguousarray(design[:, varied]) / spread[varied]
    return out


def _rank(x: Floats) -> Floats:
    """Return the middle rank of each value among those present, from -0.5 to 0.5; NaN for a missing one."""
    out = np.full(len(x), np.nan)
    present = ~np.isnan(x)
    _, codes, counts = np.unique(x[present], return_inverse=True, return_counts=True)
    out[present] = ((np.cumsum(counts) - 0.5 * counts) / max(int(present.sum()), 1) - 0.5)[codes]
    return out
