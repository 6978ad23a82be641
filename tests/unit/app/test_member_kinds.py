"""Members of every kind from one configuration: subsets of features, ensembles in ensembles, ONNX where it agrees."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from skops.io import dumps, get_untrusted_types

from choirmaster.app.files import read_config
from choirmaster.app.installation import Installation
from choirmaster.app.server import _take_up
from choirmaster.app.services import Services
from choirmaster.config import ConfigProblems
from choirmaster.errors import MemberError
from choirmaster.serve.request import PredictRequest, features_table
from tests.unit.members import scripted_v2 as bad

RNG = np.random.default_rng(2)
N = 250
X = RNG.normal(size=(N, 2)).astype(np.float32).astype(float)
CARRIER = RNG.choice(["aa", "bb"], N)
LABEL = np.where(X[:, 0] + RNG.normal(size=N) > 0, "late", "ok")
BY_CARRIER = "tests.unit.app.test_member_kinds:by_carrier"
HEAD = """\
store: ./data
ensembles:
  whole:
    task: binary
    classes: [ok, late]
    positive: late
    features: {numeric: [a, b], categorical: [carrier]}
    monitor: {reference: {file: reference.parquet}}
    answer: {deadline: 20s}
    members:
"""


def site(folder, members, more=""):
    pq.write_table(pa.table({"a": X[:, 0], "b": X[:, 1], "carrier": CARRIER, "label": LABEL}),
                   folder / "reference.parquet")  # fmt: skip
    path = folder / "choirmaster.yaml"
    path.write_text(HEAD + "".join(f"      {one}\n" for one in members) + more)
    return path


def request(layout):
    return PredictRequest(features_table(layout, {"a": X[:, 0], "b": X[:, 1], "carrier": pa.array(CARRIER)}, N))


def ordered(model, rows):
    """Return a model's probabilities in the order of the ensemble's classes."""
    return model.predict_proba(rows)[:, [list(model.classes_).index(one) for one in ("ok", "late")]]


def test_every_kind_takes_its_own_features_and_ensembles_nest(tmp_path):
    import lightgbm
    import xgboost

    logit = LogisticRegression().fit(X, LABEL)
    forest = RandomForestClassifier(5, random_state=0).fit(X[:, 1:], LABEL)
    late = (LABEL == "late").astype(int)
    light = lightgbm.train({"verbosity": -1, "objective": "binary", "num_threads": 1}, lightgbm.Dataset(X, late), 4)
    boost = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(X[:, :1], late), 4)
    (tmp_path / "logit").write_bytes(dumps(logit))
    (tmp_path / "forest").write_bytes(dumps(forest))
    light.save_model(tmp_path / "light")
    boost.save_model(tmp_path / "boost.ubj")
    trusted = list(get_untrusted_types(data=dumps(forest)))
    shares = np.column_stack([1 - X[:, 0] ** 2 / 100, X[:, 0] ** 2 / 100])
    told = {"inputs": [{"name": "b", "datatype": "FP64", "shape": [-1]}], "platform": "p", "versions": ["1"],
            "outputs": [{"name": "p", "datatype": "FP64", "shape": [-1, 2]}]}  # fmt: skip
    with bad.scripted(bad.says(bad.tensor("p", shares)), metadata=told) as (_, url):
        path = site(tmp_path, [
            "logit: {file: logit, features: [a, b], convert: false}",
            f"forest: {{file: forest, features: [b], trusted_types: {trusted}, convert: false}}",
            "light: {file: light, features: [a, b], classes: [ok, late]}",
            "boost: {file: boost.ubj, features: [a], classes: [ok, late]}",
            f"far: {{url: '{url}', classes: [ok, late]}}",
            f"here: {{callable: '{BY_CARRIER}', features: [carrier], classes: [late, ok]}}",
            f"apart: {{callable: '{BY_CARRIER}', features: [carrier], processes: 1, classes: [late, ok]}}",
            "inner: {ensemble: inner}",
        ], """\
  inner:
    task: binary
    classes: [late, ok]
    positive: late
    features: {numeric: [b]}
    members:
      only: {callable: 'tests.unit.app.test_member_kinds:by_b', classes: [late, ok]}
""")  # fmt: skip
        assert Services().check(path) == []
        one = Installation(path)
        _take_up(one)
        runner = one.runners["whole"]
        assert runner.members["inner"] is one.runners["inner"]
        answer = runner.answer(request(one.layouts["whole"]))
        got = {call.name: call.output for call in answer.calls}
        carrier = by_carrier(pa.table({"carrier": CARRIER}))[:, ::-1]
        b = X[:, 1] ** 2 / 100
        direct = {
            "logit": ordered(logit, X), "forest": ordered(forest, X[:, 1:]), "far": shares, "here": carrier,
            "apart": carrier, "inner": np.column_stack([1 - b, b]),
        }  # fmt: skip
        for name, wanted in direct.items():
            assert (got[name] == wanted).all(), name
        assert (got["light"][:, 1] == light.predict(X)).all()
        assert (got["boost"][:, 1] == boost.predict(xgboost.DMatrix(X[:, :1]))).all()
        assert answer.missing == {} and np.isfinite(answer.output).all()
        facts = {fact["name"]: fact["kind"] for fact in one.monitor.settings["whole"].facts["members"]}
        assert facts == {"logit": "skops", "forest": "skops", "light": "lightgbm", "boost": "xgboost",
                         "far": "remote", "here": "callable", "apart": "isolated", "inner": "ensemble"}  # fmt: skip
        pids = runner.members["apart"].pids
        one.close()
        assert pids and runner.members["apart"].pids == ()


def by_carrier(rows):
    late = np.where(np.asarray(rows["carrier"].to_pylist()) == "aa", 0.25, 0.5)
    return np.column_stack([late, 1 - late])


def by_b(rows):
    late = rows["b"].to_numpy() ** 2 / 100
    return np.column_stack([late, 1 - late])


def test_an_ensemble_that_cannot_be_loaded_keeps_no_other_from_answering(tmp_path):
    path = site(tmp_path, [f"ok: {{callable: '{BY_CARRIER}', features: [carrier], classes: [late, ok]}}"], """\
  broken:
    task: regression
    members: {gone: {file: gone.onnx}}
