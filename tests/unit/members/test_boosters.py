"""Files of LightGBM and XGBoost: the same answers as the library, what the file says, and wrong files named."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xgboost
from scipy.special import expit, softmax

from choirmaster.errors import ConfigError, MemberError
from choirmaster.members.lightgbm import LightgbmMember
from choirmaster.members.xgboost import XgboostMember

RNG = np.random.default_rng(5)
N = 300
X = RNG.normal(size=(N, 3))
X[RNG.random(N) < 0.1, 1] = np.nan
Y = {
    "binary": (X[:, 0] + RNG.normal(size=N) > 0).astype(int),
    "multiclass": np.digitize(X[:, 0] + 0.3 * RNG.normal(size=N), [-0.5, 0.5]),
    "regression": X[:, 0] * 2 + np.nan_to_num(X[:, 1]),
}
NAMES = ["a", "b", "c"]
# More columns than the models take, in another order: each picks its own.
ROWS = pa.table({"z": np.zeros(N), "c": X[:, 2], "b": X[:, 1], "a": X[:, 0]})


def light(task, objective=None, names=NAMES, **more):
    kind = objective or {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}[task]
    classes = {"num_class": 3} if task == "multiclass" else {}
    data = lightgbm.Dataset(X, Y[task], feature_name=names)
    settings = {"objective": kind, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5, **classes, **more}
    return lightgbm.train(settings, data, num_boost_round=8)


def extreme(task, objective=None, **more):
    kind = (
        objective
        or {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}[task]
    )
    classes = {"num_class": 3} if task == "multiclass" else {}
    data = xgboost.DMatrix(X, Y[task], feature_names=NAMES)
    return xgboost.train({"objective": kind, "nthread": 1, **classes, **more}, data, num_boost_round=8)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_lightgbm_answers_as_the_library(task, tmp_path):
    model = light(task)
    model.save_model(tmp_path / "m.anything")
    member = LightgbmMember("m", tmp_path / "m.anything")
    answer, direct = member.predict(ROWS), model.predict(X, num_threads=1)
    assert member.features == ("a", "b", "c")
    assert member.classes == {"binary": ("0", "1"), "multiclass": ("0", "1", "2"), "regression": None}[task]
    assert (answer[:, 1] == direct).all() if task == "binary" else (answer == direct).all()
    assert (member.predict(ROWS.slice(7, 1)) == answer[7:8]).all()


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("suffix", ["json", "ubj"])
def test_xgboost_answers_as_the_library(task, suffix, tmp_path):
    model = extreme(task)
    model.save_model(tmp_path / f"m.{suffix}")
    member = XgboostMember("m", tmp_path / f"m.{suffix}")
    answer, direct = member.predict(ROWS), model.predict(xgboost.DMatrix(X, feature_names=NAMES))
    assert member.features == ("a", "b", "c")
    assert member.classes == {"binary": ("0", "1"), "multiclass": ("0", "1", "2"), "regression": None}[task]
    assert (answer[:, 1] == direct).all() if task == "binary" else (answer == direct).all()


def test_classes_are_declared_in_the_order_of_the_labels(tmp_path):
    light("binary").save_model(tmp_path / "l")
    extreme("multiclass").save_model(tmp_path / "x.json")
    assert LightgbmMember("m", tmp_path / "l", classes=["ok", "late"]).classes == ("ok", "late")
    assert XgboostMember("m", tmp_path / "x.json", classes=["p", "q", "r"]).classes == ("p", "q", "r")
    with pytest.raises(ConfigError, match="another number of classes"):
        LightgbmMember("m", tmp_path / "l", classes=["a", "b", "c"])
    with pytest.raises(ConfigError, match="another number of classes"):
        XgboostMember("m", tmp_path / "x.json", classes=["a", "b"])


def test_a_regressor_has_no_classes(tmp_path):
    light("regression").save_model(tmp_path / "l")
    extreme("regression").save_model(tmp_path / "x.json")
    for make, file in ((LightgbmMember, "l"), (XgboostMember, "x.json")):
        with pytest.raises(ConfigError, match="no probabilities"):
            make("m", tmp_path / file, classes=["a", "b"])


def test_one_against_all_adds_up_to_one(tmp_path):
    model = light("multiclass", "multiclassova")
    model.save_model(tmp_path / "m")
    direct = model.predict(X, num_threads=1)
    answer = LightgbmMember("m", tmp_path / "m").predict(ROWS)
    np.testing.assert_allclose(answer, direct / direct.sum(axis=1, keepdims=True), rtol=1e-15)


def test_categories_are_coded_as_when_fitted(tmp_path):
    words = RNG.choice(["AA", "B6", "ÜB"], N)
    frame = pd.DataFrame({"x": X[:, 0], "carrier": pd.Categorical(words), "y": X[:, 2]})
    target = (words == "B6").astype(int)
    model = lightgbm.LGBMClassifier(n_estimators=5, verbosity=-1, n_jobs=1, min_child_samples=5).fit(frame, target)
    model.booster_.save_model(tmp_path / "m")
    member = LightgbmMember("m", tmp_path / "m")
    unknown = pa.chunked_array([pa.array([*words[:-2], "never seen", None]).dictionary_encode()])
    rows = pa.table({"carrier": unknown, "y": X[:, 2], "x": X[:, 0]})
    frame["carrier"] = pd.Categorical([*words[:-2], None, None], categories=["AA", "B6", "ÜB"])
    np.testing.assert_array_equal(member.predict(rows)[:, 1], model.predict_proba(frame)[:, 1])


@pytest.mark.parametrize("objective", ["multi:softmax", "binary:logitraw"])
def test_margins_become_probabilities(objective, tmp_path):
    task = "multiclass" if objective == "multi:softmax" else "binary"
    model = extreme(task, objective)
    model.save_model(tmp_path / "m.ubj")
    margin = model.predict(xgboost.DMatrix(X, feature_names=NAMES), output_margin=True)
    answer = XgboostMember("m", tmp_path / "m.ubj").predict(ROWS)
    if task == "multiclass":
        np.testing.assert_allclose(answer, softmax(margin, axis=1), atol=1e-6)
    else:
        np.testing.assert_allclose(answer[:, 1], expit(margin), atol=1e-6)


def test_the_best_iteration_answers_as_the_classifier_does(tmp_path):
    model = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=3, n_jobs=1, learning_rate=0.8)
    model.fit(X[:200], Y["binary"][:200], eval_set=[(X[200:], Y["binary"][200:])], verbose=False)
    model.save_model(tmp_path / "m.json")
    assert model.best_iteration < model.get_booster().num_boosted_rounds() - 1
    member = XgboostMember("m", tmp_path / "m.json", features=NAMES)
    assert (member.predict(ROWS)[:, 1] == model.predict_proba(X)[:, 1]).all()


def test_a_linear_booster(tmp_path):
    full = np.nan_to_num(X)
    data = xgboost.DMatrix(full, Y["regression"], feature_names=NAMES)
    model = xgboost.train({"booster": "gblinear", "nthread": 1, "updater": "coord_descent"}, data, num_boost_round=5)
    model.save_model(tmp_path / "m.json")
    rows = pa.table(dict(zip(NAMES, full.T, strict=True)))
    assert (XgboostMember("m", tmp_path / "m.json").predict(rows) == model.predict(data)).all()


def test_features_that_the_file_only_numbers_must_be_declared(tmp_path):
    lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(X, Y["binary"]), 2).save_model(tmp_path / "l")
    xgboost.train({"nthread": 1}, xgboost.DMatrix(X, Y["binary"]), 2).save_model(tmp_path / "x.ubj")
    for make, file in ((LightgbmMember, "l"), (XgboostMember, "x.ubj")):
        with pytest.raises(ConfigError, match="which features"):
            make("m", tmp_path / file)
        with pytest.raises(ConfigError, match="another number of features"):
            make("m", tmp_path / file, features=["a", "b"])
        assert make("m", tmp_path / file, features=NAMES).predict(ROWS).shape == (N,)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_cut_files_are_refused(share, tmp_path):
    light("multiclass").save_model(tmp_path / "l")
    extreme("binary").save_model(tmp_path / "x.json")
    extreme("binary").save_model(tmp_path / "x.ubj")
    for make, file in ((LightgbmMember, "l"), (XgboostMember, "x.json"), (XgboostMember, "x.ubj")):
        data = (tmp_path / file).read_bytes()
        if make is LightgbmMember:  # what follows its trees are names and settings, which are not needed
            data = data[: data.index(b"end of trees")]
        (tmp_path / "cut").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(MemberError, match=r"cannot (read|load)"):
            make("m", tmp_path / "cut")


def test_one_thread_is_used_for_each_answer(tmp_path, monkeypatch):
    light("regression").save_model(tmp_path / "l")
    extreme("regression").save_model(tmp_path / "x.json")
    asked = []
    own = lightgbm.Booster.predict
    monkeypatch.setattr(lightgbm.Booster, "predict", lambda *a, **k: (asked.append(k["num_threads"]), own(*a, **k))[1])
    LightgbmMember("m", tmp_path / "l").predict(ROWS)
    member = XgboostMember("m", tmp_path / "x.json")
    import json

    context = json.loads(member._booster.save_config())["learner"]["generic_param"]
    assert (asked, context["nthread"]) == ([1], "1")


def test_a_text_where_a_number_is_wanted_names_the_column(tmp_path):
    light("regression").save_model(tmp_path / "l")
    extreme("regression").save_model(tmp_path / "x.json")
    rows = ROWS.set_column(2, "b", pa.array(["u"] * N))
    for make, file in ((LightgbmMember, "l"), (XgboostMember, "x.json")):
        with pytest.raises(MemberError, match='column "b"'):
            make("m", tmp_path / file).predict(rows)
        with pytest.raises(MemberError, match='column "b"'):
            make("m", tmp_path / file).predict(ROWS.drop_columns(["b"]))
