"""Quality of forecasts given as quantiles: pinball loss, weighted interval score, coverage, width, crossing."""

from __future__ import annotations

from choirmaster.metrics.base import DATA_QUALITY, QUALITY, Metric, class_index
from choirmaster.metrics.intervals import Bounds, mean_interval, wilson
from choirmaster.schema import Task
from choirmaster.states.quantiles import Quantiles
from choirmaster.values import Kind, Reason, Value, undefined

QUANTILES = (Task.QUANTILE,)


def pinball(state: Quantiles) -> Value:
    """Pinball loss (quantile loss), of each level and on average.

    Definition   of level t: (1/n) sum_i t (y_i - q_i) where y_i > q_i, else (1 - t) (q_i - y_i); target ``macro``: the
                 mean over the levels, over rows that have them all
    Range        [0, inf); 0 is best; lower is better; unit of the label
    Undefined    no_rows, no_labels, all_missing, out_of_range (a loss beyond 4 times the scale of the reference)
    Interval     normal, from the sum of squares; none below two rows
    State        quantiles/1
    Source       Koenker and Bassett 1978, Econometrica 46(1), 33-50. Some count it twice: at the median that is the
                 absolute error, of which ours is half.
    """
    at = 2 * len(state.part.levels)
    return _nothing(state) or _mean(state, at, state.n)


def pinball_for(state: Quantiles, target: str) -> Value:
    """Return the pinball loss of one level, over the rows that have it."""
    place = class_index(state.part.levels, target)
    n = int(state.below[place].sum())
    return _nothing_at(state, n) or _mean(state, 2 * place, n)


def wis(state: Quantiles) -> Value:
    """Weighted interval score.

    Definition   with K central intervals [l_k, u_k] of nominal share 1 - a_k and the median m:
                 (|y - m| / 2 + sum_k (a_k / 2) IS_k) / (K + 1/2), IS_k = u_k - l_k + (2 / a_k) (l_k - y)+ +
                 (2 / a_k) (y - u_k)+. It equals the mean of twice the pinball loss over the 2 K + 1 levels. Without a
                 median the mean is over 2 K levels; levels without a partner have no part.
    Range        [0, inf); 0 is best; lower is better; unit of the label
    Undefined    no_rows, no_labels, all_missing, out_of_range; not shown where there is neither a central pair nor a
                 median
    Interval     normal, from the sum of squares; none below two rows
    State        quantiles/1
    Source       Bracher, Ray, Gneiting and Reich 2021, PLoS Computational Biology 17(2), e1008618
    """
    if not state.part.share.any():
        return undefined(Reason.NOT_APPLICABLE, kind=Kind.REALIZED, detail="no two levels sum to 1")
    at = 2 * len(state.part.levels) + 2
    return _nothing(state) or _mean(state, at, state.n)


def interval_coverage_for(state: Quantiles, target: str) -> Value:
    """Return the share of labels that lie in one central interval."""
    _, outside, inside = (int(one) for one in state.inside[class_index(state.part.nominal, target)])
    return _nothing_at(state, outside + inside) or _share(inside, outside + inside)


def interval_width_for(state: Quantiles, target: str) -> Value:
    """Return the mean width of one central interval, labelled or not."""
    place = class_index(state.part.nominal, target)
    n, at = int(state.inside[place].sum()), 2 * len(state.part.levels) + 4 + 2 * place
    if not n:
        return undefined(Reason.ALL_MISSING if state.rows else Reason.NO_ROWS)
    return _mean(state, at, n, kind=Kind.OBSERVED, least=None)


def quantile_coverage_for(state: Quantiles, target: str) -> Value:
    """Return the share of labels at or below one quantile; calibrated is the level itself."""
    above, below = (int(one) for one in state.below[class_index(state.part.levels, target)])
    return _nothing_at(state, above + below) or _share(below, above + below)


def interval_coverage(state: Quantiles) -> Value:
    """Share of labels that lie in a central interval, ends included.

    Definition   (1/n) sum_i 1[l_i <= y_i <= u_i] for each pair of levels that sum to 1; the target is the nominal share
                 of the pair, such as ``0.9`` of 0.05 and 0.95. There is no value of all together.
    Range        [0, 1]; best is the nominal share
    Undefined    no_rows, no_labels, all_missing
    Interval     Wilson
    State        quantiles/1
    """
    return _none(state, Kind.REALIZED)


def interval_width(state: Quantiles) -> Value:
    """Mean width of a central interval, over all rows that have it, labelled or not.

    Definition   (1/n) sum_i (u_i - l_i), for each pair as in ``interval_coverage``
    Undefined    no_rows, all_missing, out_of_range
    Interval     normal, from the sum of squares; none below two rows
    State        quantiles/1
    """
    return _none(state, Kind.OBSERVED)


