"""Feature drift against scipy, over the same cells found another way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from choirmaster.metrics import evaluate, exact
from choirmaster.states import Histogram
from choirmaster.states.bins import count_cells
from choirmaster.states.histogram import NumericPart, category_part, numeric_part, reference_histogram
from choirmaster.values import Kind, Reason, Value
from tests.reference.few import BY_NAME

KINDS = ("smooth", "zeros", "few", "whole", "wide")


def sample(rng: np.random.Generator, kind: str, n: int, shift: float = 0.0) -> np.ndarray:
    x = rng.normal(shift, 1.0, n)
    if kind == "zeros":
        return np.where(rng.random(n) < 0.6, 0.0, x)
    if kind == "few":
        return rng.choice([0.0, 1.0, 5.0], n, p=[0.5, 0.3, 0.2])
    if kind == "whole":
        return np.round(x * 3.0)
    return np.exp(4.0 * x) if kind == "wide" else x


def state_of(part: NumericPart, x: np.ndarray) -> Histogram:
    """Count without the kernels."""
    tail = [int(np.isnan(x).sum()), int(np.isinf(x).sum()), 0]
    return Histogram(
        part, np.concatenate([count_cells(x, part.edges), tail]).astype(np.int64), np.zeros((2, 2), np.int64)
    )


def read(name: str, current: Histogram, reference: Histogram | None = None) -> Value:
    value = evaluate(BY_NAME[name], current, reference)
    assert value.reason is not Reason.FAILED, value.detail
    assert value.kind is Kind.OBSERVED
    if value.defined and value.lower is not None:
        assert value.lower <= value.number <= value.upper
    return value


def cells(part: NumericPart, before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the ten quantile cells by the rank of the middle of each bin, row by row and without the counts."""
    inside = np.clip(np.searchsorted(part.edges, before, side="right") - 1, 0, None)
    bins = np.unique(inside)
    sorted_bins = np.sort(inside)
    middle = {b: (np.searchsorted(sorted_bins, b, "left") + np.searchsorted(sorted_bins, b, "right")) / 2 for b in bins}
    coarse = {b: int(10 * middle[b] / len(before) + 1e-12) for b in bins}
    starts = np.array([part.edges[b] for b in bins])
    names = np.array([coarse[b] for b in bins])

    def cell(x: np.ndarray) -> np.ndarray:
        return names[np.clip(np.searchsorted(starts, x, side="right") - 1, 0, None)]

    used = np.unique(np.concatenate([cell(before), cell(now)]))
    return tuple(np.array([(cell(x) == one).sum() for one in used]) for x in (now, before))  # type: ignore[return-value]  # two of them


@pytest.mark.parametrize("kind", KINDS)
def test_psi_and_jensen_shannon(kind: str) -> None:
    for seed in range(25):
        rng = np.random.default_rng(seed)
        before, now = sample(rng, kind, 3000), sample(rng, kind, int(rng.integers(1, 500)), 0.3 * (seed % 3))
        part = numeric_part(np.append(before, [np.nan, np.inf]))
        state, reference = state_of(part, np.append(now, [np.nan, -np.inf])), reference_histogram(part)
        current_counts, reference_counts = cells(part, before, now)
        p, q = ((c + 0.5) / (c + 0.5).sum() for c in (current_counts, reference_counts))
        expected = stats.entropy(p, q) + stats.entropy(q, p)
        assert read("psi", state, reference).number == pytest.approx(expected, abs=1e-12)
        js = jensenshannon(current_counts, reference_counts, base=2)
        assert read("jensen_shannon", state, reference).number == pytest.approx(js, abs=1e-7)
        assert read("jensen_shannon", state, reference).number ** 2 == pytest.approx(js**2, abs=1e-12)
        assert read("psi", reference, reference).number == 0.0
        assert read("jensen_shannon", reference, reference).number == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_ks_holds_that_of_the_rows_and_exact_ks_is_that_of_scipy(kind: str) -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        before = sample(rng, kind, int(rng.integers(1, 2000)))
        now = sample(rng, kind, int(rng.integers(1, 400)), rng.choice([0.0, 0.1, 1.0, 9.0]))
        theirs = stats.ks_2samp(now, before).statistic
        for whole in (False, True):
            part = numeric_part(before, exact=whole)
            value = read("ks", state_of(part, now), reference_histogram(part))
            assert abs(value.number - theirs) <= value.resolution + 1e-12
            if whole:  # each reference value has a bin of its own
                assert value.resolution == 0.0
                assert value.number == pytest.approx(theirs, abs=1e-12)
        assert exact.ks(np.append(now, np.nan), np.append(before, np.inf)).number == pytest.approx(theirs, abs=1e-12)


def test_ks_is_exact_where_every_value_is_known_and_narrow_elsewhere() -> None:
    rng = np.random.default_rng(1)
    before, now = sample(rng, "few", 900), sample(rng, "few", 500)[::-1]
    part = numeric_part(before)
    value = read("ks", state_of(part, now), reference_histogram(part))
    assert value.resolution == 0.0
    assert value.number == pytest.approx(stats.ks_2samp(now, before).statistic, abs=1e-12)
    before, now = sample(rng, "zeros", 100_000), sample(rng, "zeros", 100_000)
    part = numeric_part(before)
    assert read("ks", state_of(part, now), reference_histogram(part)).resolution <= 0.005  # heavy zeros do not widen it


