"""Members from files, functions and scripts: the same answers as the model, and refusals that name the cause."""

from __future__ import annotations

import hashlib
import json
import threading

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression
from skops.io import dumps

from choirmaster.errors import ConfigError, MemberError
from choirmaster.estimators.candidates import candidates
from choirmaster.members.callable import CallableMember
from choirmaster.members.convert import agreement_of, compare, to_onnx, write_model
from choirmaster.members.fake import Act, FakeMember
from choirmaster.members.local_skops import SkopsMember
from choirmaster.members.onnx import OnnxMember

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # the net stops early on purpose

RNG = np.random.default_rng(3)
N = 400
ROWS = pa.table({
    "x": RNG.normal(size=N),
    "hour": pa.array([None if u < 0.1 else int(u * 24) for u in RNG.random(N)], pa.int64()),
    "carrier": pa.array([None if u < 0.05 else "AA" if u < 0.5 else "ÜB" for u in RNG.random(N)]),
}).append_column("odd", pa.array(RNG.choice(["p", "q"], N)).dictionary_encode())  # fmt: skip
Y = np.where(ROWS["x"].to_numpy() + RNG.normal(size=N) > 0, "late", "ok")
HARD = pa.table({
    "x": pa.array([None, float("nan"), float("inf"), 1e300, 0.1]),
    "hour": pa.array([None, 1, 2, 3, 23], pa.int64()),
    "carrier": pa.array([None, "", "never seen", "AA", "ÜB"]),
    "odd": pa.array(["p", None, "z", "q", "q"]),
})  # fmt: skip


def pipeline(name="logit", task="binary"):
    made = candidates(["x", "hour"], ["carrier", "odd"], task=task, names=[name])[name]
    return made.build(N).fit(ROWS, Y if task == "binary" else ROWS["x"].to_numpy() * 2)


@pytest.mark.parametrize("name", ["logit", "forest", "boost", "mlp", "knn"])
def test_onnx_answers_as_the_pipeline_also_on_bad_input(name, tmp_path):
    model = pipeline(name)
    written = write_model(model, name, tmp_path, ROWS)
    assert written.format == "onnx" and written.largest_difference <= 1e-5
    member = OnnxMember(name, written.file, sha256=written.sha256)
    assert member.classes == ("late", "ok") == written.classes
    assert member.features == ("x", "hour", "carrier", "odd") == written.features
    assert member.version == hashlib.sha256(written.file.read_bytes()).hexdigest()[:12]
    for rows in (ROWS, HARD, ROWS.slice(0, 1)):
        np.testing.assert_allclose(member.predict(rows), model.predict_proba(rows), atol=1e-5)


def test_a_regressor_and_its_onnx_file(tmp_path):
    model = pipeline("boost", "regression")
    member = OnnxMember("b", write_model(model, "b", tmp_path, ROWS).file)
    assert member.classes is None and member.predict(ROWS).shape == (N,)
    np.testing.assert_allclose(member.predict(HARD), model.predict(HARD), rtol=1e-5, atol=1e-5)


def test_skops_answers_as_the_pipeline_once_its_types_are_trusted(tmp_path):
    model = pipeline("forest")
    written = write_model(model, "forest", tmp_path, ROWS, prefer="skops")
    with pytest.raises(MemberError, match="nobody trusts"):
        SkopsMember("forest", written.file)
    member = SkopsMember("forest", written.file, sha256=written.sha256, trusted=written.trusted_types)
    assert member.features == ("x", "hour", "carrier", "odd")
    for rows in (ROWS, HARD):
        assert (member.predict(rows) == model.predict_proba(rows)).all()