""")  # fmt: skip
    one = Installation(path)
    with pytest.raises(MemberError, match="cannot read a model file"):
        _take_up(one)
    assert list(one.runners) == ["whole"]
    one.close()


def adopted(path):
    one = Installation(path)
    one.adopt()
    members = one.members["whole"]
    one.close()
    return members


def test_a_model_that_converts_runs_as_onnx(tmp_path):
    model = LogisticRegression().fit(X, LABEL)
    (tmp_path / "logit").write_bytes(dumps(model))
    members = adopted(site(tmp_path, ["m: {file: logit, features: [a, b]}",
                                      "n: {file: logit, features: [a, b], convert: false}"]))  # fmt: skip
    kinds = {name: type(one).__name__ for name, one in members.items()}
    assert kinds == {"m": "OnnxMember", "n": "SkopsMember"}
    rows = pa.table({"b": X[:, 1], "a": X[:, 0]})
    np.testing.assert_allclose(members["m"].predict(rows), model.predict_proba(X), atol=1e-6)
    assert members["m"].version == f"{members['n'].version}-onnx"


def test_a_pipeline_on_named_columns_of_text_converts_too(tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"a": X[:, 0], "carrier": CARRIER})
    encode = make_column_transformer((OneHotEncoder(), ["carrier"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(frame, LABEL)
    (tmp_path / "m").write_bytes(dumps(model))
    trusted = list(get_untrusted_types(data=dumps(model)))
    (made,) = adopted(site(tmp_path, [f"m: {{file: m, trusted_types: {trusted}}}"])).values()
    assert (type(made).__name__, made.features) == ("OnnxMember", ("a", "carrier"))
    rows = pa.table({"carrier": CARRIER, "b": X[:, 1], "a": X[:, 0]})
    np.testing.assert_allclose(made.predict(rows), model.predict_proba(frame), atol=1e-6)


def test_a_model_that_does_not_convert_or_agree_runs_native_and_says_why(tmp_path, capsys):
    odd = make_pipeline(FunctionTransformer(np.abs), LogisticRegression()).fit(X, LABEL)
    steep = LogisticRegression().fit(X, LABEL)
    steep.coef_[:] = 1e5  # so steep that single precision says something else of the first row
    steep.intercept_[:] = 0.003 - 1e5 * X[0].sum()
    members = []
    for name, model in {"odd": odd, "steep": steep}.items():
        (tmp_path / name).write_bytes(dumps(model))
        trusted = list(get_untrusted_types(data=dumps(model)))
        members.append(f"{name}: {{file: {name}, features: [a, b], trusted_types: {trusted}}}")
    loaded = adopted(site(tmp_path, members))
    assert {type(one).__name__ for one in loaded.values()} == {"SkopsMember"}
    said = capsys.readouterr().out
    assert "cannot be converted to ONNX" in said and "ONNX differs by up to" in said


def test_without_reference_rows_nothing_is_converted(tmp_path, capsys):
    (tmp_path / "m").write_bytes(dumps(LogisticRegression().fit(X, LABEL)))
    path = site(tmp_path, ["m: {file: m, features: [a, b]}"])
    (tmp_path / "reference.parquet").unlink()
    (made,) = adopted(path).values()
    assert type(made).__name__ == "SkopsMember" and "no reference rows" in capsys.readouterr().out


MEMBER = "{callable: 'tests.unit.app.test_member_kinds:by_b', features: [b], classes: [late, ok]}"


@pytest.mark.parametrize(
    ("member", "match"),
    [
        ("{ensemble: whole}", "inside itself"),
        ("{ensemble: second}", "inside itself"),
        ("{ensemble: nowhere}", "unknown ensemble"),
        ("{ensemble: amounts}", "another task"),
        ("{ensemble: second, file: x}", "exactly one of"),
        ("{url: 'ftp://h/v2/models/m'}", "http or https url"),
        ("{file: m, headers: {a: b}}", "key of remote members"),
        ("{file: m, processes: -1}", "processes out of range"),
        ("{url: 'http://h/v2/models/m', processes: 1}", "only a local model"),
        ("{file: m, memory: 100}", "limit of memory needs processes"),
    ],
)
def test_what_cannot_be_is_refused_by_name(member, match, tmp_path):
    path = site(tmp_path, [f"m: {member}"], f"""\
  second:
    task: binary
    classes: [late, ok]
    features: {{numeric: [b]}}
    members: {{third: {{ensemble: third}}}}
  third:
    task: binary
    classes: [late, ok]
    features: {{numeric: [b]}}
    members: {{back: {{ensemble: whole}}, own: {MEMBER}}}
  amounts:
    task: regression
    members: {{own: {{callable: 'math:sqrt'}}}}
""")  # fmt: skip
    with pytest.raises(ConfigProblems, match=match) as caught:
        read_config(path)
    assert "$.ensembles.whole.members.m" in str(caught.value)
