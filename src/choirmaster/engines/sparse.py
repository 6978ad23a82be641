"""States put aside during a scan: only the cells in use, in the smallest integers that hold them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from choirmaster.states import BY_KIND
from choirmaster.states.base import Ints, State
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import Parts, States
from choirmaster.states.versions import whole


class Sparse(NamedTuple):
    """One state: where its counts are and what they are, and the same of its sums."""

    cells: np.ndarray[tuple[int], np.dtype[np.unsignedinteger]]
    counts: np.ndarray[tuple[int], np.dtype[np.integer]]
    lines: np.ndarray[tuple[int], np.dtype[np.unsignedinteger]]
    sums: Ints


def squeeze(states: States) -> dict[StateKey, Sparse]:
    """Put states aside."""
    return {key: _squeezed(state) for key, state in states.items()}


def restore(aside: dict[StateKey, Sparse], parts: Parts) -> States:
    """Take states up again, dense."""
    return {key: _restored(key, one, parts) for key, one in aside.items()}


def _squeezed(state: State) -> Sparse:
    cells = np.flatnonzero(state.counts)
    counts = state.counts[cells]
    low, high = (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)
    narrow = np.promote_types(np.min_scalar_type(low), np.min_scalar_type(high))
    lines = np.flatnonzero(state.sums.any(axis=1)).astype(np.min_scalar_type(len(state.sums)))
    return Sparse(cells.astype(np.min_scalar_type(len(state.counts))), counts.astype(narrow), lines, state.sums[lines])


def _restored(key: StateKey, one: Sparse, parts: Parts) -> State:
    state = BY_KIND[key.kind].zero(parts[whole(key)])
    state.counts[one.cells] = one.counts
    state.sums[one.lines] = one.sums
    return state
