"""Whether scores mean what they say: mean score against share of positives, in ten cells of equal mass.

The cells are those of the reference (``drift.cells.quantile_cells`` over its score bins): a tenth of its rows each,
fewer cells where many rows share a score. So they are the same in every window, and windows add up.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from choirmaster.metrics.base import BY_CHANCE, CLASSES, QUALITY, Metric
from choirmaster.metrics.intervals import Z, wilson
from choirmaster.metrics.ranked import Ranked, nothing, ranked
from choirmaster.states.base import Floats
from choirmaster.states.scores import Scores
from choirmaster.values import Kind, Reason, Value, undefined

FOLDED = math.sqrt(2.0 / math.pi)  # mean of |x|, x standard normal
NOBODY = -math.log(0.025)  # the most that a Poisson count of 0 leaves possible, at 97.5 %


class CurvePoint(NamedTuple):
    """One cell of a calibration curve.

    ``score`` is the mean score, within ``resolution``; ``share`` the share of positives with Wilson's interval.
    """

    n: int
    score: float
    resolution: float
    share: float
    lower: float
    upper: float


class Cells(NamedTuple):
    """Sums over the cells that hold rows; ``squares`` are of label minus score."""

    rows: Floats
    positives: Floats
    scores: Floats
    slack: Floats
    squares: Floats

    @property
    def weight(self) -> Floats:
        """Share of the rows."""
        return np.asarray(self.rows / self.rows.sum())

    @property
    def gap(self) -> Floats:
        """Mean score minus share of positives."""
        return np.asarray((self.scores - self.positives) / self.rows)

    @property
    def blur(self) -> Floats:
        """How far the mean score can lie from the number, from binning alone."""
        return np.asarray(self.slack / self.rows)

    @property
    def variance(self) -> Floats:
        """Sampling variance of the gap: of label minus score, at least that of a share with one row more of each."""
        share = (self.positives + 1.0) / (self.rows + 2.0)
        own = self.squares / self.rows - self.gap**2
        return np.asarray(np.maximum(own, share * (1.0 - share)) / self.rows)


def cells(counts: Ranked) -> Cells:
    """Add up the bins of each cell. A score is taken as the middle of its bin."""
    positives, rows = counts.positives.astype(np.float64), counts.both.astype(np.float64)
    middle, half = (counts.low + counts.high) / 2.0, (counts.high - counts.low) / 2.0
    squares = positives * (1.0 - middle) ** 2 + (rows - positives) * middle**2
    used = np.bincount(counts.cells) > 0
    columns = (rows, positives, rows * middle, rows * half, squares)
    return Cells(*(np.asarray(np.bincount(counts.cells, weights=one)[used], np.float64) for one in columns))


def calibration_curve(source: Scores | Ranked) -> tuple[CurvePoint, ...]:
    """Return the points of the calibration curve, ascending; none where no row has label and score.

    Examples
    --------
    >>> from choirmaster.metrics.ranked import ranked_rows
    >>> rows = ranked_rows(np.array([0, 1, 1, 1]), np.array([0.25, 0.25, 0.75, 0.75]))
    >>> [(point.n, point.score, point.share) for point in calibration_curve(rows)]
    [(2, 0.25, 0.5), (2, 0.75, 1.0)]
    """
    counts = ranked(source)
    if not counts.n:
        return ()
    found = cells(counts)
    table = zip(found.rows, found.positives, found.scores, found.blur, strict=True)
    return tuple(
        CurvePoint(int(n), float(score / n), float(blur), float(hits / n), *wilson(float(hits), float(n)))
        for n, hits, score, blur in table
    )


def expected_calibration_error(source: Scores | Ranked) -> Value:
    """Mean distance between score and share of positives, over ten cells.

    Definition   sum_c (n_c / n) |s_c - y_c|: s_c mean score and y_c share of positives of the n_c rows in cell c; cells
                 hold a tenth of the reference's rows each. Ten cells of equal width are the other convention.
    Range        [0, 1]; 0 is calibrated; lower is better. Few rows lift it: chance alone gives about
                 0.8 sum_c sqrt(n_c y_c (1 - y_c)) / n.
    Undefined    no_rows, no_labels, all_missing
    Resolution   sum_c (n_c / n) r_c: s_c is known within r_c, the mean half-width of its bins
    Interval     for the error of the population in these cells. s^2_c is the variance of s_c - y_c. Upper end: the
                 number, which chance lifts, plus Z sqrt(sum w^2 s^2). Lower end: the number less what chance alone
                 gives at most, sum w s sqrt(2 / pi) + Z sqrt((1 - 2 / pi) sum w^2 s^2). Widened by the resolution; at
                 least 95 %.
    State        scores/1
    Source       Naeini, Cooper, Hauskrecht 2015, AAAI, 2901-2907
    """
    counts = ranked(source)
    empty = nothing(counts)
    if empty is not None:
        return empty
    found = cells(counts)
    weight, spread = found.weight, np.sqrt(found.variance)
    number, resolution = float(weight @ np.abs(found.gap)), float(weight @ found.blur)
    deviation = float(np.sqrt(weight**2 @ spread**2))
    chance = float(weight @ spread) * FOLDED + Z * math.sqrt(1.0 - FOLDED**2) * deviation
    return Value(number, max(0.0, number - chance - resolution), min(1.0, number + Z * deviation + resolution),
                 resolution, counts.n, Kind.REALIZED)  # fmt: skip


def maximum_calibration_error(source: Scores | Ranked) -> Value:
    """Greatest distance between score and share of positives, over ten cells.

    Definition   max_c |s_c - y_c|, in the cells of expected_calibration_error
    Range        [0, 1]; 0 is calibrated; lower is better
    Undefined    no_rows, no_labels, all_missing
    Resolution   max_c r_c
    Interval     of all cells at once (Bonferroni): Wilson's interval of each y_c at 1 - 0.05 / cells, turned into one
                 of |s_c - y_c|; the greatest of their ends, widened by the resolution
    State        scores/1
    Source       Naeini, Cooper, Hauskrecht 2015, AAAI, 2901-2907
    """
    counts = ranked(source)
    empty = nothing(counts)
    if empty is not None:
        return empty
    found = cells(counts)
    gap, score = np.abs(found.gap), found.scores / found.rows
    fewer = (
        Z / NormalDist().inv_cdf(1.0 - 0.025 / len(gap))
    ) ** 2  # Wilson's interval at a higher level is that of fewer
    ends = [wilson(hits * fewer, n * fewer) for hits, n in zip(found.positives, found.rows, strict=True)]
    low, high = score - np.array([upper for _, upper in ends]), score - np.array([lower for lower, _ in ends])
    least = np.where((low <= 0.0) & (high >= 0.0), 0.0, np.minimum(np.abs(low), np.abs(high)))
    most = np.maximum(np.abs(low), np.abs(high))
    number, resolution = float(gap.max()), float(found.blur.max())
    lower, upper = max(0.0, float(least.max()) - resolution), min(1.0, float(most.max()) + resolution)
    return Value(number, min(lower, number), max(upper, number), resolution, counts.n, Kind.REALIZED)


def observed_expected_ratio(source: Scores | Ranked) -> Value:
    """Positives there were, over positives the scores promised: calibration in the large.

    Definition   sum_i y_i / sum_i p_i, over rows with label and score
    Range        [0, inf); 1 is calibrated; above 1 the scores are too low
    Undefined    no_rows, no_labels, all_missing, zero_variance (every score is 0), beyond_bins (nearly every one)
    Resolution   Each score is known within half its bin, so the sum lies in [lo, hi]: the greater of the ways from the
                 number, at the middles, to m / hi and to m / lo.
    Interval     delta method on the logarithm: Var ln R = sum_i (y_i - R p_i)^2 / m^2, widened by the resolution.
                 Without a positive: up to 3.69 / lo (Poisson).
    State        scores/1
    Source       Debray et al. 2017, BMJ 356, i6460 (the ratio and its logarithm)
    """
    counts = ranked(source)
    empty = nothing(counts)
    if empty is not None:
        return empty
    positives, rows = counts.positives.astype(np.float64), counts.both.astype(np.float64)
    middle, m, n = (counts.low + counts.high) / 2.0, counts.m, counts.n
    least, expected, most = (float(rows @ one) for one in (counts.low, middle, counts.high))
    if not most:
        return undefined(Reason.ZERO_VARIANCE, kind=Kind.REALIZED, n=n, detail="every score is 0")
    if least * 1e6 < expected:  # the bins next to 0 are endlessly wide as ratios go
        return undefined(Reason.BEYOND_BINS, kind=Kind.REALIZED, n=n, detail="the scores are too near to 0")
    ratio = m / expected
    if not m:
        return Value(0.0, 0.0, NOBODY / least, 0.0, n, Kind.REALIZED)
    resolution = max(m / least - ratio, ratio - m / most)
    squares = float(positives @ (1.0 - ratio * middle) ** 2 + (rows - positives) @ (ratio * middle) ** 2)
    factor = math.exp(Z * math.sqrt(squares) / m)
    return Value(
        ratio, max(0.0, ratio / factor - resolution), ratio * factor + resolution, resolution, n, Kind.REALIZED
    )


EXPECTED_CALIBRATION_ERROR = Metric(
    "expected_calibration_error", "scores/1", QUALITY, CLASSES, "lower", "probability",
    "mean |mean score - share of positives| over ten cells of equal mass in the reference",
    "from the sampling variance of each cell, less what chance gives; widened by the resolution of the bins",
    "Naeini, Cooper, Hauskrecht 2015, AAAI, 2901-2907", expected_calibration_error, Kind.REALIZED,
    least=BY_CHANCE,
)  # fmt: skip
MAXIMUM_CALIBRATION_ERROR = Metric(
    "maximum_calibration_error", "scores/1", QUALITY, CLASSES, "lower", "probability",
    "greatest |mean score - share of positives| over ten cells of equal mass in the reference",
    "Wilson of all cells at once by Bonferroni, widened by the resolution of the bins",
    "Naeini, Cooper, Hauskrecht 2015, AAAI, 2901-2907", maximum_calibration_error, Kind.REALIZED,
    least=BY_CHANCE,
)  # fmt: skip
OBSERVED_EXPECTED_RATIO = Metric(
    "observed_expected_ratio", "scores/1", QUALITY, CLASSES, "none", "ratio",
    "positives / sum of the scores", "delta method on the logarithm, widened by the resolution of the bins",
    "Debray et al. 2017, BMJ 356, i6460", observed_expected_ratio, Kind.REALIZED,
)  # fmt: skip
