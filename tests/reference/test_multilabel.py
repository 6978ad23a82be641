"""Multilabel metrics against scikit-learn: each class, the means over classes, whole sets."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from choirmaster.metrics import BY_NAME, METRICS, evaluate
from choirmaster.metrics.across import WEIGHTED, mean_over_classes, positives
from choirmaster.metrics.across_labels import label_means
from choirmaster.schema import Task
from choirmaster.states import Confusion, LabelSets, Losses, Scores
from choirmaster.states.base import State
from choirmaster.states.confusion import ConfusionPart
from choirmaster.states.label_sets import LabelSetPart
from choirmaster.states.losses import LossPart
from choirmaster.states.scores import score_part
from choirmaster.values import Reason, Value

K = 4
NAMES = tuple(f"c{k}" for k in range(K))
CUTS = (0.5, 0.4, 0.6, 0.3)
SEEDS = range(12)


def rows(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities whose classes depend on each other."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 1))
    y = (shared + rng.normal(size=(n, K)) > np.linspace(-0.5, 1.5, K)).astype(np.int64)
    return y, 1.0 / (1.0 + np.exp(-(2.0 * y - 1.0 + shared + rng.normal(0.0, 1.0, (n, K)))))


def pairs(y: np.ndarray, p: np.ndarray) -> list[State | None]:
    out: list[State | None] = []
    for k in range(K):
        state = Confusion.zero(ConfusionPart(("0", "1"), 1, CUTS[k]))
        state.update(np.append(y[:, k], [3, 0]), np.append((p[:, k] >= CUTS[k]).astype(np.int64), [1, 2]))
        out.append(state)
    return out


def sets(y: np.ndarray, p: np.ndarray) -> LabelSets:
    state = LabelSets.zero(LabelSetPart(NAMES, CUTS))
    state.update(p, y)
    return state


@pytest.mark.parametrize("seed", SEEDS)
def test_means_of_what_is_decided(seed: int) -> None:
    y, p = rows(seed)
    said = (p >= CUTS).astype(np.int64)
    found = pairs(y, p)
    for name, theirs in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score),
                         ("jaccard", sk.jaccard_score)):  # fmt: skip
        ours = dict(label_means(BY_NAME[name], found, found))
        for average in ("macro", "micro", "weighted"):
            value = ours[average]
            assert value.number == pytest.approx(theirs(y, said, average=average, zero_division=0), abs=1e-12), average
            assert value.lower is not None
            assert value.lower <= value.number <= value.upper
    accuracy = dict(label_means(BY_NAME["accuracy"], found, found))
    assert accuracy["micro"].number == pytest.approx(1.0 - sk.hamming_loss(y, said), abs=1e-12)
    state = sets(y, p)
    assert evaluate(BY_NAME["subset_accuracy"], state).number == pytest.approx(sk.accuracy_score(y, said), abs=1e-12)
    assert evaluate(BY_NAME["hamming_loss"], state).number == pytest.approx(sk.hamming_loss(y, said), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_means_of_scores_and_losses(seed: int) -> None:
    y, p = rows(seed)
    found = pairs(y, p)
    scores: list[State | None] = []
    losses: list[State | None] = []
    for k in range(K):
        one, two = Scores.zero(score_part(p[:, k], y[:, k])), Losses.zero(LossPart(False))
        one.update(p[:, k], y[:, k])
        two.update(p[:, [k]], y[:, k])
        scores.append(one)
        losses.append(two)
    auc = [evaluate(BY_NAME["roc_auc"], one) for one in scores]
    for average in ("macro", WEIGHTED):
        value = mean_over_classes(auc, [positives(one) for one in scores] if average == WEIGHTED else None)
        assert abs((value.number or 0.0) - sk.roc_auc_score(y, p, average=average)) <= value.resolution + 1e-12
    assert not dict(label_means(BY_NAME["roc_auc"], scores, found))
    loss = dict(label_means(BY_NAME["log_loss"], losses, found))["macro"]
    each = [sk.log_loss(y[:, k], p[:, k]) for k in range(K)]
    assert loss.number == pytest.approx(np.mean(each), abs=1e-11)


def test_intervals_cover_where_classes_depend_on_each_other() -> None:
    """One class four times over: there are no more rows, and an interval of all cells would cover 2 times in 3."""
    rng, hits = np.random.default_rng(1), {"macro": 0, "micro": 0, "hamming": 0}
    for _ in range(300):
        y = (rng.random((100, 1)) < 0.5).astype(np.int64).repeat(K, axis=1)
        p = np.where(rng.random((100, 1)) < 0.2, 1 - y, y).astype(np.float64)
        found = pairs(y, p)
        values = dict(label_means(BY_NAME["accuracy"], found, found))
        for name in ("macro", "micro"):
            hits[name] += holds(values[name], 0.8)
        hits["hamming"] += holds(evaluate(BY_NAME["hamming_loss"], sets(y, p)), 0.2)
    for name, count in hits.items():
        assert 0.9 <= count / 300 <= 1.0, name
        assert name != "hamming" or count / 300 <= 0.985


def holds(value: Value, truth: float) -> bool:
    return value.lower is not None and value.upper is not None and value.lower <= truth <= value.upper


def test_a_class_that_does_not_occur_is_left_out_and_one_never_predicted_counts_0() -> None:
    y, p = rows(0)
    y[:, 2] = 0
    found = pairs(y, p)
    value = dict(label_means(BY_NAME["recall"], found, found))["macro"]
    said = (p >= CUTS).astype(np.int64)
    assert value.number == pytest.approx(sk.recall_score(y, said, average="macro", zero_division=np.nan), abs=1e-12)
    p[:, 1] = 0.0
    found, said = pairs(y, p), (p >= CUTS).astype(np.int64)
    value = dict(label_means(BY_NAME["precision"], found, found))["macro"]
    theirs = sk.precision_score(y, said, average="macro", zero_division=0)
    assert value.number == pytest.approx(theirs, abs=1e-12)  # class 2 is predicted here and there
    p[:, 2] = 0.0
    found = pairs(y, p)
    value = dict(label_means(BY_NAME["precision"], found, found))["macro"]
    each = sk.precision_score(y, (p >= CUTS).astype(np.int64), average=None, zero_division=0)
    assert value.number == pytest.approx(each[[0, 1, 3]].mean(), abs=1e-12)


def test_reasons() -> None:
    none = np.full((3, K), 2, np.int64)
    y, p = rows(0, 3)
    zero = LabelSets.zero(LabelSetPart(NAMES, CUTS))
    for name in ("subset_accuracy", "hamming_loss"):
        assert evaluate(BY_NAME[name], zero).reason is Reason.NO_ROWS
        assert evaluate(BY_NAME[name], sets(none, p)).reason is Reason.NO_LABELS
        assert evaluate(BY_NAME[name], sets(y, np.full((3, K), np.nan))).reason is Reason.ALL_MISSING
    assert dict(label_means(BY_NAME["f1"], [None] * K, [None] * K))["macro"].reason is Reason.NO_ROWS


def test_a_row_is_answered_only_where_every_class_is() -> None:
    y, p = rows(0, 5)
    p[0, 1], p[1, 0], y[2] = np.nan, 1.5, 2
    state = sets(y, p)
    assert (state.n, state.unanswered, state.rows) == (2, 2, 5)


def test_metrics_that_are_averaged() -> None:
    names = {one.name for one in METRICS if Task.MULTILABEL in one.tasks}
    assert {"precision", "recall", "f1", "roc_auc", "average_precision", "log_loss", "brier", "hamming_loss"} <= names
    assert not {"label_share", "mae", "contribution"} & {
        one.name for one in METRICS if Task.MULTILABEL in one.tasks and one.needs == "confusion/1"
    }
