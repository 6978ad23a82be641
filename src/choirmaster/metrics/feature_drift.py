"""Drift of a feature, or of predicted numbers, over ten cells, and Kolmogorov-Smirnov over all bins."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from choirmaster.drift.cells import join_ends, pour, quantile_cells
from choirmaster.metrics.base import BY_CHANCE, DRIFT, EVERY, Metric
from choirmaster.metrics.two_sides import (
    chi_squared_p_value,
    chi_squared_value,
    greatest_value,
    hellinger_value,
    js_value,
    ks_value,
    psi_value,
    variation_value,
)
from choirmaster.states.base import Ints
from choirmaster.states.bins import single_valued
from choirmaster.states.histogram import Histogram, NumericPart
from choirmaster.values import Reason, Value, undefined

PARTS_KEPT = 4096


def feature_psi(current: Histogram, reference: Histogram) -> Value:
    """Population stability index over ten quantile cells of the reference, or over its categories and ``unseen``.

    Definition   :func:`choirmaster.drift.divergence.psi`; each cell gets 0.5 added; ``below`` and ``above`` join the
                 end cells; missing and infinite values are left out; a cell empty on both sides is no cell
    Range        [0, inf); lower is better. Rules of thumb from credit scoring: 0.1 some, 0.25 much; they ignore n.
    Undefined    no_rows, all_missing, no_reference (also: the reference has no present value)
    Interval     delta method and chi-square, around the number less its expectation at equality
    """
    return nothing(current, reference) or psi_value(*_coarse(current, reference))


def feature_js(current: Histogram, reference: Histogram) -> Value:
    """Jensen-Shannon distance, base 2, over the cells of :func:`feature_psi`, nothing added.

    Definition   sqrt of :func:`choirmaster.drift.divergence.jensen_shannon`. Two conventions exist: we give the
                 *distance* (a metric; ``scipy.spatial.distance.jensenshannon(p, q, base=2)``); its square is the
                 *divergence*.
    Range        [0, 1]; lower is better
    Undefined    no_rows, all_missing, no_reference
    Interval     that of the divergence, by the delta method and chi-square; then the root of both ends
    """
    return nothing(current, reference) or js_value(*_coarse(current, reference))


def feature_hellinger(current: Histogram, reference: Histogram) -> Value:
    """Hellinger distance over the cells of :func:`feature_psi`, nothing added.

    Definition   root of :func:`choirmaster.drift.distances.hellinger_squared`, so sqrt(1 - sum sqrt(p q)); another
                 convention leaves out the factor 1/2 and runs to sqrt(2)
    Range        [0, 1]; lower is better
    Undefined    no_rows, all_missing, no_reference
    Interval     that of the square, by the delta method and what chance adds; then the root of both ends
    """
    return nothing(current, reference) or hellinger_value(*_coarse(current, reference))


def feature_variation(current: Histogram, reference: Histogram) -> Value:
    """Total variation distance over the cells of :func:`feature_psi`, nothing added.

    Definition   :func:`choirmaster.drift.distances.total_variation`
    Range        [0, 1]; lower is better
    Undefined    no_rows, all_missing, no_reference
    Interval     normal, the lower end less what chance adds at most
    """
    return nothing(current, reference) or variation_value(*_coarse(current, reference))


def feature_greatest(current: Histogram, reference: Histogram) -> Value:
    """Greatest difference of the share of one cell of :func:`feature_psi` (L-infinity distance).

    Definition   :func:`choirmaster.drift.distances.greatest_difference`
    Range        [0, 1]; lower is better
    Undefined    no_rows, all_missing, no_reference
    Interval     Bernstein's inequality for all cells at once: 95 % or more
    """
    return nothing(current, reference) or greatest_value(*_coarse(current, reference))


def feature_chi_squared(current: Histogram, reference: Histogram) -> Value:
    """Statistic of the two-sample chi-squared test over the cells of :func:`feature_psi`.

    Definition   :func:`choirmaster.drift.chi_squared.chi_squared`; cells whose expected count is below 5 are joined by
                 :func:`choirmaster.drift.chi_squared.join_small`; one degree of freedom less than joined cells, which
                 the value's detail states
    Range        [0, inf); grows with the rows, so look at ``chi_squared_p`` or at a distance
    Undefined    no_rows, all_missing, no_reference, too_few_rows (fewer than two cells are large enough)
    Interval     of what lies beyond the degrees of freedom
    """
    return nothing(current, reference) or chi_squared_value(*_coarse(current, reference))


def feature_chi_squared_p(current: Histogram, reference: Histogram) -> Value:
    """p-value of the test of :func:`feature_chi_squared`.

    Definition   P(X >= statistic) of the chi-squared law with the stated degrees of freedom; 1 where there is one cell
    Range        [0, 1]; evenly spread where nothing drifts, small where something does
    Undefined    as the statistic
    Interval     none: it is a statement about sampling itself
    """
    return nothing(current, reference) or chi_squared_p_value(*_coarse(current, reference))


def feature_ks(current: Histogram, reference: Histogram) -> Value:
    """Kolmogorov-Smirnov distance of the finite values, over all bins.

    Definition   sup_x |F(x) - G(x)|
    Range        [0, 1]; lower is better
    Undefined    no_rows, all_missing, no_reference, not_applicable (categories)
    Resolution   the rows' own distance lies within it of the number, always; 0 where the bins hold single values or
                 one side only
    Interval     widened by Massart's margin of both samples: 95 % or more
    """
    if not isinstance(current.part, NumericPart):
        return undefined(Reason.NOT_APPLICABLE, n=current.rows, detail="categories have no order")
    return nothing(current, reference) or ks_value(current.inside, reference.inside, _single(current.part))


def nothing(current: Histogram, reference: Histogram) -> Value | None:
    """Return why two histograms cannot be compared, or None where they can."""
    unranked = isinstance(current.part, NumericPart) and not len(current.part.edges)
    if unranked or not reference.inside.any():
        return undefined(Reason.NO_REFERENCE, n=current.rows, detail="the reference has no present value")
    if not current.rows:
        return undefined(Reason.NO_ROWS)
    return None if current.inside.any() else undefined(Reason.ALL_MISSING, n=current.rows)


def _coarse(current: Histogram, reference: Histogram) -> tuple[Ints, Ints]:
    return current.once("coarse", _poured), reference.once("coarse", _poured)


def _poured(state: Histogram) -> Ints:
    return pour(state.inside, _cells(state.part)) if isinstance(state.part, NumericPart) else state.inside


@lru_cache(maxsize=PARTS_KEPT)
def _cells(part: NumericPart) -> Ints:
    """Return the coarse cell of below, each bin, and above; they follow the part, so every window shares them."""
    basis = part.reference[1 : len(part.edges)]
    return join_ends(quantile_cells(basis if basis.any() else np.ones_like(basis)))


@lru_cache(maxsize=PARTS_KEPT)
def _single(part: NumericPart) -> NDArray[np.bool_]:
    """Return for below, each bin, and above whether it holds one value only."""
    return np.concatenate([[False], single_valued(part.edges), [False]])


PSI = Metric(
    "psi", "histogram/1", DRIFT, EVERY, "lower", "nats",
    "sum (p - q) ln(p / q) over ten quantile cells of the reference or its categories, 0.5 added to each",
    "delta method and chi-square, less the expectation at equality", "Siddiqi 2006, Credit Risk Scorecards",
    feature_psi,
    least=BY_CHANCE,
)  # fmt: skip
JENSEN_SHANNON = Metric(
    "jensen_shannon", "histogram/1", DRIFT, EVERY, "lower", "ratio",
    "root of the Jensen-Shannon divergence, base 2, over the cells of psi",
    "delta method and chi-square", "Lin 1991, IEEE Trans. Information Theory 37(1), 145-151", feature_js,
    least=BY_CHANCE,
)  # fmt: skip
HELLINGER = Metric(
    "hellinger", "histogram/1", DRIFT, EVERY, "lower", "ratio",
    "sqrt(1 - sum sqrt(p q)) over the cells of psi, nothing added", "delta method, less what chance adds",
    "Hellinger 1909, Journal fuer die reine und angewandte Mathematik 136, 210-271", feature_hellinger,
    least=BY_CHANCE,
)  # fmt: skip
TOTAL_VARIATION = Metric(
    "total_variation", "histogram/1", DRIFT, EVERY, "lower", "ratio",
    "half the sum of |p - q| over the cells of psi", "normal, less what chance adds", "textbook", feature_variation,
    least=BY_CHANCE,
)  # fmt: skip
L_INFINITY = Metric(
    "l_infinity", "histogram/1", DRIFT, EVERY, "lower", "ratio", "greatest |p - q| of a cell of psi",
    "Bernstein, for all cells at once", "Bernstein 1924", feature_greatest,
)  # fmt: skip
CHI_SQUARED = Metric(
    "chi_squared", "histogram/1", DRIFT, EVERY, "lower", "statistic",
    "two-sample chi-squared over the cells of psi, those with an expected count below 5 joined",
    "delta method, of what lies beyond the degrees of freedom", "Cochran 1954, Biometrics 10(4), 417-451",
    feature_chi_squared,
)  # fmt: skip
CHI_SQUARED_P = Metric(
    "chi_squared_p", "histogram/1", DRIFT, EVERY, "higher", "probability",
    "p-value of chi_squared; degrees of freedom: joined cells less one", "none: it speaks of sampling itself",
    "as chi_squared", feature_chi_squared_p,
)  # fmt: skip
KS = Metric(
    "ks", "histogram/1", DRIFT, EVERY, "lower", "ratio",
    "sup |F - G| of the finite values", "Massart's margin of both samples, widened by the resolution of the bins",
    "Massart 1990, Annals of Probability 18(3), 1269-1283", feature_ks,
)  # fmt: skip