def test_ks_interval_adds_the_margin_of_both_samples() -> None:
    rng = np.random.default_rng(2)
    part = numeric_part(rng.normal(size=1000))
    now = rng.normal(0.5, 1.0, 400)
    value = read("ks", state_of(part, now), reference_histogram(part))
    margin = np.sqrt(np.log(80) / 800) + np.sqrt(np.log(80) / 2000)
    assert value.upper == pytest.approx(value.number + value.resolution + margin, abs=1e-12)
    assert value.lower == pytest.approx(max(0.0, value.number - value.resolution - margin), abs=1e-12)


def test_categories() -> None:
    part = category_part({"a": 60, "b": 30, "c": 10}, missing=4)
    state, reference = Histogram.zero(part), reference_histogram(part)
    state.update(np.repeat([0, 1, 2, 3, 4], [20, 20, 5, 5, 10]))
    now, before = np.array([20, 20, 5, 5]), np.array([60, 30, 10, 0])
    p, q = ((c + 0.5) / (c + 0.5).sum() for c in (now, before))
    assert read("psi", state, reference).number == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p), abs=1e-12)
    assert read("jensen_shannon", state, reference).number == pytest.approx(
        jensenshannon(now, before, base=2), abs=1e-12
    )
    assert read("ks", state, reference).reason is Reason.NOT_APPLICABLE
    assert read("unseen_rate", state).number == 5 / 50
    assert read("missing_rate", state).number == 10 / 60
    assert read("out_of_range_rate", state).reason is Reason.NOT_APPLICABLE
    assert read("not_finite_rate", state).reason is Reason.NOT_APPLICABLE


def test_an_unused_cell_is_no_cell() -> None:
    """Without an unseen row on either side, different sizes of both sides alone make no drift."""
    part = category_part({"a": 50_000, "b": 50_000}, missing=0)
    state = Histogram.zero(part)
    state.update(np.repeat([0, 1], [50, 50]))
    assert read("psi", state, reference_histogram(part)).number == 0.0


def test_rates_of_numbers() -> None:
    part = numeric_part(np.array([0.0, 1.0, 2.0]))
    state = state_of(part, np.array([-1.0, 0.0, 1.5, 2.0, 3.0, np.nan, np.inf, -np.inf]))
    assert read("missing_rate", state).number == 1 / 8
    assert read("not_finite_rate", state).number == 2 / 8
    assert read("out_of_range_rate", state).number == 2 / 5
    assert read("unseen_rate", state).reason is Reason.NOT_APPLICABLE


def test_reasons() -> None:
    part = numeric_part(np.array([0.0, 1.0]))
    reference, nothing, missing = reference_histogram(part), Histogram.zero(part), state_of(part, np.array([np.nan]))
    for name in ("psi", "jensen_shannon", "ks"):
        assert read(name, nothing, reference).reason is Reason.NO_ROWS
        assert read(name, missing, reference).reason is Reason.ALL_MISSING
        assert read(name, reference, None).reason is Reason.NO_REFERENCE
        assert read(name, reference, nothing).reason is Reason.NO_REFERENCE
        assert read(name, reference, missing).reason is Reason.NO_REFERENCE
    empty = numeric_part(np.array([np.nan, np.nan]))
    state = Histogram.zero(empty)
    state.update(np.array([1.0, np.nan, np.inf]))
    for name in ("psi", "jensen_shannon", "ks"):
        assert read(name, state, reference_histogram(empty)).reason is Reason.NO_REFERENCE
    assert read("out_of_range_rate", state).reason is Reason.NO_REFERENCE
    assert read("missing_rate", state).number == 1 / 3
    constant = numeric_part(np.zeros(50))
    same = state_of(constant, np.zeros(9))
    assert read("psi", same, reference_histogram(constant)).number == 0.0
    assert read("ks", same, reference_histogram(constant)).number == 0.0
    moved = state_of(constant, np.ones(9))
    assert read("ks", moved, reference_histogram(constant)).number == 1.0
    assert read("out_of_range_rate", moved).number == 1.0
    assert exact.ks(np.array([]), np.array([1.0])).reason is Reason.NO_ROWS
    assert exact.ks(np.array([np.nan]), np.array([1.0])).reason is Reason.ALL_MISSING
    assert exact.ks(np.array([1.0]), np.array([np.nan])).reason is Reason.NO_REFERENCE


def test_exact_ks_over_the_current_values_is_that_over_all_values() -> None:
    rng = np.random.default_rng(8)
    for case in range(200):
        n, m, distinct = rng.integers(1, 40), rng.integers(1, 400), rng.integers(1, 60)
        now, before = (rng.integers(0, distinct, size) / 7.0 - case % 3 for size in (n, m))
        values = np.union1d(now, before)
        f, g = (np.searchsorted(np.sort(one), values, "right") / len(one) for one in (now, before))
        assert exact.ks(now, before).number == np.abs(f - g).max()
