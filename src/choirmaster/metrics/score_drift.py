"""Drift of a series' scores, over everyone who was scored, labelled or not."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from choirmaster.drift.cells import pour, quantile_cells
from choirmaster.drift.wasserstein import Side
from choirmaster.metrics.base import BY_CHANCE, CLASSES, DATA_QUALITY, DRIFT, Metric
from choirmaster.metrics.intervals import mean_interval
from choirmaster.metrics.two_sides import (
    CountsValue,
    chi_squared_p_value,
    chi_squared_value,
    greatest_value,
    hellinger_value,
    js_value,
    ks_value,
    psi_value,
    variation_value,
    wasserstein_value,
)
from choirmaster.states.base import Floats, Ints
from choirmaster.states.bins import single_valued
from choirmaster.states.scores import ScorePart, Scores
from choirmaster.values import Reason, Value, undefined

PARTS_KEPT = 1024


def score_psi(current: Scores, reference: Scores) -> Value:
    """Population stability index of the scores, over ten quantile cells of the reference (see ``psi``)."""
    return _nothing(current, reference) or psi_value(*_coarse(current, reference))


def score_js(current: Scores, reference: Scores) -> Value:
    """Jensen-Shannon distance of the scores, base 2, over the same cells (see ``jensen_shannon``)."""
    return _nothing(current, reference) or js_value(*_coarse(current, reference))


def score_ks(current: Scores, reference: Scores) -> Value:
    """Kolmogorov-Smirnov distance of the scores, with its rigorous resolution (see ``ks``)."""
    return _nothing(current, reference) or ks_value(current.everyone, reference.everyone, _bins(current.part).single)


def score_wasserstein(current: Scores, reference: Scores) -> Value:
    """Wasserstein-1 distance of the scores over all bins, in units of probability (see ``wasserstein``)."""
    widths = 2.0 * _bins(current.part).half
    now, past = (Side(np.concatenate([[0], one.everyone, [0]])) for one in (current, reference))
    return _nothing(current, reference) or wasserstein_value(now, past, widths)


def over_cells(measure: CountsValue) -> Callable[[Scores, Scores], Value]:
    """Return the metric that takes a measure of counts over the ten quantile cells of the reference's scores."""

    def value(current: Scores, reference: Scores) -> Value:
        return _nothing(current, reference) or measure(*_coarse(current, reference))

    return value


def score_mean(state: Scores) -> Value:
    """Mean score of everyone who was scored.

    Definition   (1/n) sum_i p_i, each score taken as the middle of its bin
    Range        [0, 1]
    Undefined    no_rows, all_missing
    Resolution   the mean half-width of the bins
    Interval     normal, widened by the resolution
    """
    counts, bins = state.everyone, _bins(state.part)
    n = int(counts.sum())
    if not n:
        return undefined(Reason.ALL_MISSING if state.counts.any() else Reason.NO_ROWS)
    total, squares = float(counts @ bins.middle), float(counts @ bins.middle_squared)
    resolution = float(counts @ bins.half / n)
    lower, upper = mean_interval(total, squares, n)
    if lower is not None and upper is not None:
        lower, upper = max(0.0, lower - resolution), min(1.0, upper + resolution)
    return Value(min(total / n, 1.0), lower, upper, resolution, n)


def _nothing(current: Scores, reference: Scores) -> Value | None:
    if not reference.everyone.any():
        return undefined(Reason.NO_REFERENCE, detail="the reference has no score")
    if current.everyone.any():
        return None
    rows = int(current.table.sum())
    return undefined(Reason.ALL_MISSING if rows else Reason.NO_ROWS, n=rows)


def _coarse(current: Scores, reference: Scores) -> tuple[Ints, Ints]:
    return current.once("coarse", _poured), reference.once("coarse", _poured)


def _poured(state: Scores) -> Ints:
    return pour(state.everyone, _bins(state.part).cells)


class _Bins(NamedTuple):
    """What follows from a part alone, so that every window shares it."""

    single: NDArray[np.bool_]
    middle: Floats
    middle_squared: Floats
    half: Floats
    cells: Ints


@lru_cache(maxsize=PARTS_KEPT)
def _bins(part: ScorePart) -> _Bins:
    edges = part.edges
    single = single_valued(edges)
    middle = np.where(single, edges[:-1], (edges[:-1] + edges[1:]) / 2.0)
    half = np.where(single, 0.0, (edges[1:] - edges[:-1]) / 2.0)
    scored = part.reference[:, 1 : len(edges)].sum(axis=0)
    return _Bins(single, middle, middle**2, half, quantile_cells(scored if scored.any() else np.ones_like(scored)))


SCORE_PSI = Metric(
    "score_psi", "scores/1", DRIFT, CLASSES, "lower", "nats",
    "psi of the scores over ten quantile cells of the reference", "as psi", "as psi", score_psi,
    least=BY_CHANCE,
)  # fmt: skip
SCORE_JENSEN_SHANNON = Metric(
    "score_jensen_shannon", "scores/1", DRIFT, CLASSES, "lower", "ratio",
    "jensen_shannon of the scores over ten quantile cells of the reference", "as jensen_shannon", "as jensen_shannon",
    score_js,
    least=BY_CHANCE,
)  # fmt: skip
SCORE_KS = Metric(
    "score_ks", "scores/1", DRIFT, CLASSES, "lower", "ratio", "sup |F - G| of the scores", "as ks", "as ks", score_ks,
)  # fmt: skip
SCORE_MEAN = Metric(
    "score_mean", "scores/1", DATA_QUALITY, CLASSES, "none", "probability", "mean score, labelled or not",
    "normal, widened by the resolution of the bins", "textbook", score_mean,
)  # fmt: skip
SCORE_HELLINGER = Metric(
    "score_hellinger", "scores/1", DRIFT, CLASSES, "lower", "ratio",
    "hellinger of the scores over ten quantile cells of the reference", "as hellinger", "as hellinger",
    over_cells(hellinger_value),
    least=BY_CHANCE,
)  # fmt: skip
SCORE_TOTAL_VARIATION = Metric(
    "score_total_variation", "scores/1", DRIFT, CLASSES, "lower", "ratio",
    "total_variation of the scores over ten quantile cells of the reference", "as total_variation", "textbook",
    over_cells(variation_value),
    least=BY_CHANCE,
)  # fmt: skip
SCORE_L_INFINITY = Metric(
    "score_l_infinity", "scores/1", DRIFT, CLASSES, "lower", "ratio",
    "l_infinity of the scores over ten quantile cells of the reference", "as l_infinity", "as l_infinity",
    over_cells(greatest_value),
)  # fmt: skip
SCORE_CHI_SQUARED = Metric(
    "score_chi_squared", "scores/1", DRIFT, CLASSES, "lower", "statistic",
    "chi_squared of the scores over ten quantile cells of the reference", "as chi_squared", "as chi_squared",
    over_cells(chi_squared_value),
)  # fmt: skip
SCORE_CHI_SQUARED_P = Metric(
    "score_chi_squared_p", "scores/1", DRIFT, CLASSES, "higher", "probability", "p-value of score_chi_squared",
    "none: it speaks of sampling itself", "as chi_squared", over_cells(chi_squared_p_value),
)  # fmt: skip
SCORE_WASSERSTEIN = Metric(
    "score_wasserstein", "scores/1", DRIFT, CLASSES, "lower", "probability",
    "int |F - G| of the scores over all bins", "as wasserstein", "as wasserstein", score_wasserstein,
    least=BY_CHANCE,
)  # fmt: skip
