"""How often the 95 % intervals of metrics of scores hold the truth, by simulation with the truth known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from choirmaster.metrics import BY_NAME
from choirmaster.metrics.ranked import Ranked, ranked_rows
from choirmaster.states.scores import ScorePart, score_part

RUNS = 500
DRAWN = 1_000_000
LEAST, MOST = 0.92, 0.985  # 500 runs at 95 % stray by 0.0195 (two standard errors)


class World(NamedTuple):
    """Normal log-odds: negatives N(0, 1), positives N(skill, 1), scores calibrated up to ``bias``."""

    share: float
    skill: float
    n: int
    bias: float = 0.0

    def scores(self, x: np.ndarray) -> np.ndarray:
        odds = np.log(self.share / (1 - self.share)) + self.skill * x - self.skill**2 / 2 + self.bias
        return 1 / (1 + np.exp(-odds))

    def draw(self, rng: np.random.Generator, n: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        y = (rng.random(n or self.n) < self.share).astype(np.int64)
        return self.scores(rng.normal(self.skill * y, 1.0)), y

    def above(self, x: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the shares of positives and of negatives above a cut."""
        return stats.norm.sf(np.asarray(x) - self.skill), stats.norm.sf(x)

    def truth(self, name: str) -> float:
        pi = self.share
        if name == "roc_auc":
            return float(stats.norm.cdf(self.skill / np.sqrt(2)))
        if name == "average_precision":
            x = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000) + self.skill  # over the positives
            tpr, fpr = self.above(x)
            return float(np.mean(pi * tpr / (pi * tpr + (1 - pi) * fpr)))
        if name == "class_ks":
            return float(np.subtract(*self.above(self.skill / 2)))
        q = {"1pct": 0.01, "5pct": 0.05, "10pct": 0.1}[name.rpartition("_")[2]]
        if name.startswith("recall_at_fpr"):
            return float(self.above(stats.norm.isf(q))[0])
        tpr = self.above(brentq(lambda x: np.dot([pi, 1 - pi], self.above(x)) - q, -9, 9))[0]
        return float(tpr if name.startswith("recall") else pi * tpr / q)


EASY, RARE, FEW = World(0.3, 1.5, 400), World(0.02, 2.0, 5000), World(0.2, 1.0, 150)


def share_held(world: World, name: str, truth: float, part: ScorePart | None = None, runs: int = RUNS) -> float:
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(runs):
        p, y = world.draw(rng)
        rows: Ranked = ranked_rows(y, p, part)
        value = BY_NAME[name].value(rows)
        held += value.lower <= truth <= value.upper
    return held / runs


@pytest.mark.parametrize(
    ("world", "name"),
    [(world, name) for world in (EASY, RARE, FEW) for name in ("roc_auc", "average_precision", "recall_at_review_10pct",
                                                               "precision_at_review_10pct", "recall_at_fpr_10pct")]
    + [(RARE, name) for name in ("precision_at_review_1pct", "recall_at_review_1pct", "recall_at_fpr_1pct")],
    ids=lambda one: one if isinstance(one, str) else f"{one.share}-{one.n}",
)  # fmt: skip
def test_ranking(world: World, name: str) -> None:
    least = 0.9 if (world, name) == (FEW, "average_precision") else LEAST  # 30 positives: 93 %, as its docstring says
    assert least <= share_held(world, name, world.truth(name)) <= MOST


@pytest.mark.parametrize("world", [EASY, RARE, World(0.5, 3.5, 200)], ids=lambda one: f"{one.share}-{one.n}")
def test_class_ks_holds_at_least_95_percent(world: World) -> None:
    assert share_held(world, "class_ks", world.truth("class_ks")) >= 0.95


CALIBRATION = ("expected_calibration_error", "maximum_calibration_error", "observed_expected_ratio",
               "brier_reliability", "brier_resolution", "brier_uncertainty")  # fmt: skip


@pytest.mark.parametrize("name", CALIBRATION)
@pytest.mark.parametrize("world", [EASY, EASY._replace(bias=0.8), RARE, RARE._replace(bias=-1.0)],
                         ids=lambda one: f"{one.share}-{one.bias}")  # fmt: skip
def test_calibration(world: World, name: str) -> None:
    """The truth is that of a million rows in the cells of the reference. Intervals of what chance lifts may be wide."""
    rng = np.random.default_rng(12)
    part = score_part(*world.draw(rng, 100_000))
    truth = BY_NAME[name].value(ranked_rows(*world.draw(rng, DRAWN)[::-1], part)).number
    share = share_held(world, name, truth, part, runs=250)
    assert share >= LEAST
    if name in ("observed_expected_ratio", "brier_uncertainty"):
        assert share <= MOST