def test_a_plain_estimator_in_skops_takes_numbers_in_the_declared_order(tmp_path):
    x = RNG.normal(size=(50, 2))
    model = LogisticRegression().fit(x, (x[:, 0] > 0).astype(int))
    (tmp_path / "m.any").write_bytes(dumps(model))
    with pytest.raises(ConfigError, match="which features"):
        SkopsMember("m", tmp_path / "m.any")
    member = SkopsMember("m", tmp_path / "m.any", features=("b", "a"))
    rows = pa.table({"a": x[:, 1], "b": x[:, 0]})
    assert member.classes == ("0", "1")
    assert (member.predict(rows) == model.predict_proba(x)).all()


@pytest.mark.parametrize("kind", ["onnx", "skops"])
def test_a_swapped_file_is_refused(kind, tmp_path):
    written = write_model(pipeline(), "m", tmp_path, ROWS, prefer=kind)
    other = write_model(pipeline("forest"), "other", tmp_path, ROWS, prefer=kind)
    written.file.write_bytes(other.file.read_bytes())
    make = OnnxMember if kind == "onnx" else SkopsMember
    with pytest.raises(MemberError, match="not the one that was pinned"):
        make("m", written.file, sha256=written.sha256)
    with pytest.raises(MemberError, match="cannot read a model file"):
        make("m", tmp_path / "not there")


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x80\x04\x95pickle.", b"PK\x03\x04broken", b"\x00" * 64])
def test_bytes_that_are_no_model_are_refused(data, tmp_path):
    (tmp_path / "m").write_bytes(data)
    for make in (OnnxMember, SkopsMember):
        with pytest.raises(MemberError):
            make("m", tmp_path / "m")


def _external(where):
    outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    entry = outside.external_data.add()
    entry.key, entry.value = "location", "../secret"
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    if where == "initialiser":
        graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [outside])
    elif where == "attribute":
        nodes = [helper.make_node("Constant", [], ["w"], value=outside), helper.make_node("Add", ["x", "w"], ["y"])]
        graph = helper.make_graph(nodes, "g", [x], [y])
    else:
        graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y])
        sparse = graph.sparse_initializer.add()
        sparse.values.CopyFrom(outside)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


@pytest.mark.parametrize("where", ["initialiser", "attribute", "sparse"])
def test_tensors_in_other_files_are_refused(where, tmp_path):
    (tmp_path / "m.onnx").write_bytes(_external(where))
    with pytest.raises(MemberError, match="other files"):
        OnnxMember("m", tmp_path / "m.onnx")


def _matrix_model():
    x = helper.make_tensor_value_info("x", TensorProto.DOUBLE, [None, 2])
    y = helper.make_tensor_value_info("y", TensorProto.DOUBLE, [None, 1])
    weights = helper.make_tensor("w", TensorProto.DOUBLE, [2, 1], [1.0, 10.0])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_a_model_with_one_matrix_takes_the_declared_features_in_order(tmp_path):
    onnx.save(_matrix_model(), tmp_path / "m.onnx")
    with pytest.raises(ConfigError, match="which features"):
        OnnxMember("m", tmp_path / "m.onnx")
    member = OnnxMember("m", tmp_path / "m.onnx", features=("b", "a"))
    assert member.predict(pa.table({"a": [1.0, 2.0], "b": [0.0, 5.0]})).tolist() == [10.0, 25.0]


def test_wrong_rows_name_the_column(tmp_path):
    member = OnnxMember("m", write_model(pipeline(), "m", tmp_path, ROWS).file)
    with pytest.raises(MemberError, match='column "odd"'):
        member.predict(ROWS.drop_columns(["odd"]))
    with pytest.raises(MemberError, match='column "x"'):
        member.predict(ROWS.set_column(0, "x", pa.array(["a"] * N)))


