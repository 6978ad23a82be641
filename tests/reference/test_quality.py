"""Quality metrics against scikit-learn, on random, tied, tiny, one-class and empty data."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from choirmaster.metrics import BY_NAME, evaluate
from choirmaster.states import Confusion, Losses
from choirmaster.states.confusion import ConfusionPart
from choirmaster.states.losses import LossPart
from choirmaster.values import Kind, Reason, Value

BINARY = ConfusionPart(("no", "yes"), 1, 0.5)
THREE = ConfusionPart(("a", "b", "c"))
SEEDS = range(40)


def read(name: str, state: object, target: str = "") -> Value:
    value = evaluate(BY_NAME[name], state, target=target)  # type: ignore[arg-type]  # any state
    assert value.reason is not Reason.FAILED, value.detail
    if value.defined and value.lower is not None:
        assert value.lower - 1e-12 <= value.number <= value.upper + 1e-12
    return value


def pairs(part: ConfusionPart, seed: int) -> tuple[np.ndarray, np.ndarray, Confusion]:
    rng = np.random.default_rng(seed)
    k, n = len(part.classes), int(rng.integers(1, 60))
    label = rng.choice(k, n, p=rng.dirichlet(np.ones(k)))
    answer = np.where(rng.random(n) < 0.6, label, rng.integers(0, k, n))
    state = Confusion.zero(part)
    state.update(label, answer)
    state.update(
        np.array([k, k + 1, 0]), np.array([0, 1, k])
    )  # unknown label, no label, no answer: none of them counts
    return label, answer, state


@pytest.mark.parametrize("seed", SEEDS)
def test_two_classes(seed: int) -> None:
    y, said, state = pairs(BINARY, seed)
    expected = {
        "accuracy": sk.accuracy_score(y, said),
        "precision": sk.precision_score(y, said, zero_division=np.nan),
        "recall": sk.recall_score(y, said, zero_division=np.nan),
        "f1": sk.f1_score(y, said, zero_division=np.nan),
        "prevalence": np.append(y, 0).mean(),  # the labelled row without an answer counts
        "positive_rate": np.append(said, [0, 1]).mean(),  # rows without a label count
        "label_share": (len(y) + 2) / (len(y) + 3),
    }
    for name, number in expected.items():
        value = read(name, state)
        if np.isnan(number):
            assert value.reason in (Reason.NO_POSITIVES, Reason.NO_PREDICTED_POSITIVES)
        else:
            assert value.number == pytest.approx(number, abs=1e-12), name


@pytest.mark.parametrize("seed", SEEDS)
def test_three_classes_each_and_their_mean(seed: int) -> None:
    y, said, state = pairs(THREE, seed)
    for name, theirs in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        assert read(name, state, "macro").number == pytest.approx(
            theirs(y, said, average="macro", zero_division=0.0), abs=1e-12
        )
        each = theirs(y, said, average=None, labels=[0, 1, 2], zero_division=np.nan)
        for target, number in zip(THREE.classes, each, strict=True):
            value = read(name, state, target)
            assert (value.number is None) == bool(np.isnan(number))
            assert value.number is None or value.number == pytest.approx(number, abs=1e-12)
    assert read("positive_rate", state).reason is Reason.NOT_APPLICABLE
    assert read("positive_rate", state, "b").number == pytest.approx(np.mean(np.append(said, [0, 1]) == 1), abs=1e-12)
    assert read("prevalence", state, "c").number == pytest.approx(np.mean(np.append(y, 0) == 2), abs=1e-12)


@pytest.mark.parametrize(
    ("label", "answer", "reasons"),
    [
        ([], [], {"accuracy": "no_rows", "f1": "no_rows", "label_share": "no_rows", "positive_rate": "no_rows"}),
        ([3, 3], [0, 1], {"accuracy": "no_labels", "precision": "no_labels", "prevalence": "no_labels"}),
        ([0, 1], [2, 2], {"accuracy": "all_missing", "recall": "all_missing", "positive_rate": "all_missing"}),
        ([0, 0], [0, 0], {"precision": "no_predicted_positives", "recall": "no_positives", "f1": "no_positives"}),
        ([0, 0], [1, 0], {"recall": "no_positives"}),
    ],
)
def test_reasons(label: list[int], answer: list[int], reasons: dict[str, str]) -> None:
    state = Confusion.zero(BINARY)
    state.update(np.array(label, np.int64), np.array(answer, np.int64))
    for name, reason in reasons.items():
        value = read(name, state)
        assert value.reason == reason
        assert value.kind is BY_NAME[name].kind


@pytest.mark.parametrize("seed", SEEDS)
def test_losses_of_two_classes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 80))
    p = np.where(rng.random(n) < 0.2, rng.choice([0.0, 1.0, 0.5], n), rng.random(n))
    y = rng.integers(0, 2, n)
    state = Losses.zero(LossPart(False))
    state.update(np.append(p, [np.nan, 0.3, 1.5])[:, None], np.append(y, [1, -1, 0]))
    value = read("log_loss", state)
    assert value.number == pytest.approx(sk.log_loss(y, p, labels=[0, 1]), abs=1e-10)
    assert (value.n, state.unanswered, value.kind) == (n, 2, Kind.REALIZED)
    assert read("brier", state).number == pytest.approx(sk.brier_score_loss(y, p), abs=1e-12)
    if n > 1:
        each = (p - y) ** 2
        half = 1.959963984540054 * each.std(ddof=1) / np.sqrt(n)
        assert read("brier", state).upper == pytest.approx(each.mean() + half, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_losses_of_three_classes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 80))
    p, y = rng.dirichlet([0.5, 0.5, 0.5], n), rng.integers(0, 3, n)
    state = Losses.zero(LossPart(False))
    state.update(p, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows sum to 1 within rounding
        theirs = sk.log_loss(y, p, labels=[0, 1, 2])
    assert read("log_loss", state).number == pytest.approx(theirs, abs=1e-9)
    brier = sk.brier_score_loss(y, p, labels=[0, 1, 2], scale_by_half=False)
    assert read("brier", state).number == pytest.approx(brier, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_errors_of_numbers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 80))
    y = rng.normal(100.0, 30.0, n)
    f = y + rng.normal(2.0, 5.0, n)
    state = Losses.zero(LossPart(True, 8))
    state.update(np.append(f, [np.nan, 1.0, np.inf]), np.append(y, [1.0, np.nan, 1.0]))
    scale = 1e-12 * 2.0**8
    assert read("mae", state).number == pytest.approx(sk.mean_absolute_error(y, f), abs=scale)
    assert read("rmse", state).number == pytest.approx(sk.root_mean_squared_error(y, f), abs=10 * scale)
    assert read("bias", state).number == pytest.approx(float((f - y).mean()), abs=scale)
    assert read("r2", state).number == pytest.approx(sk.r2_score(y, f), abs=1e-7)
    assert (read("mae", state).n, state.unanswered) == (n, 2)


def test_reasons_of_losses() -> None:
    state = Losses.zero(LossPart(True, 0))
    assert read("mae", state).reason is Reason.NO_LABELS
    state.update(np.array([np.nan]), np.array([1.0]))
    assert read("rmse", state).reason is Reason.ALL_MISSING
    state.update(np.array([1.0, 1.5]), np.array([1.0, 1.0]))
    assert read("r2", state).reason is Reason.ZERO_VARIANCE
    state.update(np.array([1e9]), np.array([1.0]))
    value = read("mae", state)
    assert value.reason is Reason.OUT_OF_RANGE
    assert value.detail == "1 of 3 rows lie beyond the range; the mean of the other 2 is 0.25"
    assert value.n == 3
    only = Losses.zero(LossPart(True, 0))
    only.update(np.array([3.0]), np.array([0.0]))  # 3 is in range, its square 9 is not
    assert read("mae", only).number == 3.0
    assert read("mae", only).lower is None
    assert read("rmse", only).reason is Reason.OUT_OF_RANGE
