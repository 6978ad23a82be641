"""MLflow model folders, written by hand as MLflow writes them: read without it, code only where flagged and pinned."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import types

import joblib
import lightgbm
import numpy as np
import pyarrow as pa
import pytest
import xgboost
from sklearn.linear_model import LogisticRegression
from skops.io import dumps

from choirmaster.errors import ConfigError, MemberError, MissingExtra
from choirmaster.members.convert import to_onnx
from choirmaster.members.loading import Source, load
from choirmaster.members.mlflow import folder_sha256, read_folder

RNG = np.random.default_rng(4)
X = RNG.normal(size=(80, 2))
Y = (X[:, 0] > 0).astype(int)
MODEL = LogisticRegression().fit(X, Y)
ROWS = pa.table({"b": X[:, 1], "a": X[:, 0], "other": X[:, 0]})
SIGNATURE = json.dumps([{"type": "double", "name": name, "required": True} for name in ("a", "b")])
HEAD = """\
artifact_path: model
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    python_version: 3.11.9
"""
TAIL = f"""\
mlflow_version: 2.22.0
model_uuid: 3c1e7a3f0d5f4a5c9d2a6b1f2e3d4c5b
signature:
  inputs: '{SIGNATURE}'
  outputs: '[{{"type": "long", "required": true}}]'
