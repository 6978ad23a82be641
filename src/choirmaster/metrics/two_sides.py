"""Values of a comparison: counts of the current side against counts of the reference."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from choirmaster.drift.cells import occupied
from choirmaster.drift.chi_squared import LEAST_EXPECTED, Homogeneity, chi_squared
from choirmaster.drift.distances import greatest_difference, hellinger_squared, total_variation
from choirmaster.drift.divergence import Divergence, jensen_shannon, psi
from choirmaster.drift.ks import ks_bounds, ks_margin
from choirmaster.drift.wasserstein import Side, wasserstein
from choirmaster.states.base import Floats, Ints
from choirmaster.values import Reason, Value, undefined

CountsValue = Callable[[Ints, Ints], Value]


def divergence_value(measure: Callable[[Ints, Ints], Divergence], current: Ints, reference: Ints) -> Value:
    """Return a divergence over the cells that either side uses."""
    found = measure(*occupied(current, reference))
    return Value(found.number, found.lower, found.upper, n=int(current.sum()))


def psi_value(current: Ints, reference: Ints) -> Value:
    """Return the population stability index."""
    return divergence_value(psi, current, reference)


def js_value(current: Ints, reference: Ints) -> Value:
    """Return the Jensen-Shannon distance: the root of the divergence, and of its interval."""
    return _root(divergence_value(jensen_shannon, current, reference))


def hellinger_value(current: Ints, reference: Ints) -> Value:
    """Return the Hellinger distance: the root of its square, and of the square's interval."""
    return _root(divergence_value(hellinger_squared, current, reference))


def variation_value(current: Ints, reference: Ints) -> Value:
    """Return the total variation distance."""
    return divergence_value(total_variation, current, reference)


def greatest_value(current: Ints, reference: Ints) -> Value:
    """Return the greatest difference of the share of one cell."""
    return divergence_value(greatest_difference, current, reference)


def chi_squared_value(current: Ints, reference: Ints) -> Value:
    """Return the statistic of the chi-squared test; the detail says its degrees of freedom."""
    found = chi_squared(*occupied(current, reference))
    one = found.statistic
    return _too_few(found, current) or Value(
        one.number, one.lower, one.upper, n=int(current.sum()), detail=_freedom(found)
    )


def chi_squared_p_value(current: Ints, reference: Ints) -> Value:
    """Return the p-value of the chi-squared test; it is a statement about sampling itself and has no interval."""
    found = chi_squared(*occupied(current, reference))
    return _too_few(found, current) or Value(found.p_value, n=int(current.sum()), detail=_freedom(found))


def ks_value(current: Ints, reference: Ints, single: NDArray[np.bool_]) -> Value:
    """Return the middle of the rigorous bounds; the interval adds the sampling margin of both sides."""
    lower, upper = ks_bounds(current, reference, single)
    n = int(current.sum())
    margin = ks_margin(n, int(reference.sum()))
    return Value((lower + upper) / 2.0, max(0.0, lower - margin), min(1.0, upper + margin), (upper - lower) / 2.0, n)


def wasserstein_value(current: Side, reference: Side, widths: Floats, unit: float = 1.0) -> Value:
    """Return the Wasserstein-1 distance in units of ``unit``."""
    n = int(current.counts.sum())
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        found = wasserstein(current, reference, widths)
        number, lower, upper = found.number / unit, found.lower / unit, found.upper / unit
        resolution = found.resolution / unit
    if not all(math.isfinite(one) for one in (number, lower, upper, resolution)):
        return undefined(Reason.OUT_OF_RANGE, n=n, detail="the values are too large for a distance")
    return Value(number, lower, upper, resolution, n)


def _root(value: Value) -> Value:
    number, lower, upper = (math.sqrt(one or 0.0) for one in (value.number, value.lower, value.upper))
    return Value(number, lower, upper, n=value.n)


def _too_few(found: Homogeneity, current: Ints) -> Value | None:
    if found.freedom or found.cells == 1:
        return None
    return undefined(Reason.TOO_FEW_ROWS, n=int(current.sum()),
                     detail=f"fewer than two cells have an expected count of {LEAST_EXPECTED:g}")  # fmt: skip


def _freedom(found: Homogeneity) -> str:
    return f"{found.freedom} degrees of freedom; {found.cells} cells, joined to {found.joined}"
