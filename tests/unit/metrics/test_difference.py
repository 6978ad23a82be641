"""Intervals of differences against Newcombe's published table, and against the normal one."""

from __future__ import annotations

import numpy as np
import pytest

from choirmaster.metrics.difference import difference, ratio
from choirmaster.metrics.pairs import share
from choirmaster.values import Kind, Reason, Value, undefined

# Newcombe 1998, Table II, method 10: p1 - p2 of (hits, n) and (hits, n)
PUBLISHED = [
    ((56, 70), (48, 80), 0.0524, 0.3339),
    ((9, 10), (3, 10), 0.1705, 0.8090),
    ((10, 10), (0, 20), 0.6791, 1.0000),
    ((10, 10), (0, 10), 0.6075, 1.0000),
]


@pytest.mark.parametrize(("two", "one", "lower", "upper"), PUBLISHED)
def test_of_shares_it_is_newcombes(two, one, lower: float, upper: float) -> None:
    found = difference(share(*one), share(*two))
    assert found.number == pytest.approx(two[0] / two[1] - one[0] / one[1], abs=1e-15)
    assert (found.lower, found.upper) == (pytest.approx(lower, abs=5e-5), pytest.approx(upper, abs=5e-5))
    assert found.n == one[1] + two[1]


def test_of_normal_intervals_it_is_the_normal_one() -> None:
    one, two = Value(1.0, 0.7, 1.3, 0.1, 10), Value(3.0, 2.6, 3.4, 0.2, 20, Kind.REALIZED)
    found = difference(one, two)
    assert (found.lower, found.upper) == (pytest.approx(1.5), pytest.approx(2.5))
    assert found.resolution == pytest.approx(0.3)


def test_what_is_undefined_stays_so() -> None:
    none = undefined(Reason.NO_LABELS, n=3)
    for verb in (difference, ratio):
        assert verb(none, share(1, 2)).reason is Reason.NO_LABELS
        assert verb(share(1, 2), none).n == 5
    assert difference(Value(1.0), share(1, 2)).lower is None
    assert ratio(Value(1.0), share(1, 2)).lower is None
    assert ratio(share(0, 5), share(1, 2)).reason is Reason.NOT_APPLICABLE
    assert ratio(share(1, 2), share(0, 5)).reason is Reason.NOT_APPLICABLE


@pytest.mark.parametrize(("n", "m", "p", "q"), [(40, 400, 0.8, 0.6), (100, 100, 0.1, 0.12), (30, 1000, 0.97, 0.9)])
def test_coverage(n: int, m: int, p: float, q: float) -> None:
    rng = np.random.default_rng(n)
    held = []
    for i, j in zip(rng.binomial(n, p, 3_000).tolist(), rng.binomial(m, q, 3_000).tolist(), strict=True):
        one, two = difference(share(j, m), share(i, n)), ratio(share(j, m), share(i, n))
        held.append((one.lower <= p - q <= one.upper, two.lower is None or two.lower <= p / q <= two.upper))
    for inside in np.mean(held, axis=0):
        assert 0.935 <= inside <= 0.98
