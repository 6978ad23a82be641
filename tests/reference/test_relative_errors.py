"""Relative and logarithmic errors and the interval of R2, against scikit-learn and a direct computation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from choirmaster.metrics import BY_NAME, evaluate
from choirmaster.metrics.intervals import Z
from choirmaster.states import Losses
from choirmaster.states.losses import LossPart, number_part
from choirmaster.values import Reason, Value

SEEDS = range(30)


def read(name: str, state: Losses) -> Value:
    value = evaluate(BY_NAME[name], state)
    assert value.reason is not Reason.FAILED, value.detail
    return value


def rows(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 300))
    y = rng.gamma(2.0, 50.0, n) + 1.0
    return y * np.exp(rng.normal(0.0, 0.3, n)), y


def state_of(f: np.ndarray, y: np.ndarray, part: LossPart | None = None) -> Losses:
    state = Losses.zero(part or number_part(y))
    state.update(f, y)
    return state


@pytest.mark.parametrize("seed", SEEDS)
def test_against_scikit_learn(seed: int) -> None:
    f, y = rows(seed)
    state = state_of(np.append(f, [np.nan, 1.0]), np.append(y, [1.0, np.nan]))
    scale = 4.0**state.part.exponent
    expected = {
        "mape": (sk.mean_absolute_percentage_error(y, f), 2.0**10), "msle": (sk.mean_squared_log_error(y, f), 2.0**6),
        "rmsle": (sk.root_mean_squared_log_error(y, f), 2.0**6), "mse": (sk.mean_squared_error(y, f), scale),
        "smape": (np.mean(2 * np.abs(f - y) / (np.abs(f) + np.abs(y))), 1.0),
        "r2": (sk.r2_score(y, f), scale / y.var()),
    }  # fmt: skip
    for name, (number, scale) in expected.items():
        value = read(name, state)
        assert value.number == pytest.approx(number, abs=1e-12 * scale), name
        assert value.n == len(y)
        assert value.lower is not None
        assert value.lower <= value.number <= value.upper, name


@pytest.mark.parametrize("seed", SEEDS)
def test_the_intervals_are_those_of_a_mean_and_of_a_ratio(seed: int) -> None:
    f, y = rows(seed)
    n, state = len(y), state_of(f, y)
    shares = np.abs(f - y) / y
    half = Z * shares.std(ddof=1) / np.sqrt(n)
    assert read("mape", state).upper == pytest.approx(shares.mean() + half, abs=1e-8)
    spread = (y - y.mean()) ** 2
    lost = ((f - y) ** 2).mean() / spread.mean()
    residual = (f - y) ** 2 - lost * spread
    half = Z * np.sqrt((residual**2).sum() / (n * (n - 1))) / spread.mean()
    assert read("r2", state).lower == pytest.approx(1.0 - lost - half, abs=1e-5)


def test_the_interval_of_r2_covers() -> None:
    rng, hits = np.random.default_rng(5), []
    part = number_part(np.array([994.0, 1000.0, 1006.0]))
    for _ in range(400):
        y = rng.normal(1000.0, 2.0, 200)
        value = read("r2", state_of(y + rng.normal(0.0, 1.0, 200), y, part))
        assert value.lower is not None
        hits.append(value.lower <= 0.75 <= value.upper)
    assert 0.92 <= np.mean(hits) <= 0.98


def test_a_large_mean_costs_no_digits() -> None:
    f, y = rows(1)
    shifted = state_of(f + 2.0**16, y + 2.0**16)
    assert read("r2", shifted).number == pytest.approx(sk.r2_score(y, f), abs=1e-6)


def test_rows_that_have_no_such_error_are_left_out_and_counted() -> None:
    state = state_of(np.array([2.0, 1.0, -1.0, 3.0, 0.0]), np.array([1.0, 0.0, 2.0, -3.0, 0.0]))
    value = read("mape", state)
    assert (value.number, value.n) == (pytest.approx((1.0 + 1.5 + 2.0) / 3, abs=1e-9), 3)
    assert value.detail == "2 rows with label 0 are left out"
    value = read("msle", state)
    assert value.n == 3
    assert value.number == pytest.approx((np.log(3 / 2) ** 2 + np.log(2) ** 2) / 3, abs=1e-10)
    assert value.detail == "2 rows with a negative label or answer are left out"
    assert read("smape", state).n == 5


def test_reasons() -> None:
    part = number_part(np.array([1.0, 2.0]))
    for name in ("mape", "smape", "msle", "rmsle", "mse", "r2"):
        assert read(name, Losses.zero(part)).reason is Reason.NO_LABELS
        assert read(name, state_of(np.array([np.nan]), np.array([1.0]), part)).reason is Reason.ALL_MISSING
    zeros = state_of(np.array([1.0]), np.array([0.0]), part)
    assert read("mape", zeros).reason is Reason.TOO_FEW_ROWS
    assert read("rmsle", state_of(np.array([-1.0]), np.array([1.0]), part)).reason is Reason.TOO_FEW_ROWS
    assert read("mape", state_of(np.array([1.0]), np.array([1e-300]), part)).reason is Reason.OUT_OF_RANGE
    assert read("mape", Losses(LossPart(True), np.ones(8, np.int64), np.zeros((6, 2), np.int64))).reason is (
        Reason.NOT_APPLICABLE
    )
    one = read("r2", state_of(np.array([1.0, 2.0]), np.array([1.0, 2.5]), part))
    assert one.number is not None
    assert one.lower is None  # two rows say nothing of the spread
