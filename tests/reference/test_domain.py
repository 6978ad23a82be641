"""The domain classifier against scikit-learn's ridge and the best possible classifier, and where it cannot be told."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from choirmaster.drift.domain import _design, domain_scores, folds_of
from choirmaster.metrics.domain_classifier import auc_of_rows
from choirmaster.values import Reason

N = 4_000


def sides(rng: np.random.Generator, n: int = N, p: int = 4):
    return rng.normal(size=(2 * n, p)), np.repeat([0, 1], n)


def test_scores_are_those_of_ridge_regression_fold_by_fold() -> None:
    rng = np.random.default_rng(0)
    x, second = sides(rng, 300, 3)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[second == 1, 0] += 0.5
    codes = rng.choice([-1, 0, 1, 2], 600)
    found = domain_scores(list(x.T), [codes], second)
    design, folds = _design(list(x.T), [codes]), folds_of(second)
    for fold in range(2):
        inside = folds == fold
        ridge = Ridge(alpha=0.05 * 600 + design.shape[1], fit_intercept=False)
        expected = ridge.fit(design[~inside], second[~inside] - 0.5).predict(design[inside])
        np.testing.assert_allclose(found[inside], expected, atol=1e-10)
    value = auc_of_rows(list(x.T), [codes], second)
    halves = [roc_auc_score(second[folds == one], found[folds == one]) for one in range(2)]
    assert value.number == pytest.approx(np.mean(halves), abs=1e-12)
    assert value.lower > 0.5
    assert (value.n, value.resolution) == (300, 0.0)


def test_a_shift_is_told_nearly_as_well_as_can_be() -> None:
    x, second = sides(np.random.default_rng(1))
    x[second == 1] += [0.5, 0.0, 0.5, 0.0]
    best = NormalDist().cdf(0.5**0.5 / 2**0.5)
    assert auc_of_rows(list(x.T), [], second).number == pytest.approx(best, abs=0.02)


def test_a_broken_correlation_is_told_nearly_as_well_as_can_be() -> None:
    x, second = sides(np.random.default_rng(2), p=2)
    x[second == 0, 1] = 0.9 * x[second == 0, 0] + 0.19**0.5 * x[second == 0, 1]
    a, b = x.T
    ratio = (a**2 - 1.8 * a * b + b**2) / (2 * 0.19) - (a**2 + b**2) / 2
    value = auc_of_rows([a, b], [], second)
    assert value.number > 0.5 + 0.75 * (roc_auc_score(second, ratio) - 0.5)
    assert auc_of_rows([a], [], second).number < 0.53
    assert auc_of_rows([b], [], second).number < 0.53


def test_other_categories_and_missing_values_are_told() -> None:
    rng = np.random.default_rng(3)
    x, second = sides(rng, p=1)
    codes = np.where(second == 1, rng.choice([0, 1, 2], 2 * N, p=[0.2, 0.3, 0.5]), rng.choice([0, 1, 2], 2 * N))
    assert auc_of_rows([], [codes], second).lower > 0.55
    x[(second == 1) & (rng.random(2 * N) < 0.2)] = np.nan
    assert auc_of_rows([x[:, 0]], [], second).number == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize("n", [40, 500])
def test_where_nothing_has_moved_it_is_about_a_half(n: int) -> None:
    rng = np.random.default_rng(n)
    found = []
    for _ in range(100):
        x, second = sides(rng, n, 3)
        found.append(auc_of_rows(list(x.T), [rng.integers(0, 4, 2 * n)], second))
    assert np.mean([one.number for one in found]) == pytest.approx(0.5, abs=0.03)
    outside = [one.lower > 0.5 for one in found], [one.upper < 0.5 for one in found]
    assert all(sum(one) <= 7 for one in outside)  # 2.5 of 100 are expected, 8 or more once in 300 draws


def test_odd_columns_do_no_harm() -> None:
    second = np.repeat([0, 1], 50)
    nothing, all_ids = np.full(100, np.nan), np.arange(100)
    value = auc_of_rows([nothing, np.ones(100)], [np.full(100, -1)], second)
    assert value.number == 0.5
    assert auc_of_rows([np.where(second, np.inf, -np.inf)], [], second).number == 1.0
    assert auc_of_rows([], [all_ids % 97], second).number is not None
    assert auc_of_rows([], [], second).number == 0.5
    many = list(np.random.default_rng(0).normal(size=(40, 100)))
    assert 0.0 <= auc_of_rows(many, [], second).number <= 1.0


def test_too_few_rows_on_either_side() -> None:
    for n, m in ((29, 100), (100, 29), (0, 100)):
        value = auc_of_rows([np.arange(float(n + m))], [], np.repeat([1, 0], [n, m]))
        assert (value.reason, value.n) == (Reason.TOO_FEW_ROWS, n)
        assert "needs about 30 rows" in value.detail
