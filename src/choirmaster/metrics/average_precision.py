"""Average precision, off score bins."""

from __future__ import annotations

import numpy as np

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.intervals import logit_interval
from choirmaster.metrics.ranked import Ranked, no_positives, ranked
from choirmaster.states.base import Floats
from choirmaster.states.scores import Scores
from choirmaster.values import Kind, Value


def average_precision(source: Scores | Ranked) -> Value:
    """Precision averaged over the positive rows, each at its own score as the cutoff.

    Definition   (1 / m) sum over positives i of A_i / (A_i + B_i): A_i positives and B_i negatives score at or above
                 s_i. The step form, without interpolation; the area under linearly joined points is larger.
    Range        (0, 1]; about the prevalence without skill; higher is better
    Undefined    no_rows, no_labels, all_missing, no_positives
    Resolution   Inside a bin of several scores the order is unknown. A bin with a positives and b negatives, below A
                 and B in higher bins, adds at most a (A + a) / (A + a + B) (its positives tied, before its negatives)
                 and at least sum_i (A + i) / (A + i + B + b) (one by one, after them), which is taken as
                 a - (B + b) ln(1 + a / (A + B + b + 1/2)), slightly less. The number is the middle of the two sums.
    Interval     The influence of each row on the number gives the variance (infinitesimal jackknife, the share of
                 positives being random too), times m / (m - 1); taken on the log-odds, then widened by the resolution.
                 At 1, or with one positive: Wilson's interval of m trials. With 30 to 100 positives it holds the
                 truth in 93 to 94 % of cases (simulated).
    State        scores/1
    Source       Boyd, Eng, Page 2013, ECML PKDD, LNCS 8190, 451-466 (interval on the log-odds);
                 Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans (the variance)
    """
    counts = ranked(source)
    return no_positives(counts) or _of(counts)


def _of(counts: Ranked) -> Value:
    a, b = counts.positives[::-1].astype(np.float64), counts.negatives[::-1].astype(np.float64)
    hits, alarms, m = np.cumsum(a), np.cumsum(b), float(a.sum())
    tied = a * hits / (hits + alarms)
    unclear = ~counts.single[::-1] & (a > 0.0) & (a + b > 1.0)
    most, least = tied.copy(), tied.copy()
    if unclear.any():
        own, seen, false = a[unclear], hits[unclear], alarms[unclear]
        most[unclear] = own * seen / (seen + false - b[unclear])
        least[unclear] = own - false * np.log1p(own / (seen - own + false + 0.5))
    upper, lower = float(most.sum()) / m, float(least.sum()) / m
    number, resolution = (upper + lower) / 2.0, max((upper - lower) / 2.0, 0.0)
    ends = logit_interval(number, _variance(a, b, hits, alarms), int(m))
    return Value(min(number, 1.0), max(0.0, ends[0] - resolution), min(1.0, ends[1] + resolution), resolution,
                 counts.n, Kind.REALIZED)  # fmt: skip


def _variance(a: Floats, b: Floats, hits: Floats, alarms: Floats) -> float:
    """Return the sum of squares of what each row adds to the number; bins descend.

    A row counts by its own precision (a positive), and by moving that of every positive at or below it.
    """
    m, seen = float(a.sum()), hits + alarms
    if m < 2.0:
        return 0.0
    precision = hits / seen
    lifts = _from_here_on(a * alarms / seen**2)
    drops = _from_here_on(a * hits / seen**2)
    mean = float((a * precision).sum()) / m
    total = float((a * (precision - mean + lifts) ** 2 + b * drops**2).sum())
    return total / (m * (m - 1.0))


def _from_here_on(values: Floats) -> Floats:
    out: Floats = np.cumsum(values[::-1])[::-1]
    return out


AVERAGE_PRECISION = Metric(
    "average_precision", "scores/1", QUALITY, CLASSES, "higher", "ratio",
    "mean over the positives of the precision at their own score (step form)",
    "infinitesimal jackknife on the log-odds, widened by the resolution of the bins",
    "Boyd, Eng, Page 2013, ECML PKDD, LNCS 8190, 451-466", average_precision, Kind.REALIZED,
)  # fmt: skip
