"""The distances of drift against scipy and against the rows themselves, and how often they alarm without drift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from choirmaster.drift.cells import occupied
from choirmaster.drift.chi_squared import chi_squared, join_small
from choirmaster.drift.distances import greatest_difference, hellinger_squared, total_variation
from choirmaster.drift.divergence import jensen_shannon, psi
from choirmaster.metrics import evaluate
from choirmaster.states import Confusion, Histogram, Moments
from choirmaster.states.base import State
from choirmaster.states.confusion import ConfusionPart
from choirmaster.states.histogram import category_part, numeric_part, reference_histogram
from choirmaster.states.moments import moments_part
from choirmaster.states.scores import Scores, reference_scores, score_part
from choirmaster.values import Reason, Value
from tests.reference.few import BY_NAME


def read(name: str, current: State | None, reference: State | None = None) -> Value:
    value = evaluate(BY_NAME[name], current, reference)
    assert value.reason is not Reason.FAILED, value.detail
    return value


def counted(part, x: np.ndarray) -> Histogram:
    out = Histogram.zero(part)
    out.update(x)
    return out


def drawn(seed: int, k: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(6, 90, k), rng.integers(6, 400, k)


@pytest.mark.parametrize("seed", range(20))
def test_categories_by_the_formulas_and_scipy(seed: int) -> None:
    now, before = drawn(seed)
    part = category_part({f"c{i}": int(n) for i, n in enumerate(before)}, 3)
    current = counted(part, np.repeat(np.arange(len(now)), now))
    p, q = now / now.sum(), before / before.sum()
    expected = {"hellinger": np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2), "l_infinity": np.abs(p - q).max(),
                "total_variation": np.abs(p - q).sum() / 2}  # fmt: skip
    for name, number in expected.items():
        assert read(name, current, reference_histogram(part)).number == pytest.approx(number, abs=1e-12)
    table = np.stack([now, before])
    worth = np.minimum(now.sum(), before.sum()) * (now + before) / table.sum()
    if worth.min() >= 5:
        theirs = stats.chi2_contingency(table, correction=False)
        assert read("chi_squared", current, reference_histogram(part)).number == pytest.approx(theirs.statistic, 1e-12)
        found = read("chi_squared_p", current, reference_histogram(part))
        assert found.number == pytest.approx(theirs.pvalue, abs=1e-12)
        assert found.detail.startswith(f"{theirs.dof} degrees of freedom")
    for name in ("wasserstein", "wasserstein_scaled", "ks"):
        assert read(name, current, reference_histogram(part)).reason is Reason.NOT_APPLICABLE


@pytest.mark.parametrize("seed", range(20))
def test_joined_cells_are_large_enough_and_scipy_agrees_on_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(30, 0.5))
    now, before = occupied(rng.multinomial(120, weights), rng.multinomial(900, weights))
    cells = join_small(now, before)
    joined = np.stack([np.bincount(cells, one).astype(int) for one in (now, before)])
    theirs = stats.chi2_contingency(joined, correction=False)
    assert theirs.expected_freq.min() >= 5 - 1e-9
    found = chi_squared(now, before)
    assert (found.statistic.number, found.freedom) == (pytest.approx(theirs.statistic, rel=1e-12), theirs.dof)


def test_a_test_needs_two_cells() -> None:
    part = category_part({"a": 900, "b": 100}, 0)
    few = counted(part, np.array([0, 1, 0, 0]))
    assert read("chi_squared", few, reference_histogram(part)).reason is Reason.TOO_FEW_ROWS
    one = category_part({"a": 900}, 0)
    assert read("chi_squared_p", counted(one, np.zeros(9, np.int64)), reference_histogram(one)).number == 1.0


@pytest.mark.parametrize("seed", range(15))
def test_wasserstein_is_that_of_scipy_where_bins_hold_one_value(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.sort(rng.normal(size=30))
    before = np.concatenate([values, rng.choice(values, 400)])
    now = np.concatenate([rng.choice(values, 90), values[-1] + rng.random(5), values[0] - 3.0 * rng.random(3)])
    part = numeric_part(before)
    found = read("wasserstein", counted(part, now), reference_histogram(part))
    theirs = stats.wasserstein_distance(now, before)
    assert found.number == pytest.approx(theirs, abs=1e-11)
    assert found.resolution < 1e-12
    scaled = read("wasserstein_scaled", counted(part, now), reference_histogram(part))
    assert scaled.number == pytest.approx(theirs / before.std(), abs=1e-11)


rows = st.lists(st.one_of(st.floats(-5, 5), st.integers(-3, 3).map(float), st.sampled_from([0.0, 40.0])), min_size=1)


@given(rows, rows, st.integers(0, 400))
def test_the_rows_own_distance_lies_within_the_resolution(now: list[float], before: list[float], more: int) -> None:
    """More than 240 distinct values, so that bins hold several."""
    past = np.concatenate([before, [20.0], np.linspace(-2.0, 3.0, more)])  # 20 sets the scale, 40 lies outside
    part = numeric_part(past)
    current, reference = counted(part, np.array(now)), reference_histogram(part)
    found = read("wasserstein", current, reference)
    assert found.number is not None
    assert abs(found.number - stats.wasserstein_distance(now, past)) <= found.resolution + 1e-9
    other = counted(part, past[::2])
    between = read("wasserstein", current, other)
    assert between.number is not None
    assert abs(between.number - stats.wasserstein_distance(now, past[::2])) <= between.resolution + 1e-9


def test_what_lies_too_far_outside_and_a_constant_have_a_reason() -> None:
    part = numeric_part(np.linspace(0.0, 1.0, 50))
    assert read("wasserstein", counted(part, np.array([0.5, 1e300])), reference_histogram(part)).reason is (
        Reason.OUT_OF_RANGE
    )
    constant = numeric_part(np.ones(9))
    assert read("wasserstein", counted(constant, np.ones(4)), reference_histogram(constant)).number == 0.0
    assert read("wasserstein_scaled", counted(constant, np.ones(4)), reference_histogram(constant)).reason is (
        Reason.ZERO_VARIANCE
    )


def test_scores() -> None:
    rng = np.random.default_rng(0)
    before, now = rng.random(5000), rng.random(800) ** 1.3
    part = score_part(before, np.full(5000, 2))
    state = Scores.zero(part)
    state.update(now, np.full(800, 2))
    found = read("score_wasserstein", state, reference_scores(part))
    assert found.number is not None
    assert abs(found.number - stats.wasserstein_distance(now, before)) <= found.resolution + 1e-12
    assert found.resolution < 0.001
    for name in ("score_hellinger", "score_total_variation", "score_l_infinity", "score_chi_squared"):
        value = read(name, state, reference_scores(part))
        assert value.lower is not None
        assert value.lower > 0.0


def test_labels_and_predicted_classes() -> None:
    part = ConfusionPart(("a", "b", "c"))
    sides = []
    for shares in ((0.5, 0.3, 0.2), (0.2, 0.3, 0.5)):
        state = Confusion.zero(part)
        labels = np.repeat(np.arange(3), (np.array(shares) * 200).astype(int))
        state.update(np.append(labels, [3, 4]), np.append(labels[::-1], [0, 3]))
        sides.append(state)
    now, before = np.array([40, 60, 100, 1]), np.array([100, 60, 40, 1])
    p, q = ((one + 0.5) / (one + 0.5).sum() for one in (now, before))
    found = read("label_psi", sides[1], sides[0])
    assert found.number == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p), abs=1e-12)
    assert found.kind == "realized"
    shares = np.array([101, 60, 40]) / 201, np.array([41, 60, 100]) / 201
    found = read("prediction_total_variation", sides[1], sides[0])
    assert found.number == pytest.approx(np.abs(shares[0] - shares[1]).sum() / 2, abs=1e-12)


def test_shift_of_a_mean_and_its_interval() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(300):
        before, now = rng.normal(3.0, 2.0, 400), rng.normal(4.0, 2.0, 150)
        part = moments_part(before, 4)
        sides = Moments.zero(part), Moments.zero(part)
        sides[0].update(now)
        sides[1].update(before)
        found = read("mean_shift", *sides)
        assert found.number == pytest.approx((now.mean() - before.mean()) / before.std(ddof=1), abs=1e-9)
        assert found.lower is not None
        assert found.upper is not None
        inside += found.lower <= 0.5 <= found.upper
    assert 0.91 <= inside / 300 <= 0.985


MEASURES = (psi, jensen_shannon, hellinger_squared, total_variation, greatest_difference)
CASES = [(m, n, k) for m in (1000, 10_000) for n in (50, 200, 1000, 10_000) for k in (3, 10, 100)]


@pytest.mark.parametrize(("m", "n", "k"), CASES)
def test_alarms_without_drift(m: int, n: int, k: int) -> None:
    """An interval above 0 is an alarm; 5 % is promised. 200 runs at 5 % stray by 1.5 %, so 10 % is far outside."""
    rng = np.random.default_rng([m, n, k])
    weights = np.ones(k) / k
    pairs = [occupied(a, b) for a, b in zip(rng.multinomial(n, weights, 200), rng.multinomial(m, weights, 200),
                                            strict=True)]  # fmt: skip
    for measure in MEASURES:
        assert np.mean([measure(*pair).lower > 1e-12 for pair in pairs]) <= 0.1, measure.__name__
    assert np.mean([chi_squared(*pair).p_value < 0.05 for pair in pairs]) <= 0.11


@pytest.mark.parametrize(("n", "k"), [(200, 3), (1000, 10), (1000, 100)])
def test_intervals_hold_the_truth_under_drift(n: int, k: int) -> None:
    rng = np.random.default_rng([n, k])
    q, p = np.ones(k) / k, np.exp(-np.arange(k) / k)
    p /= p.sum()
    truth = {hellinger_squared: 1.0 - np.sqrt(p * q).sum(), total_variation: np.abs(p - q).sum() / 2,
             greatest_difference: np.abs(p - q).max()}  # fmt: skip
    pairs = [occupied(a, b) for a, b in zip(rng.multinomial(n, p, 300), rng.multinomial(5000, q, 300), strict=True)]
    for measure, number in truth.items():
        found = [measure(*pair) for pair in pairs]
        assert np.mean([one.lower <= number <= one.upper for one in found]) >= 0.9, measure.__name__
