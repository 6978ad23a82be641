"""How often the 95 % intervals hold the truth, by simulation with the truth known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from choirmaster.drift.cells import occupied
from choirmaster.drift.divergence import jensen_shannon, psi
from choirmaster.drift.ks import ks_margin
from choirmaster.engines.compile import compiled
from choirmaster.metrics import BY_NAME, evaluate, exact
from choirmaster.metrics.intervals import wilson
from choirmaster.states import Confusion, Losses, State
from choirmaster.states.confusion import ConfusionPart
from choirmaster.states.losses import LossPart
from choirmaster.values import Value

RUNS = 1500
LEAST, MOST = 0.93, 0.97  # 1,500 runs at 95 % stray by 0.011 (two standard errors)


def holds(value: Value, truth: float) -> bool:
    assert value.lower is not None
    assert value.upper is not None
    return value.lower <= truth <= value.upper


@pytest.mark.parametrize(("n", "share"), [(30, 0.5), (200, 0.1), (1000, 0.02)])
def test_wilson(n: int, share: float) -> None:
    """Exactly, by the binomial law; averaged over close shares, since the hits of one share are lumpy."""
    hits = np.arange(n + 1)
    ends = np.array([wilson(k, n) for k in hits])
    found = []
    for p in share * np.linspace(0.8, 1.2, 41):
        inside = (ends[:, 0] <= p) & (p <= ends[:, 1])
        found.append(stats.binom.pmf(hits, n, p)[inside].sum())
    assert 0.94 <= np.mean(found) <= 0.965


def confusion(part: ConfusionPart, cells: np.ndarray) -> Confusion:
    k = len(part.classes)
    table = np.zeros((k + 2, k + 1), np.int64)
    table[:k, :k] = cells.reshape(k, k)
    return Confusion(part, table.reshape(-1), np.zeros((0, 2), np.int64))


OF_CLASSES = ("accuracy", "precision", "recall", "f1", "jaccard", "specificity", "negative_predictive_value",
              "balanced_accuracy", "mcc", "kappa")  # fmt: skip
AVERAGED = [(name, target) for name in OF_CLASSES[1:7] for target in ("micro", "weighted")]


@pytest.mark.parametrize("task", ["two", "three"])
@pytest.mark.parametrize(("name", "target"), [*((name, "") for name in OF_CLASSES), *AVERAGED])
def test_confusion(name: str, target: str, task: str) -> None:
    if task == "two":
        part, chances, n = ConfusionPart(("no", "yes"), 1, 0.5), np.array([0.6, 0.1, 0.12, 0.18]), 200
    else:
        part, n = ConfusionPart(("a", "b", "c")), 400
        chances = np.array([0.3, 0.05, 0.05, 0.04, 0.25, 0.05, 0.03, 0.07, 0.16])
    metric = BY_NAME[name]
    truth = evaluate(metric, confusion(part, np.rint(chances * 1e12).astype(np.int64)), target=target).number
    assert truth is not None
    rng = np.random.default_rng(1)
    drawn = rng.multinomial(n, chances, RUNS)
    share = np.mean([holds(evaluate(metric, confusion(part, one), target=target), truth) for one in drawn])
    assert LEAST <= share <= MOST


MONEY = ("value_accuracy", "value_precision", "value_recall", "value_caught", "value_missed", "value_false_alarms")


@pytest.mark.parametrize("name", [*MONEY, "cost", "total_cost"])
def test_value_and_cost(name: str) -> None:
    n, chances = 400, np.array([0.6, 0.1, 0.1, 0.2])
    mean = np.array([20.0, 60.0, 80.0, 50.0])  # of the value, which follows a gamma law with shape 2
    costs = (0.0, 2.0, 15.0, -1.0)
    v, v1 = chances * mean, chances[3] * mean[3]
    truth = {
        "value_accuracy": (v[0] + v[3]) / v.sum(), "value_precision": v1 / (v1 + v[1]),
        "value_recall": v1 / (v1 + v[2]), "value_caught": n * v1, "value_missed": n * v[2],
        "value_false_alarms": n * v[1], "cost": chances @ costs, "total_cost": n * chances @ costs,
    }[name]  # fmt: skip
    part = ConfusionPart(("no", "yes"), 1, 0.5, 10, costs)
    rng = np.random.default_rng(6)
    found = []
    for _ in range(RUNS):
        case = rng.choice(4, n, p=chances)
        state = Confusion.zero(part)
        state.update(case // 2, case % 2, rng.gamma(2.0, mean[case] / 2.0), compiled())
        found.append(holds(evaluate(BY_NAME[name], state), truth))
    assert LEAST <= np.mean(found) <= MOST


@pytest.mark.parametrize(("share", "skill", "n"), [(0.5, 1.0, 80), (0.1, 1.5, 300), (0.5, 3.5, 80), (0.5, 0.0, 80)])
def test_delong(share: float, skill: float, n: int) -> None:
    truth = float(stats.norm.cdf(skill / np.sqrt(2.0)))
    rng = np.random.default_rng(2)
    found = []
    for _ in range(RUNS):
        y = (np.arange(n) < share * n).astype(np.int64)
        found.append(holds(exact.roc_auc(y, rng.normal(skill * y, 1.0)), truth))
    assert LEAST <= np.mean(found) <= MOST + 0.01


def test_losses() -> None:
    rng = np.random.default_rng(3)
    found: dict[str, list[bool]] = {"mae": [], "rmse": [], "bias": []}
    truth = {"mae": 2.0 * np.sqrt(2 / np.pi), "rmse": 2.0, "bias": 0.0}
    for _ in range(400):
        errors = rng.normal(0.0, 2.0, 100)
        counts = np.array([100, 0, 0, 0, 0, 0, 0, 0], np.int64)
        state: State = Losses(LossPart(True, 4), counts, np.zeros((6, 2), np.int64))
        powers = (errors, np.abs(errors), errors**2, errors**4)
        units = [int(np.rint(one.sum() * 2.0 ** (40 - e))) for one, e in zip(powers, (4, 4, 8, 16), strict=True)]
        state.add(np.zeros(8, np.int64), np.array([*units, 0, 0], np.int64))
        for name, number in truth.items():
            found[name].append(holds(evaluate(BY_NAME[name], state), number))
    for name, one in found.items():
        assert 0.915 <= np.mean(one) <= 0.98, name


P = np.array([0.1] * 10)
DRIFTS = {"none": P, "some": np.array([0.14, 0.13, 0.12, 0.11, 0.1, 0.1, 0.09, 0.08, 0.07, 0.06]),
          "much": np.array([0.4, 0.2, 0.1, 0.1, 0.05, 0.05, 0.04, 0.03, 0.02, 0.01])}  # fmt: skip


@pytest.mark.parametrize("drift", DRIFTS)
@pytest.mark.parametrize("n", [150, 1000, 20_000])
def test_psi_and_jensen_shannon(drift: str, n: int) -> None:
    """The interval is for the divergence of the populations; it may be wide, and must not be narrow."""
    q, p = P, DRIFTS[drift]
    rng = np.random.default_rng(4)
    truths = {psi: float(((p - q) * np.log(p / q)).sum()), jensen_shannon: float(jensenshannon(p, q, base=2) ** 2)}
    now, before = rng.multinomial(n, p, RUNS), rng.multinomial(5000, q, RUNS)
    for measure, truth in truths.items():
        found = [measure(*occupied(a, b)) for a, b in zip(now, before, strict=True)]
        share = np.mean([one.lower - 1e-15 <= truth <= one.upper for one in found])
        assert share >= LEAST, (measure.__name__, share)


def test_massart() -> None:
    rng = np.random.default_rng(5)
    truth = 2 * stats.norm.cdf(0.25) - 1  # of N(0.5, 1) against N(0, 1)
    found = []
    for _ in range(500):
        value = exact.ks(rng.normal(0.5, 1.0, 150), rng.normal(0.0, 1.0, 300))
        found.append(holds(value, truth))
    assert np.mean(found) >= 0.95
    assert ks_margin(150, 300) < 0.25
