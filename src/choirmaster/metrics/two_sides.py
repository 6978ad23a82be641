"""Values of a comparison: counts of the current side against counts of the reference."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from choirmaster.drift.cells import occupied
from choirmaster.drift.divergence import Divergence, jensen_shannon, psi
from choirmaster.drift.ks import ks_bounds, ks_margin
from choirmaster.states.base import Ints
from choirmaster.values import Value


def divergence_value(measure: Callable[[Ints, Ints], Divergence], current: Ints, reference: Ints) -> Value:
    """Return a divergence over the cells that either side uses."""
    found = measure(*occupied(current, reference))
    return Value(found.number, found.lower, found.upper, n=int(current.sum()))


def psi_value(current: Ints, reference: Ints) -> Value:
    """Return the population stability index."""
    return divergence_value(psi, current, reference)


def js_value(current: Ints, reference: Ints) -> Value:
    """Return the Jensen-Shannon distance: the root of the divergence, and of its interval."""
    found = divergence_value(jensen_shannon, current, reference)
    number, lower, upper = (math.sqrt(one or 0.0) for one in (found.number, found.lower, found.upper))
    return Value(number, lower, upper, n=found.n)


def ks_value(current: Ints, reference: Ints, single: NDArray[np.bool_]) -> Value:
    """Return the middle of the rigorous bounds; the interval adds the sampling margin of both sides."""
    lower, upper = ks_bounds(current, reference, single)
    n = int(current.sum())
    margin = ks_margin(n, int(reference.sum()))
    return Value((lower + upper) / 2.0, max(0.0, lower - margin), min(1.0, upper + margin), (upper - lower) / 2.0, n)
