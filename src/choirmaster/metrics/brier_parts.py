"""The Brier score taken apart: reliability, resolution and uncertainty, in the ten cells of the calibration curve."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from choirmaster.metrics.base import BY_CHANCE, CLASSES, ONE, QUALITY, Metric
from choirmaster.metrics.calibration import Cells, cells
from choirmaster.metrics.intervals import Z, wilson
from choirmaster.metrics.ranked import Ranked, nothing, ranked
from choirmaster.states.base import Floats
from choirmaster.states.scores import Scores
from choirmaster.values import Kind, Value


class BrierParts(NamedTuple):
    """``brier = reliability - resolution + uncertainty + within``, each score being taken as the middle of its bin.

    ``within`` is what ten cells leave out: the variance of the scores inside the cells less twice their covariance with
    the labels there.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


def brier_parts(source: Scores | Ranked) -> BrierParts | None:
    """Return the parts of the Brier score of a binary task, or of one class against the rest; None without rows.

    Source: Murphy 1973, Journal of Applied Meteorology 12(4), 595-600; ``within``: Stephenson, Coelho, Jolliffe 2008,
    Weather and Forecasting 23(4), 752-757.

    Examples
    --------
    >>> from choirmaster.metrics.ranked import ranked_rows
    >>> brier_parts(ranked_rows(np.array([0, 1, 1, 1]), np.array([0.25, 0.25, 0.75, 0.75])))
    BrierParts(brier=0.1875, reliability=0.0625, resolution=0.0625, uncertainty=0.1875, within=0.0)
    """
    counts = ranked(source)
    if not counts.n:
        return None
    found = cells(counts)
    middle, n = (counts.low + counts.high) / 2.0, counts.n
    _, place = np.unique(counts.cells, return_inverse=True)
    off = middle - (found.scores / found.rows)[place]
    rows, positives = counts.both.astype(np.float64), counts.positives.astype(np.float64)
    share = (found.positives / found.rows)[place]
    within = float(rows @ off**2 - 2.0 * (positives - rows * share) @ off) / n
    brier = float(found.squares.sum()) / n
    overall = counts.m / n
    return BrierParts(brier, float(found.weight @ found.gap**2), float(found.weight @ _edge(found) ** 2),
                      overall * (1.0 - overall), within)  # fmt: skip


def brier_reliability(source: Scores | Ranked) -> Value:
    """Part of the Brier score that recalibration would take away.

    Definition   sum_c (n_c / n) (s_c - y_c)^2: s_c mean score, y_c share of positives of the n_c rows in cell c, the
                 cells of expected_calibration_error; Brier = reliability - resolution + uncertainty + what lies within
                 the cells (``brier_parts``)
    Range        [0, 1]; 0 is calibrated; lower is better. Few rows lift it.
    Undefined    no_rows, no_labels, all_missing
    Resolution   sum_c (n_c / n) r_c (2 |s_c - y_c| + r_c): s_c is known within r_c
    Interval     delta method over the cells, less what chance lifts it by; widened by the resolution
    State        scores/1
    Source       Murphy 1973, Journal of Applied Meteorology 12(4), 595-600
    """
    counts = ranked(source)
    empty = nothing(counts)
    if empty is not None:
        return empty
    found = cells(counts)
    gap, blur = np.abs(found.gap), found.blur
    return _squared(found, gap, float(found.weight @ (blur * (2.0 * gap + blur))), counts.n)


def brier_resolution(source: Scores | Ranked) -> Value:
    """Part of the uncertainty that the scores explain.

    Definition   sum_c (n_c / n) (y_c - y)^2: y_c share of positives in cell c, y in all
    Range        [0, 0.25]; higher is better
    Undefined    no_rows, no_labels, all_missing
    Resolution   none: the cells are unions of bins
    Interval     delta method over the cells, less what chance lifts it by
    State        scores/1
    Source       Murphy 1973, Journal of Applied Meteorology 12(4), 595-600
    """
    counts = ranked(source)
    empty = nothing(counts)
    if empty is not None:
        return empty
    found = cells(counts)
    return _squared(found, _edge(found), 0.0, counts.n, most=0.25)


def brier_uncertainty(source: Scores | Ranked) -> Value:
    """Brier score of always answering the share of positives.

    Definition   y (1 - y), y the share of positives among rows with label and score
    Range        [0, 0.25]; says how hard the rows are, not how good the answers
    Undefined    no_rows, no_labels, all_missing
    Interval     Wilson's interval of y, mapped
    State        scores/1
    Source       Murphy 1973, Journal of Applied Meteorology 12(4), 595-600
    """
    counts = ranked(source)
    empty = nothing(counts)
    if empty is not None:
        return empty
    share = counts.m / counts.n
    low, high = wilson(counts.m, counts.n)
    ends = low * (1.0 - low), high * (1.0 - high)
    upper = 0.25 if low <= 0.5 <= high else max(ends)
    return Value(share * (1.0 - share), min(ends), upper, n=counts.n, kind=Kind.REALIZED)


def _edge(found: Cells) -> Floats:
    """Return how far the share of positives of each cell lies from that of all."""
    return np.asarray(found.positives / found.rows - found.positives.sum() / found.rows.sum())


def _squared(found: Cells, gap: Floats, resolution: float, n: int, most: float = 1.0) -> Value:
    """Return sum w g^2; sampling lifts it by sum w s^2, and makes it stray by the variance of squares of normals."""
    weight, spread = found.weight, found.variance
    number = float(weight @ gap**2)
    lift = float(weight @ spread)
    drawn = float(weight @ gap**4) - number**2
    variance = float(weight**2 @ (4.0 * gap**2 * spread + 2.0 * spread**2)) + max(drawn, 0.0) / n
    half = Z * math.sqrt(variance)
    lower = max(0.0, min(number, number - lift - half) - resolution)
    upper = min(most, max(number, number - lift + half) + resolution)
    return Value(number, lower, max(upper, number), resolution, n, Kind.REALIZED)


def _declare(name: str, better: str, text: str, interval: str, read: Callable[[Any], Value]) -> Metric:
    return Metric(
        name, "scores/1", QUALITY, CLASSES, better, "squared probability", text, interval,
        "Murphy 1973, Journal of Applied Meteorology 12(4), 595-600", read, Kind.REALIZED,
        least=ONE if name == "brier_uncertainty" else BY_CHANCE,
    )  # fmt: skip


BRIER_RELIABILITY = _declare(
    "brier_reliability", "lower", "part of the Brier score that recalibration would take away, over ten cells",
    "delta method over the cells, less what chance lifts it by; widened by the resolution of the bins",
    brier_reliability,
)  # fmt: skip
BRIER_RESOLUTION = _declare(
    "brier_resolution", "higher", "part of the uncertainty that the scores explain, over ten cells",
    "delta method over the cells, less what chance lifts it by", brier_resolution,
)  # fmt: skip
BRIER_UNCERTAINTY = _declare(
    "brier_uncertainty", "none", "Brier score of always answering the share of positives", "Wilson, mapped",
    brier_uncertainty,
)  # fmt: skip
