"""Fusion rules, recalibrations and stacking against independent libraries or a form written out by hand."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from scipy import optimize, special, stats
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from choirmaster import Ensemble
from choirmaster.fusion import Names, prepare
from choirmaster.fusion.calibration import bind_calibration
from choirmaster.fusion.fit_calibration import fit_calibration
from choirmaster.fusion.rank_average import ranks
from tests.laws.fusion_cases import CLASS_RULES, MANY_RULES, NUMBER_RULES, document, fusion

RNG = np.random.default_rng(20)
EPS = 2.0**-52


def masks(m: int) -> np.ndarray:
    """Return every pattern of who is present."""
    return np.array(list(itertools.product([False, True], repeat=m)))


def by_hand(rule: str, p: list[np.ndarray], w: list[float], declared: dict, who: list[int]) -> np.ndarray:
    """Return the answer of one row, from those present alone, in plain words."""
    k = len(p[0])
    each = np.array(p)

    def whole(found: list[float]) -> np.ndarray:
        return np.array(found) / math.fsum(found) if math.fsum(found) else each.mean(axis=0)

    if rule == "mean":
        return np.array([math.fsum(each[:, c]) / len(p) for c in range(k)])
    if rule in ("weighted_mean", "soft_vote"):
        return np.average(each, axis=0, weights=w)
    if rule == "hard_vote":
        return np.array(
            [math.fsum(one for one, q in zip(w, p, strict=True) if int(np.argmax(q)) == c) for c in range(k)]
        ) / sum(w)
    if rule == "median":
        return whole([statistics.median(each[:, c]) for c in range(k)])
    if rule == "trimmed_mean":
        return whole([float(stats.trim_mean(each[:, c], declared["trim"])) for c in range(k)])
    if rule == "log_pool":
        product = [stats.gmean(np.maximum(each[:, c], EPS), weights=w) for c in range(k)]
        return np.array(product) / sum(product)
    if rule == "rank_average":
        own = [np.array(declared["quantiles"][f"m{i}"]) for i in who]
        rank = [np.interp(q[1], one, np.linspace(0, 1, len(one))) for q, one in zip(p, own, strict=True)]
        r = np.average(rank, weights=w)
        return np.array([1 - r, r])
    if rule == "cascade":
        asked: list[int] = []
        for stage in declared["stages"]:
            asked += [place for place, i in enumerate(who) if f"m{i}" in stage]
            if asked:
                pooled = np.average(each[asked], axis=0, weights=[w[i] for i in asked])
                if pooled.max() >= declared["confidence"]:
                    return pooled
        return np.average(each, axis=0, weights=w)
    raise AssertionError(rule)


def stacked_by_hand(p: np.ndarray, present: np.ndarray, declared: dict) -> np.ndarray:
    m, k = p.shape
    x = np.log(np.maximum(p, EPS))
    x = (x[:, 1:] - x[:, :1]) if k == 2 else x
    x = np.where(present[:, None], x, x[present].mean(axis=0))
    if k == 2:
        z = declared["intercept"] + sum(declared["coefficients"][f"m{i}"] * x[i, 0] for i in range(m))
        return np.array([1 - special.expit(z), special.expit(z)])
    z = [
        declared["intercept"][f"c{c}"]
        + sum(declared["coefficients"][f"c{c}"][f"m{i}"][f"c{b}"] * x[i, b] for i in range(m) for b in range(k))
        for c in range(k)
    ]  # fmt: skip
    return special.softmax(z)


@pytest.mark.parametrize("m", range(1, 7))
@pytest.mark.parametrize(("rule", "k"), [(one, 2) for one in CLASS_RULES] + [(one, 4) for one in MANY_RULES])
def test_every_mask_of_up_to_six_members_equals_the_form_by_hand(rule, k, m):
    present = masks(m)
    p = RNG.dirichlet(np.full(k, 0.5), size=(len(present), m))
    p[0] = np.eye(k)[RNG.integers(k, size=m)]
    weight = RNG.random(m) + 0.1
    declared = document(rule, m, k)
    fused = fusion(rule, m, k).fuse(np.where(present[:, :, None], p, np.nan), present, weight)
    assert fused.answered.tolist() == present.any(axis=1).tolist()
    for row in np.flatnonzero(fused.answered):
        who = np.flatnonzero(present[row]).tolist()
        if rule == "stacking":
            wanted = stacked_by_hand(p[row], present[row], declared)
        else:
            wanted = by_hand(rule, [p[row, i] for i in who], [weight[i] for i in who], declared, who)
        np.testing.assert_allclose(fused.output[row], wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("m", range(1, 7))
@pytest.mark.parametrize("rule", NUMBER_RULES)
def test_numbers_under_every_mask_equal_the_form_by_hand(rule, m):
    present = masks(m)
    x, weight, declared = RNG.normal(size=(len(present), m)) * 50, RNG.random(m) + 0.1, document(rule, m)
    fused = fusion(rule, m).fuse(np.where(present, x, np.nan), present, weight)
    for row in range(1, len(present)):
        mine, own = x[row][present[row]], weight[present[row]]
        if rule == "stacking":
            full = np.where(present[row], x[row], mine.mean())
            wanted = declared["intercept"] + sum(declared["coefficients"][f"m{i}"] * full[i] for i in range(m))
        else:
            wanted = {"mean": mine.mean(), "weighted_mean": np.average(mine, weights=own), "median": np.median(mine),
                      "trimmed_mean": stats.trim_mean(mine, 0.25)}[rule]  # fmt: skip
        assert fused.output[row] == pytest.approx(wanted, rel=1e-12, abs=1e-10)
    assert np.isnan(fused.output[0])


@pytest.mark.parametrize("rule", ["mean", "weighted_mean", "median", "trimmed_mean"])
def test_quantiles_are_fused_level_by_level_and_sorted(rule):
    present = masks(5)[1:]
    q, weight = RNG.normal(size=(len(present), 5, 3)), RNG.random(5) + 0.1
    one = prepare(document(rule, 5), task="quantile", members=[f"m{i}" for i in range(5)])
    apart = [fusion(rule, 5).fuse(q[:, :, level], present, weight).output for level in range(3)]
    got = one.fuse(q, present, weight)
    assert got.output.tobytes() == np.sort(np.column_stack(apart), axis=1).tobytes() and got.choice is None


@pytest.mark.parametrize("rule", ["mean", "soft_vote", "hard_vote", "median", "trimmed_mean", "log_pool", "cascade"])
def test_classes_of_a_multilabel_task_are_questions_of_their_own(rule):
    present = masks(4)[1:]
    p, weight = RNG.random((len(present), 4, 3)), RNG.random(4) + 0.1
    one = prepare(document(rule, 4, 2), task="multilabel", members=[f"m{i}" for i in range(4)], classes=["x", "y", "z"])
    got = one.fuse(p, present, weight)
    assert got.choice is None
    for label in range(3):
        both = np.stack([1 - p[:, :, label], p[:, :, label]], axis=2)
        alone = fusion(rule, 4, 2).fuse(both, present, weight).output[:, 1]
        np.testing.assert_allclose(got.output[:, label], alone, atol=1e-14)


def test_ranks_equal_those_of_scipy_among_the_reference_itself():
    scores = RNG.integers(0, 12, size=60) / 11
    own = np.sort(scores)
    wanted = (stats.rankdata(scores) - 1) / (len(scores) - 1)
    np.testing.assert_allclose(ranks(scores, own), wanted, atol=1e-12)
    assert ranks(np.array([-1.0, 2.0]), own).tolist() == [0.0, 1.0]


X, Y = make_classification(900, 8, n_informative=5, n_classes=2, random_state=3)
X3, Y3 = make_classification(900, 8, n_informative=6, n_classes=3, random_state=4)
MEMBERS = [("logit", LogisticRegression()), ("bayes", GaussianNB()),
           ("tree", DecisionTreeClassifier(max_depth=4, random_state=0))]  # fmt: skip


def test_the_soft_and_the_hard_vote_equal_scikit_learn():
    for data, target in ((X, Y), (X3, Y3)):
        for rule, kind in (("soft_vote", "soft"), ("hard_vote", "hard")):
            theirs = VotingClassifier(MEMBERS, voting=kind, weights=[1, 2, 2.5]).fit(data, target)
            ours = Ensemble(dict(MEMBERS), fusion=rule, weights=[1, 2, 2.5]).fit(data, target)
            assert (ours.predict(data) == theirs.predict(data)).all()


@pytest.mark.parametrize(("data", "target"), [(X, Y), (X3, Y3)], ids=["two", "three"])
def test_stacking_equals_scikit_learn(data, target):
    theirs = StackingClassifier(MEMBERS, LogisticRegression(tol=1e-10, max_iter=10_000)).fit(data, target)
    ours = Ensemble(dict(MEMBERS), fusion={"rule": "stacking", "inputs": "probability"}).fit(data, target)
    np.testing.assert_allclose(ours.predict_proba(data), theirs.predict_proba(data), atol=2e-5)


def test_stacking_of_numbers_equals_scikit_learn():
    data, target = make_regression(400, 6, noise=20.0, random_state=1)
    kinds = [
        ("line", LinearRegression()),
        ("near", KNeighborsRegressor()),
        ("tree", DecisionTreeRegressor(max_depth=3)),
    ]
    kinds[2][1].set_params(random_state=0)
    theirs = StackingRegressor(kinds, LinearRegression(positive=True)).fit(data, target)
    ours = Ensemble(dict(kinds), fusion="stacking").fit(data, target)
    np.testing.assert_allclose(ours.predict(data), theirs.predict(data), rtol=1e-8, atol=1e-8)


NAMES = Names("binary", ("a",), ("no", "yes"), 1)
BASE = LogisticRegression().fit(X[:300], Y[:300])
SAID, TRUE = BASE.predict_proba(X[300:]), Y[300:]


def recalibrated(method: str) -> np.ndarray:
    return bind_calibration(fit_calibration(method, SAID, TRUE, NAMES), NAMES)(SAID)


def test_platt_equals_scikit_learn_on_log_odds():
    theirs = CalibratedClassifierCV(FrozenEstimator(BASE), method="sigmoid").fit(X[300:], TRUE)
    np.testing.assert_allclose(recalibrated("platt"), theirs.predict_proba(X[300:]), atol=2e-5)


def test_isotonic_equals_scikit_learn():
    theirs = CalibratedClassifierCV(FrozenEstimator(BASE), method="isotonic").fit(X[300:], TRUE)
    np.testing.assert_allclose(recalibrated("isotonic"), theirs.predict_proba(X[300:]), atol=1e-12)
    p = np.round(SAID[:, 1], 1)  # many equal scores, and new ones between and beyond
    fit = IsotonicRegression(out_of_bounds="clip").fit(p, TRUE)
    curve = bind_calibration(fit_calibration("isotonic", np.column_stack([1 - p, p]), TRUE, NAMES), NAMES)
    new = np.linspace(0, 1, 201)
    np.testing.assert_allclose(curve(np.column_stack([1 - new, new]))[:, 1], fit.predict(new), atol=1e-12)


def test_beta_equals_a_logistic_regression_on_both_logarithms():
    p = RNG.beta(0.8, 0.6, 3000)
    y = (RNG.random(3000) < special.expit(1.4 * np.log(p) - 0.6 * np.log1p(-p) + 0.3)).astype(int)
    inner = np.column_stack([np.log(p), -np.log1p(-p)])
    theirs = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(inner, y)
    found = fit_calibration("beta", np.column_stack([1 - p, p]), y, NAMES)
    assert [found["a"], found["b"], found["c"]] == pytest.approx([*theirs.coef_[0], theirs.intercept_[0]], abs=1e-4)


def test_beta_keeps_its_parameters_from_becoming_negative():
    p = np.clip(RNG.beta(2, 2, 400), 1e-6, 1 - 1e-6)
    y = (RNG.random(400) < np.where(p > 0.5, 0.6, 1.2 * p)).astype(int)
    found = fit_calibration("beta", np.column_stack([1 - p, p]), y, NAMES)
    assert min(found["a"], found["b"]) >= 0

    def loss(v: np.ndarray) -> float:
        z = v[0] * np.log(p) - v[1] * np.log1p(-p) + v[2]
        return float((np.logaddexp(0, z) - y * z).sum())

    best = optimize.minimize(loss, [1, 1, 0], bounds=[(0, None), (0, None), (None, None)], method="L-BFGS-B")
    assert loss(np.array([found["a"], found["b"], found["c"]])) <= best.fun * (1 + 1e-6)


@pytest.mark.parametrize("k", [2, 3])
def test_temperature_is_the_one_of_least_log_loss(k):
    data, target = (X, Y) if k == 2 else (X3, Y3)
    said = GaussianNB().fit(data[:300], target[:300]).predict_proba(data[300:])
    true = target[300:]
    names = NAMES if k == 2 else Names("multiclass", ("a",), ("x", "y", "z"))

    def loss(t: float) -> float:
        z = np.log(np.maximum(said, EPS)) / t
        return float((special.logsumexp(z, axis=1) - z[np.arange(len(z)), true]).sum())

    found = fit_calibration("temperature", said, true, names)["temperature"]
    best = optimize.minimize_scalar(loss, bounds=(0.05, 50), method="bounded", options={"xatol": 1e-10})
    assert found == pytest.approx(best.x, rel=1e-5) and found > 1  # naive Bayes is too certain
    out = bind_calibration({"method": "temperature", "temperature": found}, names)(said)
    np.testing.assert_allclose(out, special.softmax(np.log(np.maximum(said, EPS)) / found, axis=1), atol=1e-12)
