"""Drift of the features together: how well the reference's principal components describe the rows of a window.

Read off ``rowscore/1``. What every feature alone leaves as it was, such as two features that no longer move together,
shows here. The components are those of every second row of the reference; its own errors are those of the rows between.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from choirmaster.metrics.base import BY_CHANCE, DATA_QUALITY, DRIFT, EVERY, Metric
from choirmaster.metrics.intervals import mean_interval
from choirmaster.metrics.mean_shift import Sums, shift_value
from choirmaster.metrics.previous import against_previous
from choirmaster.metrics.two_sides import ks_value
from choirmaster.states.bins import single_valued
from choirmaster.states.rowscore import ERROR, ERROR_SQUARED, RowScorePart, RowScores
from choirmaster.values import Reason, Value, undefined

PARTS_KEPT = 64


def reconstruction_error(state: RowScores) -> Value:
    """Mean distance of the rows from the reference's leading components.

    Definition   mean over rows of ||z - V V' z||; z the features, each less its mean and divided by its standard
                 deviation in the reference, a category told by its share in the reference (0 where it is not known),
                 a missing or infinite value at the mean; V the components that explain more than 65 % of the
                 reference's variance, and at most all but one. Features with one value in the reference are left out.
    Range        [0, inf); in standard deviations of the features. Neither end is good: rows may also lie nearer to the
                 components than those of the reference.
    Undefined    no_rows, no_reference (fewer than two features vary), all_missing, out_of_range (an error beyond 512
                 times the scale of the reference's)
    Interval     normal, from the sum of squares; none below two rows
    State        rowscore/1
    Source       Jackson, Mudholkar 1979, Technometrics 21(3), 341-349 (Q statistic); NannyML's data reconstruction
                 drift, which measures the reference on the rows it was fitted on and puts the most frequent category
                 where one is missing
    """
    if reason := _nothing(state):
        return reason
    n = state.n
    total = state.total(ERROR)
    lower, upper = mean_interval(total, state.total(ERROR_SQUARED), n)
    return Value(total / n, None if lower is None else max(0.0, lower), upper, n=n)


def reconstruction_shift(current: RowScores, reference: RowScores) -> Value:
    """Shift of the mean reconstruction error, in standard deviations of the reference's errors.

    Definition   (mean error - that of the reference) / s, s the standard deviation of a reference row's error
    Range        any number; 0 is no shift; away from 0, either way, is drift
    Undefined    as reconstruction_error; no_reference, too_few_rows (below 30 on either side), zero_variance (the
                 reference's rows all have one error)
    Interval     normal, as ``mean_shift``
    State        rowscore/1
    """
    return _nothing(current) or shift_value(_sums(current), _sums(reference))


def reconstruction_ks(current: RowScores, reference: RowScores) -> Value:
    """Kolmogorov-Smirnov distance of the reconstruction errors, over all bins; as ``ks`` of a feature.

    Undefined    as reconstruction_error; no_reference. An error beyond every range counts as a large one here.
    """
    if not current.n:
        return _nothing(current) or undefined(Reason.OUT_OF_RANGE, n=current.rows, detail="every error is infinite")
    if not reference.n:
        return undefined(Reason.NO_REFERENCE, n=current.n, detail="no row of the reference has an error")
    return ks_value(current.inside, reference.inside, _single(current.part))


def _nothing(state: RowScores) -> Value | None:
    """Return why there is no mean error, or None where there is one."""
    if not state.part.fitted:
        return undefined(Reason.NO_REFERENCE, n=state.rows, detail="fewer than two features vary in the reference")
    if not state.rows:
        return undefined(Reason.NO_ROWS)
    if state.clipped:
        return undefined(Reason.OUT_OF_RANGE, n=state.n, detail=f"{state.clipped} rows lie beyond the range")
    return None if state.n else undefined(Reason.ALL_MISSING, n=state.rows)


def _sums(state: RowScores) -> Sums:
    rounding = 2.0 ** (state.part.exponents[ERROR_SQUARED] - 40)
    return Sums(state.n, state.total(ERROR), state.total(ERROR_SQUARED), rounding, state.clipped)


@lru_cache(maxsize=PARTS_KEPT)
def _single(part: RowScorePart) -> NDArray[np.bool_]:
    """Return for below, each bin, and above whether it holds one value only."""
    return np.concatenate([[False], single_valued(part.edges), [False]])


RECONSTRUCTION_ERROR = Metric(
    "reconstruction_error", "rowscore/1", DATA_QUALITY, EVERY, "none", "standard deviations of the features",
    "mean distance of the rows from the components that explain 65 % of the reference's variance",
    "normal, from the sum of squares", "Jackson, Mudholkar 1979, Technometrics 21(3), 341-349", reconstruction_error,
)  # fmt: skip
RECONSTRUCTION_SHIFT = Metric(
    "reconstruction_shift", "rowscore/1", DRIFT, EVERY, "none", "standard deviations of the reference",
    "mean_shift of the reconstruction error of a row", "normal", "Cohen 1988 (d); textbook", reconstruction_shift,
    least=BY_CHANCE,
)  # fmt: skip
RECONSTRUCTION_KS = Metric(
    "reconstruction_ks", "rowscore/1", DRIFT, EVERY, "lower", "ratio",
    "sup |F - G| of the reconstruction errors of the rows", "as ks",
    "Massart 1990, Annals of Probability 18(3), 1269-1283", reconstruction_ks,
)  # fmt: skip
RECONSTRUCTION_SHIFT_PREVIOUS = against_previous(RECONSTRUCTION_SHIFT)
