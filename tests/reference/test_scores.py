"""ROC AUC and score drift: binned values hold the exact one always, exact ones equal scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from choirmaster.metrics import evaluate, exact
from choirmaster.states import Scores
from choirmaster.states.bins import single_valued
from choirmaster.states.scores import ScorePart, reference_scores, score_part
from choirmaster.values import Reason, Value
from tests.reference.few import BY_NAME


def counted(part: ScorePart, p: np.ndarray, y: np.ndarray) -> Scores:
    """Count without the kernels: an independent way to the same state."""
    return Scores(part, score_part_counts(part.edges, p, y), np.zeros((0, 2), np.int64))


def score_part_counts(edges: np.ndarray, p: np.ndarray, y: np.ndarray) -> np.ndarray:
    width = len(edges) + 3
    table = np.zeros((3, width), np.int64)
    for label in (0, 1, 2):
        mine = p[y == label]
        table[label, width - 2] = np.isnan(mine).sum()
        table[label, width - 1] = ((mine < 0) | (mine > 1)).sum()
        good = np.sort(mine[(mine >= 0) & (mine <= 1)])
        ends = np.searchsorted(good, edges, side="left")
        table[label, : len(edges) + 1] = np.diff(np.concatenate([[0], ends, [len(good)]]))
    return table.reshape(-1)


def kind_of_scores(rng: np.random.Generator, kind: str, n: int) -> np.ndarray:
    if kind == "tied":
        return rng.choice(np.linspace(0.0, 1.0, 7), n)
    if kind == "extreme":
        return np.clip(rng.normal(0.5, 2.0, n), 0.0, 1.0)
    return rng.beta(*rng.uniform(0.3, 5.0, 2), n)


@pytest.mark.parametrize("kind", ["tied", "extreme", "smooth"])
def test_auc_of_bins_holds_that_of_the_rows_and_exact_auc_is_that_of_scikit_learn(kind: str) -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        part = score_part(kind_of_scores(rng, kind, 400), rng.integers(0, 3, 400))
        n = int(rng.integers(2, 300))
        p, y = kind_of_scores(rng, kind, n), rng.integers(0, 2, n)
        value = evaluate(BY_NAME["roc_auc"], counted(part, p, y))
        if len(set(y.tolist())) < 2:
            assert value.reason is Reason.ONE_CLASS_ONLY
            assert exact.roc_auc(y, p).reason is Reason.ONE_CLASS_ONLY
            continue
        theirs = roc_auc_score(y, p)
        assert abs(value.number - theirs) <= value.resolution + 1e-12
        assert 0.0 <= value.lower <= value.number <= value.upper <= 1.0
        ours = exact.roc_auc(y, p)
        assert ours.number == pytest.approx(theirs, abs=1e-12)
        assert ours.resolution == 0.0
        if kind == "tied":
            assert value.resolution == 0.0
            assert value.number == pytest.approx(theirs, abs=1e-12)


def test_delong_variance_is_that_of_the_pairwise_definition() -> None:
    rng = np.random.default_rng(3)
    p, y = rng.choice(np.linspace(0, 1, 9), 60), rng.integers(0, 2, 60)
    wins = (p[y == 1][:, None] > p[y == 0]) + 0.5 * (p[y == 1][:, None] == p[y == 0])
    variance = wins.mean(axis=1).var(ddof=1) / len(wins) + wins.mean(axis=0).var(ddof=1) / wins.shape[1]
    value, a = exact.roc_auc(y, p), wins.mean()
    half = 1.959963984540054 * np.sqrt(variance) / (a * (1 - a))
    assert value.lower == pytest.approx(1 / (1 + np.exp(-(np.log(a / (1 - a)) - half))), abs=1e-12)
    assert value.upper == pytest.approx(1 / (1 + np.exp(-(np.log(a / (1 - a)) + half))), abs=1e-12)


def test_perfect_and_single_rows_still_have_an_interval() -> None:
    perfect = exact.roc_auc(np.array([1] * 5 + [0] * 7), np.array([0.9] * 5 + [0.1] * 7))
    assert (perfect.number, perfect.upper) == (1.0, 1.0)
    assert 0.4 < perfect.lower < 0.7
    one = exact.roc_auc(np.array([1, 0, 0]), np.array([0.5, 0.4, 0.6]))
    assert one.number == 0.5
    assert one.lower < 0.2 < 0.8 < one.upper


def test_reasons() -> None:
    part = score_part(np.array([0.2, 0.8]), np.array([0, 1]))
    none = np.array([], np.int64)
    cases: list[tuple[list[float], list[int], Reason]] = [
        ([], [], Reason.NO_ROWS), ([0.5], [2], Reason.NO_LABELS), ([np.nan, 1.5], [0, 1], Reason.ALL_MISSING),
        ([0.5, np.nan], [0, 1], Reason.ONE_CLASS_ONLY),
    ]  # fmt: skip
    for p, y, reason in cases:
        assert evaluate(BY_NAME["roc_auc"], counted(part, np.array(p), np.array(y, np.int64))).reason is reason
    assert exact.roc_auc(none, none.astype(float)).reason is Reason.NO_ROWS
    assert exact.roc_auc(np.array([2]), np.array([0.5])).reason is Reason.NO_LABELS
    assert exact.roc_auc(np.array([1]), np.array([np.nan])).reason is Reason.ALL_MISSING


def read(name: str, current: Scores, reference: Scores | None) -> Value:
    value = evaluate(BY_NAME[name], current, reference)
    assert value.reason is not Reason.FAILED, value.detail
    return value


def test_score_drift_counts_everyone_and_holds_the_rows_own_distance() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        before = kind_of_scores(rng, "smooth" if seed % 2 else "extreme", 500)
        part = score_part(before, rng.integers(0, 3, 500))
        now = kind_of_scores(rng, "smooth", int(rng.integers(1, 300)))
        state = counted(part, np.append(now, np.nan), rng.integers(0, 3, len(now) + 1))
        value = read("score_ks", state, reference_scores(part))
        assert abs(value.number - stats.ks_2samp(now, before).statistic) <= value.resolution + 1e-12
        assert value.n == len(now)
        mean = read("score_mean", state, None)
        assert abs(mean.number - now.mean()) <= mean.resolution + 1e-12
        same = read("score_psi", reference_scores(part), reference_scores(part))
        assert (same.number, same.lower) == (0.0, 0.0)
        assert read("score_jensen_shannon", reference_scores(part), reference_scores(part)).number == 0.0


def test_score_drift_without_one_side() -> None:
    part = score_part(np.array([0.2, 0.8]), np.array([0, 1]))
    for name in ("score_psi", "score_jensen_shannon", "score_ks"):
        assert read(name, Scores.zero(part), reference_scores(part)).reason is Reason.NO_ROWS
        assert read(name, reference_scores(part), None).reason is Reason.NO_REFERENCE
        assert read(name, reference_scores(part), Scores.zero(part)).reason is Reason.NO_REFERENCE
        silent = counted(part, np.array([np.nan]), np.array([2]))
        assert read(name, silent, reference_scores(part)).reason is Reason.ALL_MISSING
    assert single_valued(part.edges).sum() >= 4  # 0, 1 and both scores have bins of their own
