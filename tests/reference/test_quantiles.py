"""Forecasts given as quantiles, against scikit-learn and the definition of Bracher et al. 2021 computed directly."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from choirmaster.metrics import BY_NAME, evaluate, targets
from choirmaster.states import Quantiles
from choirmaster.states.quantiles import QuantilePart
from choirmaster.values import Reason, Value

LEVELS = {
    "three": ("0.1", "0.5", "0.9"), "five": ("0.05", "0.25", "0.5", "0.75", "0.95"), "no median": ("0.2", "0.8"),
    "a stranger": ("0.05", "0.3", "0.5", "0.7"),
}  # fmt: skip
SEEDS = range(8)
each = pytest.mark.parametrize("name", LEVELS)


def read(name: str, state: Quantiles, target: str = "") -> Value:
    value = evaluate(BY_NAME[name], state, target=target)
    assert value.reason is not Reason.FAILED, value.detail
    return value


def rows(levels: tuple[str, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 200))
    return np.sort(rng.normal(0.0, 2.0, (n, len(levels))), axis=1), rng.normal(0.0, 2.0, n)


def state_of(q: np.ndarray, y: np.ndarray, levels: tuple[str, ...], exponent: int = 4) -> Quantiles:
    state = Quantiles.zero(QuantilePart(levels, exponent))
    state.update(q, y)
    return state


def weighted_interval_score(q: np.ndarray, y: np.ndarray, levels: tuple[str, ...]) -> np.ndarray:
    """The score of each row as the paper writes it, by intervals."""
    place = {round(float(level), 9): at for at, level in enumerate(levels)}
    total, weight = np.zeros(len(y)), 0.0
    for level, at in place.items():
        if level < 0.5 and round(1 - level, 9) in place:
            lower, upper, alpha = q[:, at], q[:, place[round(1 - level, 9)]], 2 * level
            outside = np.maximum(lower - y, 0) + np.maximum(y - upper, 0)
            total += alpha / 2 * (upper - lower + 2 / alpha * outside)
            weight += 1.0
    if 0.5 in place:
        total += 0.5 * np.abs(y - q[:, place[0.5]])
        weight += 0.5
    return total / weight


@each
@pytest.mark.parametrize("seed", SEEDS)
def test_losses(name: str, seed: int) -> None:
    levels = LEVELS[name]
    q, y = rows(levels, seed)
    state = state_of(q, y, levels)
    losses = [mean_pinball_loss(y, q[:, k], alpha=float(level)) for k, level in enumerate(levels)]
    for level, number in zip(levels, losses, strict=True):
        assert read("pinball", state, level).number == pytest.approx(number, abs=1e-12 * 16)
    assert read("pinball", state).number == pytest.approx(np.mean(losses), abs=1e-12 * 16)
    value, direct = read("wis", state), weighted_interval_score(q, y, levels)
    assert value.number == pytest.approx(direct.mean(), abs=1e-12 * 16)
    half = 1.959963984540054 * direct.std(ddof=1) / np.sqrt(len(y))
    assert value.upper == pytest.approx(direct.mean() + half, abs=1e-8)
    assert value.n == len(y)


@pytest.mark.parametrize("name", ["three", "five", "no median"])
def test_the_score_is_twice_the_mean_pinball_loss_of_symmetric_levels(name: str) -> None:
    q, y = rows(LEVELS[name], 3)
    state = state_of(q, y, LEVELS[name])
    assert read("wis", state).number == pytest.approx(2.0 * (read("pinball", state).number or 0.0), abs=1e-11)


@each
def test_coverage_width_and_crossing(name: str) -> None:
    levels = LEVELS[name]
    q, y = rows(levels, 5)
    q[0, :2] = q[0, 1::-1]
    q[0, 0] += 1e-9
    state = state_of(
        np.vstack([q, q[:1]]), np.append(y, np.nan), levels
    )  # the row without a label counts for what needs none
    for k, level in enumerate(levels):
        value = read("quantile_coverage", state, level)
        assert (value.number, value.n) == (pytest.approx(np.mean(y <= q[:, k])), len(y))
    assert read("crossing_rate", state).number == pytest.approx(2 / (len(y) + 1))
    for nominal, (low, high) in zip(state.part.nominal, state.part.pairs, strict=True):
        assert float(nominal) == pytest.approx(float(levels[high]) - float(levels[low]))
        inside = (q[:, low] <= y) & (y <= q[:, high])
        assert read("interval_coverage", state, nominal).number == pytest.approx(inside.mean())
        width = np.append(q[:, high] - q[:, low], q[0, high] - q[0, low])
        value = read("interval_width", state, nominal)
        assert (value.number, value.n) == (pytest.approx(width.mean(), abs=1e-11), len(y) + 1)
    assert targets(BY_NAME["interval_coverage"], state) in (("macro", *state.part.nominal), ("",))


def test_pairs_are_named_by_the_share_they_should_hold() -> None:
    assert QuantilePart(LEVELS["five"]).nominal == ("0.5", "0.9")
    assert QuantilePart(LEVELS["a stranger"]).nominal == ("0.4",)
    assert QuantilePart(("0.025", "0.1", "0.9", "0.975")).nominal == ("0.8", "0.95")


def test_rows_that_lack_a_level_count_for_the_levels_they_have() -> None:
    q = np.array([[0.0, 1.0, np.nan], [0.0, 1.0, 2.0], [np.nan, np.nan, np.inf]])
    state = state_of(q, np.array([0.5, 1.5, 1.0]), LEVELS["three"])
    assert (state.n, state.unanswered, state.rows, state.answered) == (1, 2, 3, 1)
    assert read("pinball", state, "0.1").n == 2
    assert read("pinball", state, "0.9").n == 1
    assert read("wis", state).n == 1
    assert read("interval_width", state, "0.8").n == 1


def test_reasons() -> None:
    empty = state_of(np.empty((0, 3)), np.empty(0), LEVELS["three"])
    pending = state_of(np.ones((2, 3)), np.full(2, np.nan), LEVELS["three"])
    silent = state_of(np.full((2, 3), np.nan), np.ones(2), LEVELS["three"])
    far = state_of(np.full((1, 3), 1e9), np.ones(1), LEVELS["three"])
    lone = state_of(np.ones((1, 1)), np.ones(1), ("0.3",))
    assert read("wis", lone).reason is Reason.NOT_APPLICABLE
    for name, target in (("pinball", ""), ("pinball", "0.1"), ("wis", ""), ("interval_coverage", "0.8"),
                         ("quantile_coverage", "0.5")):  # fmt: skip
        assert read(name, empty, target).reason is Reason.NO_ROWS
        assert read(name, pending, target).reason is Reason.NO_LABELS
        assert read(name, silent, target).reason is Reason.ALL_MISSING
    assert read("pinball", far).reason is Reason.OUT_OF_RANGE
    assert read("wis", far).reason is Reason.OUT_OF_RANGE
    assert read("interval_width", silent, "0.8").reason is Reason.ALL_MISSING
    assert read("crossing_rate", silent).reason is Reason.ALL_MISSING
