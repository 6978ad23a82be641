"""Any local member from one description: told by content, code only where flagged, pinned and in its folder."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import os
import pickle
import re

import joblib
import numpy as np
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from skops.io import dumps, get_untrusted_types

from choirmaster.errors import ConfigError, MemberError
from choirmaster.members.content import Kind, kind_of
from choirmaster.members.loading import Source, load
from choirmaster.members.pinned import contained, read_pinned

RNG = np.random.default_rng(8)
X = RNG.normal(size=(60, 2))
MODEL = LogisticRegression().fit(X, (X[:, 0] > 0).astype(int))
ROWS = pa.table({"b": X[:, 1], "unused": X[:, 0], "a": X[:, 0]})


def source(file, **more):
    return Source(name="m", file=str(file), folder=str(file.parent), features=("a", "b"), **more)


def pinned(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("suffix", ["joblib", "pkl", "onnx", "skops", "json"])
@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 1)])
def test_a_trusted_joblib_file_answers_as_the_estimator(suffix, compress, tmp_path):
    file = tmp_path / f"m.{suffix}"
    joblib.dump(MODEL, file, compress=compress)
    assert kind_of(file.read_bytes()) is Kind.PICKLE
    member = load(source(file, trusted=True, sha256=pinned(file)))
    assert (member.predict(ROWS) == MODEL.predict_proba(X)).all()
    assert member.classes == ("0", "1") and member.version == pinned(file)[:12]


@pytest.mark.parametrize("flags", [{}, {"trusted": True}, {"sha256": True}])
def test_code_is_not_run_without_flag_and_pin(flags, tmp_path):
    file = tmp_path / "m.onnx"
    joblib.dump(MODEL, file)
    flags = {key: pinned(file) if key == "sha256" else value for key, value in flags.items()}
    with pytest.raises(ConfigError, match="can run code is not loaded"):
        load(source(file, **flags))


def test_a_swapped_trusted_file_is_refused(tmp_path):
    file = tmp_path / "m.joblib"
    joblib.dump(MODEL, file)
    pin = pinned(file)
    joblib.dump(LogisticRegression(C=3).fit(X, X[:, 0] > 0), file)
    with pytest.raises(MemberError, match="not the one that was pinned"):
        load(source(file, trusted=True, sha256=pin))


def test_a_trusted_file_lies_in_the_operators_folder_and_is_not_written_by_everyone(tmp_path):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    for folder in (outside, inside):
        folder.mkdir()
        joblib.dump(MODEL, folder / "m.joblib")
    (inside / "link").symlink_to(outside / "m.joblib")
    pin = pinned(outside / "m.joblib")
    for file in (outside / "m.joblib", inside / "link"):
        one = Source(name="m", file=str(file), folder=str(inside), features=("a", "b"), trusted=True, sha256=pin)
        with pytest.raises(ConfigError, match="outside the operator's folder"):
            load(one)
    os.chmod(inside / "m.joblib", 0o666)
    with pytest.raises(ConfigError, match="written by everyone"):
        load(source(inside / "m.joblib", trusted=True, sha256=pinned(inside / "m.joblib")))


def test_a_trusted_file_that_is_no_model(tmp_path):
    for name, data in {"list": pickle.dumps([1, 2]), "cut": joblib_bytes()[:50]}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(MemberError, match=r"holds no model|cannot load a joblib"):
            load(source(tmp_path / name, trusted=True, sha256=pinned(tmp_path / name)))


def joblib_bytes():
    out = io.BytesIO()
    joblib.dump(MODEL, out)
    return out.getvalue()


def test_types_of_a_skops_file_are_trusted_by_the_operator_only(tmp_path):
    model = RandomForestClassifier(3, random_state=0).fit(X, X[:, 0] > 0)
    (tmp_path / "m").write_bytes(dumps(model))
    types = tuple(get_untrusted_types(data=dumps(model)))
    assert types
    with pytest.raises(MemberError, match="nobody trusts"):
        load(source(tmp_path / "m", trusted=True, sha256=pinned(tmp_path / "m")))
    answer = load(source(tmp_path / "m", trusted_types=types)).predict(ROWS)
    assert (answer == model.predict_proba(X)).all()


def test_a_classifier_that_was_never_fitted_is_refused(tmp_path):
    (tmp_path / "m").write_bytes(dumps(LogisticRegression()))
    with pytest.raises(MemberError, match="never fitted"):
        load(source(tmp_path / "m"))


@pytest.mark.parametrize(
    "data",
    [b"", b"cos\nsystem\n(S'true'\ntR.", b"\x89HDF\r\n\x1a\n", b"\x93NUMPY\x01\x00", b"<html>", b"{ }", b"{", b"tree"],
)
def test_bytes_of_no_known_kind_are_refused(data, tmp_path):
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(MemberError, match="expected a model file"):
        load(source(tmp_path / "m.onnx", trusted=True, sha256=hashlib.sha256(data).hexdigest()))


def test_compressed_text_is_a_pickle_to_be_trusted(tmp_path):
    for pack in (gzip.compress, bz2.compress):
        (tmp_path / "m").write_bytes(pack(b"tree\nversion=v4\n"))
        with pytest.raises(ConfigError, match="can run code"):
            load(source(tmp_path / "m"))


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path):
        with pytest.raises(MemberError, match="cannot read a model file"):
            read_pinned(path)
    with pytest.raises(MemberError, match="cannot read a model file"):
        read_pinned("a\0b")


def test_a_file_beyond_the_largest_is_not_read(tmp_path):
    with (tmp_path / "m").open("wb") as file:
        file.truncate(2**31 + 1)
    with pytest.raises(MemberError, match="too large"):
        read_pinned(tmp_path / "m")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/../../x", "/etc/passwd", "a\\..\\x", "a\0", "link", "up/passwd", "....//../x/../.."],
)
def test_no_name_leads_out_of_a_model_folder(name, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "link").symlink_to("/etc/passwd")
    (home / "up").symlink_to("/etc")
    with pytest.raises(MemberError, match="outside itself"):
        contained(home, name)
    assert contained(home, "a/../model.onnx") == home.resolve() / "model.onnx"


def test_a_function_takes_every_feature_unless_it_declares_some():
    one = Source(name="m", target="tests.unit.members.functions:first", known=("b", "a"), classes=("no", "yes"))
    assert load(one).features == ("b", "a")
    declared = Source(name="m", target="tests.unit.members.functions:first", known=("b", "a"), features=("a",))
    assert load(declared).features == ("a",)


def test_a_file_that_ends_its_reader_ends_a_process_of_its_own(tmp_path, monkeypatch):
    import lightgbm

    lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(X, X[:, 0]), 2).save_model(tmp_path / "good")
    text = (tmp_path / "good").read_text()
    children = re.search(r"left_child=.*", text)[0]
    far = re.sub(r"-?\d+", lambda found: "9" * len(found[0]), children)  # a node beyond the tree, as long as before
    (tmp_path / "bad").write_text(text.replace(children, far, 1))
    assert load(source(tmp_path / "good")).predict(ROWS).shape == (60,)
    with pytest.raises(MemberError, match="ends the process that reads it"):
        load(source(tmp_path / "bad"))
    monkeypatch.setattr("choirmaster.members.isolated.try_apart", lambda one: pytest.fail("a pinned file is known"))
    assert load(source(tmp_path / "good", sha256=pinned(tmp_path / "good"))).predict(ROWS).shape == (60,)