def quantile_coverage(state: Quantiles) -> Value:
    """Share of labels at or below a predicted quantile.

    Definition   (1/n) sum_i 1[y_i <= q_i] for each level; calibrated is the level itself
    Range        [0, 1]
    Undefined    no_rows, no_labels, all_missing
    Interval     Wilson
    State        quantiles/1
    """
    return _none(state, Kind.REALIZED)


def crossing_rate(state: Quantiles) -> Value:
    """Share of answers in which a quantile lies above one of a higher level.

    Definition   rows with q_i(s) > q_i(t) for neighbouring levels s < t / rows that have every level
    Range        [0, 1]; 0 is best
    Undefined    no_rows, all_missing
    Interval     Wilson
    State        quantiles/1
    """
    if not state.answered:
        return undefined(Reason.ALL_MISSING if state.rows else Reason.NO_ROWS)
    return _share(state.crossing, state.answered, Kind.OBSERVED)


def levels(state: Quantiles) -> tuple[str, ...]:
    """Return the quantile levels."""
    return state.part.levels


def nominal(state: Quantiles) -> tuple[str, ...]:
    """Return the nominal shares of the central intervals."""
    return state.part.nominal


def _none(state: Quantiles, kind: Kind) -> Value:
    if not state.rows:
        return undefined(Reason.NO_ROWS, kind=kind)
    return undefined(Reason.NOT_APPLICABLE, kind=kind, n=state.rows, detail="there is a value for each")


def _nothing(state: Quantiles) -> Value | None:
    return _nothing_at(state, state.n)


def _nothing_at(state: Quantiles, n: int) -> Value | None:
    if n:
        return None
    if not state.rows:
        return undefined(Reason.NO_ROWS, kind=Kind.REALIZED)
    some = state.n + state.unanswered
    return undefined(Reason.ALL_MISSING if some else Reason.NO_LABELS, kind=Kind.REALIZED,
                     detail="no labelled row has these quantiles" if some else "")  # fmt: skip


def _mean(state: Quantiles, at: int, n: int, kind: Kind = Kind.REALIZED, least: float | None = 0.0) -> Value:
    if clipped := state.clipped(at):
        return undefined(Reason.OUT_OF_RANGE, kind=kind, n=n, detail=f"{clipped} of {n} rows lie beyond the range")
    total = state.total(at)
    bounds: Bounds = (None, None) if state.clipped(at + 1) else mean_interval(total, state.total(at + 1), n)
    lower = bounds[0] if bounds[0] is None or least is None else max(bounds[0], least)
    return Value(total / n, lower, bounds[1], n=n, kind=kind)


def _share(hits: int, n: int, kind: Kind = Kind.REALIZED) -> Value:
    return Value(hits / n, *wilson(hits, n), n=n, kind=kind)


_BRACHER = "Bracher, Ray, Gneiting, Reich 2021, PLoS Computational Biology 17(2), e1008618"
PINBALL = Metric(
    "pinball", "quantiles/1", QUALITY, QUANTILES, "lower", "unit of the label",
    "mean of t (y - q) above the quantile, (1 - t) (q - y) below; each level, and the mean over them",
    "normal, from the sum of squares", "Koenker and Bassett 1978, Econometrica 46(1), 33-50", pinball, Kind.REALIZED,
    pinball_for, levels,
)  # fmt: skip
WIS = Metric(
    "wis", "quantiles/1", QUALITY, QUANTILES, "lower", "unit of the label",
    "weighted interval score: twice the pinball loss, averaged over central pairs and the median",
    "normal, from the sum of squares", _BRACHER, wis, Kind.REALIZED,
)  # fmt: skip
INTERVAL_COVERAGE = Metric(
    "interval_coverage", "quantiles/1", QUALITY, QUANTILES, "none", "ratio",
    "labels inside a central interval / labels; the target is the nominal share", "Wilson", _BRACHER,
    interval_coverage, Kind.REALIZED, interval_coverage_for, nominal,
)  # fmt: skip
QUANTILE_COVERAGE = Metric(
    "quantile_coverage", "quantiles/1", QUALITY, QUANTILES, "none", "ratio",
    "labels at or below a quantile / labels; calibrated is the level itself", "Wilson", "textbook",
    quantile_coverage, Kind.REALIZED, quantile_coverage_for, levels,
)  # fmt: skip
INTERVAL_WIDTH = Metric(
    "interval_width", "quantiles/1", DATA_QUALITY, QUANTILES, "lower", "unit of the label",
    "mean width of a central interval, labelled or not", "normal, from the sum of squares", _BRACHER,
    interval_width, Kind.OBSERVED, interval_width_for, nominal,
)  # fmt: skip
CROSSING_RATE = Metric(
    "crossing_rate", "quantiles/1", DATA_QUALITY, QUANTILES, "lower", "ratio",
    "rows in which a quantile lies above one of a higher level / rows with every level", "Wilson",
    "Chernozhukov, Fernandez-Val, Galichon 2010, Econometrica 78(3), 1093-1125", crossing_rate,
)  # fmt: skip
