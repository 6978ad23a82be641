"""``cm.Ensemble``: equal to scikit-learn's voting where that can do the job, and what it does beyond."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from choirmaster.errors import ConfigError, DataError, ShapeMismatch, UnknownName
from choirmaster.estimators.ensemble import Ensemble
from choirmaster.estimators.fitting import SampleWeightIgnored

RNG = np.random.default_rng(7)
X = RNG.normal(size=(240, 4))
SCORE = X @ [1.0, -2.0, 0.5, 0.0] + RNG.normal(size=240)
LABEL = np.array(["low", "mid", "top"])[np.digitize(SCORE, [-1, 1])]
BINARY = np.where(SCORE > 0, "yes", "no")


def classifiers():
    return {
        "logit": LogisticRegression(),
        "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
        "bayes": GaussianNB(),
    }


def regressors():
    return {"ridge": Ridge(), "linear": LinearRegression(), "tree": DecisionTreeRegressor(max_depth=4, random_state=0)}


@pytest.mark.parametrize("y", [LABEL, BINARY])
@pytest.mark.parametrize("weights", [None, [3, 1, 2], [0.3, 0.1, 0.25]])
def test_equals_soft_voting_to_the_bit(y, weights):
    theirs = VotingClassifier(list(classifiers().items()), voting="soft", weights=weights).fit(X, y)
    fusion = "soft_vote" if weights else "mean"
    ours = Ensemble(classifiers(), fusion=fusion, weights=weights).fit(X, y)
    assert (ours.predict_proba(X) == theirs.predict_proba(X)).all()
    assert (ours.predict(X) == theirs.predict(X)).all()
    assert (ours.classes_ == theirs.classes_).all()
    assert ours.score(X, y) == theirs.score(X, y)


def test_equals_hard_voting():
    theirs = VotingClassifier(list(classifiers().items()), voting="hard").fit(X, BINARY)
    ours = Ensemble(classifiers(), fusion="hard_vote").fit(X, BINARY)  # three members, two classes: no ties
    assert (ours.predict(X) == theirs.predict(X)).all()
    assert not hasattr(ours, "predict_proba")


def test_equals_hard_voting_with_weights_and_ties_where_members_have_no_probabilities():
    members = {"a": LinearSVC(random_state=0), "b": LinearSVC(C=1e-4, random_state=0)}
    for weights in (None, [1, 2]):
        theirs = VotingClassifier(list(members.items()), voting="hard", weights=weights).fit(X, LABEL)
        ours = Ensemble(members, fusion="hard_vote", weights=weights).fit(X, LABEL)
        assert (ours.predict(X) == theirs.predict(X)).all()


@pytest.mark.parametrize("weights", [None, [3, 1, 2]])
def test_equals_voting_regressor_to_the_bit(weights):
    theirs = VotingRegressor(list(regressors().items()), weights=weights).fit(X, SCORE)
    ours = Ensemble(regressors(), fusion="weighted_mean", weights=weights).fit(X, SCORE)
    assert (ours.predict(X) == theirs.predict(X)).all()
    assert ours.score(X, SCORE) == theirs.score(X, SCORE)
    assert is_regressor(ours) and not is_classifier(ours) and not hasattr(ours, "predict_proba")


def test_sample_weight_reaches_members_and_pipelines():
    w = RNG.random(240)
    members = {"logit": LogisticRegression(), "piped": make_pipeline(StandardScaler(), LogisticRegression())}
    ours = Ensemble(members).fit(X, BINARY, sample_weight=w)
    alone = LogisticRegression().fit(X, BINARY, sample_weight=w)
    scaler = StandardScaler().fit(X, sample_weight=w)
    piped = LogisticRegression().fit(scaler.transform(X), BINARY, sample_weight=w)
    wanted = (alone.predict_proba(X) + piped.predict_proba(scaler.transform(X))) / 2
    np.testing.assert_allclose(ours.predict_proba(X), wanted, atol=1e-12)


def test_a_member_without_sample_weight_is_named():
    with pytest.warns(SampleWeightIgnored, match="knn"):
        Ensemble({"knn": KNeighborsClassifier(), "bayes": GaussianNB()}).fit(X, BINARY, sample_weight=np.ones(240))


def fitted(labels, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 2))
    return LogisticRegression().fit(x, np.array(labels)[(x[:, 0] > 0).astype(int) + (len(labels) > 2) * (x[:, 1] > 1)])


def test_classes_are_aligned_by_name_where_members_know_different_ones():
    members = {"ab": fitted(["a", "b"], 1), "cb": fitted(["c", "b"], 2), "abd": fitted(["a", "b", "d"], 3)}
    ens = Ensemble(members, prefit=True)
    assert ens.classes_.tolist() == ["a", "b", "c", "d"]
    row = np.array([[0.3, -0.2]])
    proba = ens.predict_proba(row)[0]
    for place, label in enumerate("abcd"):
        said = [m.predict_proba(row)[0][list(m.classes_).index(label)] for m in members.values() if label in m.classes_]
        assert proba[place] == pytest.approx(sum(said) / 3, abs=1e-15)


def test_an_unusual_class_order_is_aligned():
    class Backwards(LogisticRegression):
        def predict_proba(self, rows):
            return super().predict_proba(rows)[:, ::-1]

    plain, turned = fitted(["a", "b"], 1), fitted(["a", "b"], 1)
    turned.__class__, turned.classes_ = Backwards, turned.classes_[::-1]
    row = np.array([[0.9, 0.0]])
    assert Ensemble({"p": plain, "t": turned}, prefit=True).predict_proba(row) == pytest.approx(
        plain.predict_proba(row)
    )


def test_classes_of_different_kinds_are_refused():
    text, number = fitted(["0", "1"], 1), fitted([0, 1], 1)
    with pytest.raises(DataError, match="different kinds"):
        Ensemble({"text": text, "number": number}, prefit=True).predict_proba([[0.0, 0.0]])


def test_prefit_answers_without_fit_and_keeps_its_members_everywhere():
    members = {name: member.fit(X, BINARY) for name, member in classifiers().items()}
    ens = Ensemble(members, prefit=True, fusion="soft_vote", weights={"logit": 1, "tree": 1, "bayes": 2})
    wanted = ens.predict_proba(X)
    assert ens.n_features_in_ == 4 and ens.classes_.tolist() == ["no", "yes"]
    copy = clone(ens)
    assert all(copy.members[name] is members[name] for name in members)
    coefficients = members["logit"].coef_.copy()
    copy.fit(X[:50], BINARY[:50])
    assert (members["logit"].coef_ == coefficients).all()
    assert (copy.predict_proba(X) == wanted).all()
    assert (pickle.loads(pickle.dumps(ens)).predict_proba(X) == wanted).all()
    scores = cross_val_score(ens, X, BINARY, cv=3)
    assert scores.mean() == pytest.approx(ens.score(X, BINARY), abs=0.01)


def test_clone_in_fit_mode_forgets_what_was_fitted():
    ens = Ensemble(classifiers()).fit(X, BINARY)
    copy = clone(ens)
    assert copy.members is not ens.members and not hasattr(copy, "classes_")
    assert not hasattr(copy.members["logit"], "coef_")


@pytest.mark.parametrize("prefit", [False, True])
def test_works_in_a_pipeline_and_a_grid_search(prefit):
    scaled = StandardScaler().fit_transform(X)
    members = {name: (m.fit(scaled, BINARY) if prefit else m) for name, m in classifiers().items()}
    pipe = make_pipeline(StandardScaler(), Ensemble(members, prefit=prefit))
    grid = {"ensemble__fusion": ["mean", "median", "hard_vote"]}
    if not prefit:
        grid["ensemble__tree__max_depth"] = [1, 3]
    search = GridSearchCV(pipe, grid, cv=3).fit(X, BINARY)
    assert search.best_score_ > 0.7 and cross_val_score(pipe, X, BINARY, cv=3).mean() > 0.7


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "dict"])
def test_tables_of_every_kind(kind):
    names = ["a", "b", "c", "d"]
    columns = {name: X[:, i] for i, name in enumerate(names)}
    make = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table, "dict": dict}[kind]
    table = make(columns)
    ens = Ensemble(classifiers()).fit(table, BINARY)
    assert ens.feature_names_in_.tolist() == names and ens.n_features_in_ == 4
    wanted = Ensemble(classifiers()).fit(X, BINARY).predict_proba(X)
    np.testing.assert_allclose(ens.predict_proba(table), wanted, atol=1e-12)
    with pytest.raises(ValueError, match="feature names"):
        ens.predict(make({name: columns[name] for name in reversed(names)}))


def test_set_output_names_member_columns():
    ens = Ensemble(classifiers()).set_output(transform="pandas").fit(pd.DataFrame(X, columns=list("abcd")), BINARY)
    frame = ens.transform(pd.DataFrame(X, columns=list("abcd")))
    assert list(frame.columns)[:3] == ["logit__no", "logit__yes", "tree__no"]
    assert frame.shape == (240, 6)


def test_explain_gives_shares_that_sum_to_the_answer():
    ens = Ensemble(classifiers(), fusion="weighted_mean", weights=[1, 2, 5]).fit(X, LABEL)
    told = ens.explain(X[:9])
    np.testing.assert_allclose(told.shares.sum(axis=1), ens.predict_proba(X[:9]), atol=1e-15)
    np.testing.assert_allclose(told.shares[:, 2], ens.members_["bayes"].predict_proba(X[:9]) * 5 / 8, atol=1e-15)
    assert told.members == ("logit", "tree", "bayes") and told.classes == ("low", "mid", "top")
    assert len(told.records()) == 9 * 3 * 3 and "logit" in str(told)
    reg = Ensemble(regressors()).fit(X, SCORE)
    np.testing.assert_allclose(reg.explain(X).shares.sum(axis=1), reg.predict(X), atol=1e-12)
    median = Ensemble(classifiers(), fusion="median").fit(X, LABEL)
    told = median.explain(X[:9])
    assert told.kind == "leave_one_out" and "leave one out" in str(told) and "leave_one_out" in told.records()[0]
    rest = Ensemble({k: v for k, v in median.members_.items() if k != "tree"}, fusion="median", prefit=True)
    change = median.predict_proba(X[:9]) - rest.fit(X, LABEL).predict_proba(X[:9])
    np.testing.assert_array_equal(told.values[:, 1], change)
    with pytest.raises(ConfigError, match="exact member shares"):
        _ = told.shares


def test_cutoff_decides_for_the_positive_class():
    ens = Ensemble(classifiers(), cutoff=0.2, positive="no").fit(X, BINARY)
    assert (ens.predict(X) == np.where(ens.predict_proba(X)[:, 0] >= 0.2, "no", "yes")).all()
    with pytest.raises(ConfigError, match="two classes"):
        Ensemble(classifiers(), cutoff=0.2).fit(X, LABEL)
    with pytest.raises(ConfigError, match="positive"):
        Ensemble(classifiers(), cutoff=0.2, positive="maybe").fit(X, BINARY)


def test_a_member_that_is_not_finite_is_left_out_of_that_row():
    class Broken(Ridge):
        def predict(self, rows):
            return np.where(np.asarray(rows)[:, 0] > 0, np.nan, super().predict(rows))

    ens = Ensemble({"broken": Broken(), "linear": LinearRegression()}).fit(X, SCORE)
    up = X[:, 0] > 0
    assert (ens.predict(X)[up] == ens.members_["linear"].predict(X)[up]).all()
    with pytest.raises(DataError, match="no member gives a valid answer"):
        Ensemble({"broken": Broken()}).fit(X, SCORE).predict(X)


def test_parameters_reach_members_without_touching_the_dict_that_was_given():
    given = classifiers()
    ens = Ensemble(given).set_params(tree__max_depth=2, bayes=GaussianNB(var_smoothing=0.1))
    assert ens.get_params()["tree__max_depth"] == 2
    assert given["bayes"].var_smoothing == 1e-9 and ens.members["bayes"].var_smoothing == 0.1
    assert "logit__C" in ens.get_params() and "logit__C" not in ens.get_params(deep=False)


@pytest.mark.parametrize(
    ("members", "options", "error"),
    [
        ({}, {}, ConfigError),
        ([("a", GaussianNB())], {}, ConfigError),
        ({"a__b": GaussianNB()}, {}, ConfigError),
        ({"fusion": GaussianNB()}, {}, ConfigError),
        ({"a": GaussianNB}, {}, ConfigError),
        ({"a": GaussianNB(), "b": Ridge()}, {}, ConfigError),
        ({"a": LinearSVC()}, {}, ConfigError),
        ({"a": GaussianNB()}, {"fusion": "maen"}, UnknownName),
        ({"a": Ridge()}, {"fusion": "soft_vote"}, ConfigError),
        ({"a": GaussianNB()}, {"weights": [1, 2]}, ShapeMismatch),
        ({"a": GaussianNB()}, {"weights": {"b": 1}}, ConfigError),
    ],
)
def test_what_cannot_work_is_said(members, options, error):
    with pytest.raises(error):
        Ensemble(members, **options).fit(X, SCORE if "b" in dict(members) and not options else BINARY)


LEARNED = [
    "stacking", {"rule": "soft_vote", "calibration": "temperature"}, {"rule": "stacking", "inputs": "probability"},
]  # fmt: skip


@pytest.mark.parametrize("fusion", LEARNED, ids=str)
def test_what_is_left_open_is_learned_out_of_fold_and_kept_as_numbers(fusion):
    ens = Ensemble(classifiers(), fusion=fusion).fit(X, LABEL)
    assert ens.fusion == fusion and ens.fusion_ != fusion
    np.testing.assert_allclose(ens.predict_proba(X).sum(axis=1), 1.0)
    again = Ensemble(ens.members_, fusion=ens.fusion_, prefit=True).fit(X, LABEL)
    assert again.predict_proba(X).tobytes() == ens.predict_proba(X).tobytes()
    assert clone(ens).fit(X, LABEL).predict_proba(X).tobytes() == ens.predict_proba(X).tobytes()


def test_two_classes_are_ranked_recalibrated_and_cascaded():
    y = LABEL == "low"
    for fusion in ({"rule": "rank_average", "calibration": "platt"}, {"rule": "log_pool", "calibration": "beta"},
                   {"rule": "cascade", "stages": [["bayes"], ["tree"], ["logit"]], "confidence": 0.8},
                   {"rule": "trimmed_mean", "trim": 0.34}):  # fmt: skip
        ens = Ensemble(classifiers(), fusion=fusion).fit(X, y)
        assert ens.score(X, y) > 0.75
        assert ens.explain(X[:3]).kind == "leave_one_out"


def test_a_fusion_that_was_not_learned_is_said():
    with pytest.raises(ConfigError, match="needs fitted coefficients"):
        members = Ensemble(classifiers()).fit(X, LABEL).members_
        Ensemble(members, fusion="stacking", prefit=True).fit(X, LABEL)
    with pytest.raises(DataError, match="two rows of each class"):
        Ensemble(classifiers(), fusion="stacking").fit(X, np.where(np.arange(len(X)) == 3, "rare", "usual"))
