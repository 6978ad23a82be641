"""Folds: which rows a candidate is fitted on, and which it is judged on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from choirmaster.errors import DataError, unknown

SCHEMES = ("expanding", "blocked")
_MIN_ROWS = 2


@dataclass(frozen=True, slots=True)
class Fold:
    """Row numbers to fit on, and row numbers to judge on; they never overlap."""

    train: npt.NDArray[np.intp]
    test: npt.NDArray[np.intp]


def time_folds(time: npt.NDArray[np.int64], n_folds: int = 4, *, scheme: str = "expanding") -> list[Fold]:
    """Return folds that respect time; rows of one instant stay together.

    ``expanding`` cuts the rows, in time order, into ``n_folds + 1`` blocks of about equal size; fold k is fitted on the
    blocks before block k and judged on block k, so nothing is judged by what came later, and the first block is never
    judged. ``blocked`` cuts into ``n_folds`` blocks, each judged by all the others.

    >>> [(fold.train.tolist(), fold.test.tolist()) for fold in time_folds(np.array([3, 1, 2]), 2)]
    [([1], [2]), ([1, 2], [0])]
    """
    if scheme not in SCHEMES:
        raise unknown("scheme of folds", scheme, SCHEMES)
    n_blocks = n_folds + 1 if scheme == "expanding" else n_folds
    blocks = _blocks(np.asarray(time), n_blocks)
    if scheme == "blocked":
        return [Fold(np.sort(np.concatenate(blocks[:k] + blocks[k + 1 :])), b) for k, b in enumerate(blocks)]
    return [Fold(np.sort(np.concatenate(blocks[:k])), blocks[k]) for k in range(1, len(blocks))]


def _blocks(time: npt.NDArray[np.int64], n_blocks: int) -> list[npt.NDArray[np.intp]]:
    order = np.argsort(time, kind="stable")
    ordered = time[order]
    wanted = [round(len(time) * k / n_blocks) for k in range(1, n_blocks)]
    # A cut moves to the first row of the instant it falls into.
    cuts = np.unique([int(np.searchsorted(ordered, ordered[place])) for place in wanted if place < len(time)])
    blocks = [np.sort(block) for block in np.split(order, cuts) if len(block)]
    if len(blocks) < _MIN_ROWS:
        raise DataError("cannot cut the rows into folds", where="time", expected=f"at least {n_blocks} instants",
                        got=f"{len(np.unique(time))} in {len(time)} rows")  # fmt: skip
    return blocks


def stratified_folds(groups: npt.NDArray[np.generic], n_folds: int, rng: np.random.Generator) -> list[Fold]:
    """Return folds that each hold every group (class) in about the same share; every row is judged once."""
    groups = np.asarray(groups)
    if len(groups) < max(n_folds, _MIN_ROWS):
        raise DataError("cannot cut the rows into folds", expected=f"at least {n_folds} rows", got=f"{len(groups)}")
    place = np.empty(len(groups), dtype=np.intp)
    offset = 0
    for group in np.unique(groups):
        rows = rng.permutation(np.flatnonzero(groups == group))
        place[rows] = (np.arange(len(rows)) + offset) % n_folds
        offset += len(rows)
    return [Fold(np.flatnonzero(place != k), np.flatnonzero(place == k)) for k in range(n_folds)]
