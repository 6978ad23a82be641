"""Availability, rates and latency quantiles against numpy and scipy; means of features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from choirmaster.metrics import BY_NAME, evaluate
from choirmaster.metrics.intervals import quantile_ranks, wilson
from choirmaster.schema import STATUSES, Status
from choirmaster.states import Calls, Moments
from choirmaster.states.calls import CALLS, bucket, bucket_edges
from choirmaster.states.moments import MomentsPart, moments_part
from choirmaster.values import Reason, Value


def read(name: str, state: object) -> Value:
    value = evaluate(BY_NAME[name], state)  # type: ignore[arg-type]  # any state
    assert value.reason is not Reason.FAILED, value.detail
    return value


def answered(latencies: np.ndarray) -> Calls:
    state = Calls.zero(CALLS)
    state.update(np.zeros(len(latencies), np.int64), latencies, np.ones(len(latencies), np.int64))
    return state


def test_wilson_is_that_of_scipy() -> None:
    for n in (1, 2, 7, 50, 1000):
        for hits in {0, 1, n // 3, n - 1, n}:
            theirs = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
            assert wilson(hits, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_buckets_are_those_of_their_edges_and_at_most_a_32nd_wide() -> None:
    edges = bucket_edges()
    us = np.unique(np.concatenate([np.arange(300), *(2**k + np.arange(-2, 3) for k in range(6, 36))]))
    assert np.array_equal(bucket(us), np.searchsorted(edges, us, side="right") - 1)
    assert (np.diff(edges)[32:] <= edges[32:-1] / 32).all()


@pytest.mark.parametrize("seed", range(30))
def test_latency_quantiles_hold_those_of_the_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 600))
    latencies = np.exp(rng.normal(rng.uniform(2, 12), 1.0, n)).astype(np.int64)
    state = answered(np.append(latencies, -1))
    for percent in (50, 90, 99):
        value = read(f"latency_p{percent}", state)
        theirs = np.quantile(latencies, percent / 100, method="inverted_cdf")
        assert abs(value.number - theirs) <= value.resolution
        assert value.resolution <= max(0.0, theirs / 60)
        assert value.n == n
        low, high = quantile_ranks(n, percent / 100)
        assert stats.binom.cdf(high - 1, n, percent / 100) - stats.binom.cdf(low - 1, n, percent / 100) >= 0.95 - 1e-12
        ordered = np.sort(latencies)
        assert (value.lower is None) == (low < 1)
        assert value.lower is None or value.lower <= ordered[low - 1]
        assert (value.upper is None) == (high > n)
        assert value.upper is None or value.upper >= ordered[high - 1]
        if latencies.max() < 64:
            assert value.resolution == 0.0


def test_rates_count_calls_and_not_rows() -> None:
    state = Calls.zero(CALLS)
    codes = {status: STATUSES.index(status) for status in Status}
    calls = [Status.OK] * 6 + [Status.LATE] * 2 + [Status.FAILED, Status.INVALID, Status.QUARANTINED, Status.ABSENT]
    status = np.repeat([codes[one] for one in calls], 3)
    state.update(status, np.full(len(status), 10), np.tile([1, 0, 0], len(calls)))
    assert read("availability", state).number == 6 / 11
    assert read("late_rate", state).number == 2 / 11
    assert read("failure_rate", state).number == 2 / 11
    theirs = stats.binomtest(6, 11).proportion_ci(0.95, method="wilson")
    assert read("availability", state).lower == pytest.approx(theirs.low, abs=1e-12)
    assert (read("latency_p50", state).number, read("latency_p50", state).n) == (10.0, 6)


def test_reasons() -> None:
    empty = Calls.zero(CALLS)
    assert read("availability", empty).reason is Reason.NO_CALLS
    assert read("latency_p99", empty).reason is Reason.NO_CALLS
    assert read("latency_p99", answered(np.array([-1]))).reason is Reason.ALL_MISSING
    assert read("latency_p50", answered(np.array([1 << 50]))).reason is Reason.BEYOND_BINS
    mixed = answered(np.array([5] * 60 + [1 << 50]))
    assert read("latency_p50", mixed).number == 5.0
    absent = Calls.zero(CALLS)
    absent.update(np.array([STATUSES.index(Status.ABSENT)]), np.array([-1]), np.array([1]))
    assert read("availability", absent).reason is Reason.NO_CALLS


@pytest.mark.parametrize("seed", range(20))
def test_the_mean_of_a_feature(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(50.0, 20.0, int(rng.integers(2, 200)))
    state = Moments.zero(moments_part(x, 7))
    state.update(np.append(x, [np.nan, np.inf]))
    value = read("mean", state)
    assert value.number == pytest.approx(x.mean(), abs=1e-12 * 2**7)
    assert value.upper == pytest.approx(x.mean() + 1.959963984540054 * stats.sem(x), abs=1e-8)
    assert value.n == len(x)


def test_the_mean_beyond_the_range() -> None:
    state = Moments.zero(MomentsPart(0, 0.0, 1.0))
    assert read("mean", state).reason is Reason.NO_ROWS
    state.update(np.array([1.0, 2.0, 3.0]))
    assert read("mean", state).number == 2.0
    assert read("mean", state).lower is None  # 9 is beyond the range of x^2
    state.update(np.array([1e6]))
    value = read("mean", state)
    assert value.reason is Reason.OUT_OF_RANGE
    assert "the mean of the other 3 is 2.0" in value.detail
