"""Training with the real candidates, their files and the ensemble, as the application puts them together."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.errors import MemberError
from choirmaster.estimators.candidates import candidates
from choirmaster.estimators.ensemble import Ensemble
from choirmaster.estimators.threads import one_thread
from choirmaster.layout import Task
from choirmaster.lifecycle.recipe import verify
from choirmaster.lifecycle.rows import Question
from choirmaster.lifecycle.train import Plan, Ports, train
from choirmaster.members.convert import write_model
from choirmaster.members.local_skops import SkopsMember
from choirmaster.members.onnx import OnnxMember

RNG = np.random.default_rng(6)
N = 2500
X = RNG.normal(size=(N, 4))
CARRIER = RNG.choice(["AA", "BB", "CC"], N)
SCORE = X[:, 0] - X[:, 1] + (X[:, 2] > 0) * X[:, 3] + (CARRIER == "AA")
NAMES = ("a", "b", "c", "d", "twin")
COLUMNS = {name: X[:, place] for place, name in enumerate("abcd")}
# A copy of one column, ever so slightly shaken: naive Bayes counts it twice and grows too sure of itself.
COLUMNS |= {"twin": X[:, 0] + 0.01 * RNG.normal(size=N), "more": X[:, 0] + 0.01 * RNG.normal(size=N)}
TABLE = pa.table({
    **COLUMNS, "carrier": CARRIER, "when": pa.array(np.arange(N), pa.timestamp("s", "UTC")),
    "y": np.where(SCORE + 1.5 * RNG.logistic(size=N) > 0, "late", "ok"),
})  # fmt: skip
NUMERIC = tuple(COLUMNS)
ASK = Question(Task.BINARY, "y", NUMERIC, ("carrier",), positive="late", time="when")


@pytest.fixture(scope="module")
def result():
    offered = candidates(NUMERIC, ["carrier"], names=("logit", "forest", "mlp", "naive_bayes", "tree", "constant"))
    ports = Ports(Ensemble, write_model, time.perf_counter, one_thread)
    return train(TABLE, ASK, list(offered.values()), ports=ports, plan=Plan(at_least=3, folds=3))


def test_a_planted_tree_is_flagged_and_neither_it_nor_naive_bayes_is_picked(result):
    table = {row["candidate"]: row for row in result.table.to_pylist()}
    assert table["tree"]["flag"] == "overfit" and table["constant"]["flag"] == "underfit"
    assert [table[name]["flag"] for name in ("logit", "forest", "mlp")] == ["", "", ""]
    assert sorted(result.members) == ["forest", "logit", "mlp"]
    assert not table["naive_bayes"]["chosen"] and not table["tree"]["chosen"]


def test_what_libraries_warn_of_is_counted_and_not_shown(result):
    assert any("ConvergenceWarning" in text for text in result.warned)  # the net stops early on purpose


def test_the_ensemble_answers_at_the_chosen_cutoff(result):
    ens = result.ensemble
    proba = ens.predict_proba(TABLE)[:, list(ens.classes_).index("late")]
    assert (ens.predict(TABLE) == np.where(proba >= result.cutoff.value, "late", "ok")).all()
    assert ens.cutoff == result.cutoff.value != 0.5


def test_the_files_answer_as_the_members_and_a_swap_is_refused(result, tmp_path):
    recipe = result.save(tmp_path)
    assert verify(tmp_path)["members"].keys() == result.members.keys()
    for name, one in recipe["members"].items():
        path, pin = tmp_path / one["file"], one["sha256"]
        if one["format"] == "onnx":
            member = OnnxMember(name, path, sha256=pin)
        else:
            member = SkopsMember(name, path, sha256=pin, trusted=one["trusted_types"])
        np.testing.assert_allclose(member.predict(TABLE), result.members[name].predict_proba(TABLE), atol=1e-5)
        path.write_bytes(path.read_bytes() + b" ")
        with pytest.raises(MemberError, match="pinned"):
            OnnxMember(name, path, sha256=pin)
    assert any(one["format"] == "onnx" for one in recipe["members"].values())
