"""Quantiles of the latency of answered calls."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from choirmaster.metrics.base import EVERY, LATENCY, Metric
from choirmaster.metrics.intervals import quantile_ranks
from choirmaster.states.base import Ints
from choirmaster.states.calls import BUCKETS, Calls, bucket_edges
from choirmaster.values import Reason, Value, undefined


def latency_quantile(state: Calls, level: float) -> Value:
    """Latency that a given share of the answered calls does not exceed.

    Definition   the ceil(level n)-th least of the n latencies known, in whole microseconds (inverse of the empirical
                 distribution function); the middle of its bucket
    Undefined    no_calls, all_missing (answered, latency unknown), beyond_bins (nineteen hours or more)
    Resolution   half the bucket: 0 below 64 us, at most 1.6 % above
    Interval     order statistics by the binomial law, to the outer ends of their buckets; no upper end where the sample
                 is too small to hold one
    """
    counts = state.latencies
    n = int(counts.sum())
    if not n:
        return undefined(Reason.ALL_MISSING if state.counts[-1] else Reason.NO_CALLS, n=int(state.counts[-1]))
    below = np.cumsum(counts)
    at = _bucket(below, max(1, math.ceil(round(level * n, 9))))
    if at == BUCKETS - 1:
        return undefined(Reason.BEYOND_BINS, n=n)
    first, last = _ends(at)
    least, most = quantile_ranks(n, level)
    lower = _ends(_bucket(below, least))[0] if least >= 1 else None
    end = _bucket(below, most) if most <= n else BUCKETS - 1
    upper = _ends(end)[1] if end < BUCKETS - 1 else None
    return Value((first + last) / 2.0, lower, upper, (last - first) / 2.0, n)


def _bucket(below: Ints, rank: int) -> int:
    return int(np.searchsorted(below, rank, side="left"))


def _ends(at: int) -> tuple[float, float]:
    """Return the least and the greatest whole microsecond of a bucket."""
    edges = bucket_edges()
    return float(edges[at]), float(edges[at + 1]) - 1.0


def _metric(percent: int) -> Metric:
    return Metric(
        f"latency_p{percent}", "calls/1", LATENCY, EVERY, "lower", "us",
        f"latency that {percent} % of the answered calls do not exceed",
        "order statistics by the binomial law, to the outer ends of their buckets", "textbook",
        partial(latency_quantile, level=percent / 100.0),
    )  # fmt: skip


LATENCY_P50, LATENCY_P90, LATENCY_P99 = _metric(50), _metric(90), _metric(99)