utc_time_created: '2026-01-01 00:00:00.000000'
"""


def folder(path, flavour="", **files):
    path.mkdir(exist_ok=True)
    for name, data in files.items():
        (path / name.replace("__", ".")).write_bytes(data)
    (path / "MLmodel").write_text(HEAD + flavour + TAIL)
    return path


def source(path, **more):
    return Source(name="m", file=str(path), folder=str(path.parent), **more)


def boosters(tmp_path):
    light = lightgbm.train({"verbosity": -1, "objective": "binary", "num_threads": 1}, lightgbm.Dataset(X, Y), 3)
    extreme = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(X, Y), 3)
    return light, extreme


def test_scikit_learn_as_skops(tmp_path):
    flavour = "  sklearn: {code: null, pickled_model: model.skops, serialization_format: skops}\n"
    member = load(source(folder(tmp_path / "f", flavour, model__skops=dumps(MODEL))))
    assert member.features == ("a", "b")
    assert (member.predict(ROWS) == MODEL.predict_proba(X)).all()


def test_scikit_learn_as_a_pickle_needs_flag_and_pin(tmp_path):
    flavour = "  sklearn: {code: null, pickled_model: model.pkl, serialization_format: cloudpickle}\n"
    path = folder(tmp_path / "f", flavour)
    joblib.dump(MODEL, path / "model.pkl")
    with pytest.raises(ConfigError, match="can run code is not loaded"):
        load(source(path))
    pin = hashlib.sha256((path / "model.pkl").read_bytes()).hexdigest()
    assert (load(source(path, trusted=True, sha256=pin)).predict(ROWS) == MODEL.predict_proba(X)).all()


def test_onnx(tmp_path):
    flavour = "  onnx: {code: null, data: model.onnx, providers: [CPUExecutionProvider]}\n"
    member = load(source(folder(tmp_path / "f", flavour, model__onnx=to_onnx(MODEL, ("a", "b")))))
    np.testing.assert_allclose(member.predict(ROWS), MODEL.predict_proba(X), atol=1e-6)


def test_boosters(tmp_path):
    light, extreme = boosters(tmp_path)
    light.save_model(tmp_path / "l")
    extreme.save_model(tmp_path / "x.ubj")
    path = folder(tmp_path / "f", "  lightgbm: {code: null, data: model.lgb, lgb_version: 4.6.0}\n",
                  model__lgb=(tmp_path / "l").read_bytes())  # fmt: skip
    assert (load(source(path)).predict(ROWS)[:, 1] == light.predict(X)).all()
    path = folder(tmp_path / "g", "  xgboost: {code: null, data: model.xgb, model_format: ubj}\n",
                  model__xgb=(tmp_path / "x.ubj").read_bytes())  # fmt: skip
    assert (load(source(path)).predict(ROWS)[:, 1] == extreme.predict(xgboost.DMatrix(X))).all()


@pytest.mark.parametrize("name", ["../secret.skops", "/etc/passwd", "a/../../secret.skops", "link.skops"])
def test_a_folder_names_no_file_outside_itself(name, tmp_path):
    (tmp_path / "secret.skops").write_bytes(dumps(MODEL))
    path = folder(tmp_path / "f", f"  sklearn: {{pickled_model: {name}}}\n")
    (path / "link.skops").symlink_to(tmp_path / "secret.skops")
    with pytest.raises(MemberError, match="outside itself"):
        load(source(path))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "a mapping"),
        ("[1, 2]", "a mapping"),
        ("flavors: 3", "expected flavors"),
        ("flavors: {spark: {}}", "no flavour that is served"),
        ("flavors: {onnx: {data: 7}}", "outside itself"),
        ("flavors: {onnx: {data: none.onnx}}", "cannot read a model file"),
        ("flavors: !!python/object/apply:os.system ['touch canary']", "cannot read YAML"),
        ("a: &a [x,x]\nb: &b [*a,*a]\n" * 30, "YAML"),
        ("{" * 300, "YAML"),
        ("a: b: c", "YAML"),
        ("x" * 2**21, "at most"),
    ],
)
def test_descriptions_that_cannot_be_read(text, match, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "MLmodel").write_text(text)
    with pytest.raises((MemberError, ConfigError), match=match):
        load(source(tmp_path / "f"))
    assert not (tmp_path / "canary").exists()


def test_a_signature_of_tensors_leaves_features_to_be_declared(tmp_path):
    path = folder(tmp_path / "f", "  sklearn: {pickled_model: model.skops}\n", model__skops=dumps(MODEL))
    tensors = '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]'
    (path / "MLmodel").write_text((path / "MLmodel").read_text().replace(SIGNATURE, tensors))
    assert read_folder(path).features == ()
    with pytest.raises(ConfigError, match="which features"):
        load(source(path))
    assert load(source(path, features=("a", "b"))).predict(ROWS).shape == (80, 2)


def pyfunc(tmp_path):
    path = folder(tmp_path / "f")
    (path / "python_model.pkl").write_bytes(b"what only MLflow can read")
    (path / "deep" / "er").mkdir(parents=True)
    (path / "deep" / "er" / "b c.txt").write_text("x")
    return path


def test_a_pyfunc_needs_flag_pin_and_mlflow(tmp_path, monkeypatch):
    path = pyfunc(tmp_path)
    pin = folder_sha256(path)
    for flags in ({}, {"trusted": True}, {"sha256": pin}):
        with pytest.raises(ConfigError, match="can run code is not loaded"):
            load(source(path, **flags))
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtra, match="pip install mlflow"):
        load(source(path, trusted=True, sha256=pin))
    with pytest.raises(MemberError, match="not the one that was pinned"):
        load(source(path, trusted=True, sha256="0" * 64))


def test_a_pyfunc_is_loaded_from_a_copy_of_what_was_pinned(tmp_path, monkeypatch):
    path, seen = pyfunc(tmp_path), []

    class Model:
        def predict(self, frame):
            return frame["a"].to_numpy() + frame["b"].to_numpy()

    def load_model(place):
        seen.append((place, folder_sha256(place)))
        return Model()

    package, module = types.ModuleType("mlflow"), types.ModuleType("mlflow.pyfunc")
    module.load_model, package.pyfunc = load_model, module
    monkeypatch.setitem(sys.modules, "mlflow", package)
    monkeypatch.setitem(sys.modules, "mlflow.pyfunc", module)
    pin = folder_sha256(path)
    member = load(source(path, trusted=True, sha256=pin))
    assert member.features == ("a", "b") and member.classes is None and member.version == pin[:12]
    assert (member.predict(ROWS) == X[:, 0] + X[:, 1]).all()
    ((place, digest),) = seen
    assert digest == pin and place != str(path)
    member.close()


def test_the_hash_of_a_folder_is_what_the_shell_prints(tmp_path):
    path = pyfunc(tmp_path)
    command = r"find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum"
    printed = subprocess.run(["sh", "-c", command], cwd=path, capture_output=True, text=True, check=True).stdout
    assert folder_sha256(path) == printed.split()[0]
    (path / "link").symlink_to("MLmodel")
    with pytest.raises(ConfigError, match="holds a link"):
        folder_sha256(path)