def test_members_answer_from_many_threads(tmp_path):
    model = pipeline("forest")
    made = [write_model(model, kind, tmp_path, ROWS, prefer=kind) for kind in ("onnx", "skops")]
    members = [OnnxMember("o", made[0].file), SkopsMember("s", made[1].file, trusted=made[1].trusted_types)]
    wanted, wrong = model.predict_proba(ROWS), []

    def ask():
        wrong.extend(m.name for m in members for _ in range(5) if abs(m.predict(ROWS) - wanted).max() > 1e-5)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_conversion_that_disagrees_is_not_taken(tmp_path, monkeypatch):
    model = pipeline()
    data = to_onnx(model)
    assert compare(model, data, ROWS, "m").holds
    other = pipeline("boost")
    monkeypatch.setattr("choirmaster.members.convert.to_onnx", lambda estimator: to_onnx(other))
    written = write_model(model, "m", tmp_path, ROWS)
    assert written.format == "skops" and "differs" in written.note and "flips" in written.note


def test_a_pipeline_that_cannot_be_converted_stays_native_and_says_why(tmp_path):
    written = write_model(pipeline("constant"), "m", tmp_path, ROWS)
    assert written.format == "skops" and written.note.startswith("cannot be converted")


def test_agreement_counts_flips_beyond_ties():
    ours = np.array([[0.500004, 0.499996], [0.6, 0.4]])
    assert agreement_of(ours, ours[:, ::-1]).flips == 1
    assert agreement_of(ours[:1], ours[:1, ::-1]).holds
    assert not agreement_of(np.array([1e6]), np.array([1e6 + 100])).holds
    assert agreement_of(np.array([1e6]), np.array([1e6 + 1])).holds
    with pytest.raises(MemberError, match="at least one row"):
        agreement_of(np.zeros((0, 2)), np.zeros((0, 2)))


def test_metadata_names_classes_and_features():
    model = onnx.load_model_from_string(to_onnx(pipeline()))
    stored = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert stored["choirmaster.classes"] == ["late", "ok"]
    assert stored["choirmaster.features"] == ["x", "hour", "carrier", "odd"]


def test_a_function_is_a_member():
    member = CallableMember("f", lambda t: 1 / (1 + np.exp(-t["x"].to_numpy())), classes=["no", "yes"], features=["x"])
    answer = member.predict(ROWS)
    assert answer.shape == (N, 2) and np.allclose(answer.sum(axis=1), 1) and len(member.version) == 12
    assert CallableMember("s", "math:sqrt", classes=None, features=["x"]).version
    with pytest.raises(MemberError, match="another shape"):
        CallableMember("f", lambda t: np.zeros((3, 3)), classes=["a", "b"], features=[]).predict(ROWS)
    with pytest.raises(MemberError, match="a member failed"):
        CallableMember("f", lambda t: t.nothing, classes=None, features=["x"]).predict(ROWS)
    with pytest.raises(MemberError, match='column "gone"'):
        CallableMember("f", lambda t: t, classes=None, features=["gone"]).predict(ROWS)


@pytest.mark.parametrize("path", ["math", "math:", ":sqrt", "no_such_module_here:f", "math:nothing", "math:pi"])
def test_an_import_path_that_leads_nowhere_is_refused(path):
    with pytest.raises(ConfigError, match=r"import a member|call a member"):
        CallableMember("f", path, classes=None, features=[])


def test_a_fake_member_follows_its_script():
    slept = []
    script = [Act(error=MemberError("down")), Act(float("nan"), delay_seconds=0.2), Act([[0.9, 0.1]] * N)]
    member = FakeMember("a", 0.3, script=script, sleep=slept.append)
    with pytest.raises(MemberError, match="down"):
        member.predict(ROWS)
    assert np.isnan(member.predict(ROWS)).all() and slept == [0.2]
    assert member.predict(ROWS)[0].tolist() == [0.9, 0.1]
    assert member.predict(ROWS.slice(0, 2)).tolist() == [[0.7, 0.3]] * 2
    assert member.calls == 4
    by_row = FakeMember("b", lambda t: t["x"].to_numpy(), classes=None)
    assert (by_row.predict(ROWS) == ROWS["x"].to_numpy()).all()
    with pytest.raises(MemberError, match="does not fit"):
        FakeMember("c", [1.0, 2.0, 3.0]).predict(ROWS)
