"""What a fusion has to learn is learned out of fold, judged on other folds, and written as plain numbers."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from choirmaster.config.model import Fusion
from choirmaster.config.read import Reading, read
from choirmaster.errors import ChoirmasterError
from choirmaster.fusion import Names, prepare
from choirmaster.fusion.fitting import cross_fitted, fitted, to_fit
from choirmaster.layout import Task
from choirmaster.lifecycle.rows import Question
from choirmaster.lifecycle.train import Plan, train
from tests.unit.lifecycle.test_train import ASK, TABLE, Toy, ports

CANDIDATES = [Toy("x"), Toy("z", ("z",)), Toy("both", ("x", "z"), grid=({"bins": 1.0},))]
FUSIONS = [
    "stacking", "rank_average", {"rule": "stacking", "inputs": "probability", "calibration": "temperature"},
    {"rule": "log_pool", "calibration": "platt"}, {"rule": "soft_vote", "calibration": {"method": "isotonic"}},
    {"rule": "trimmed_mean", "trim": 0.3, "calibration": "beta"},
]  # fmt: skip


@pytest.mark.parametrize("declared", FUSIONS, ids=str)
def test_what_was_learned_stands_in_the_files_and_answers_the_same(declared, tmp_path):
    made = train(TABLE, ASK, CANDIDATES, ports=ports(), plan=Plan(at_least=3, fusion=declared))
    assert to_fit(declared) and not to_fit(made.fusion)
    recipe = made.save(tmp_path)
    snippet = yaml.safe_load((tmp_path / "members.yaml").read_text())["fusion"]
    assert snippet == recipe["fusion"] == made.fusion | {"weights": made.weights}
    reading = Reading()
    config = read(Fusion, snippet, reading)
    assert reading.problems == []
    one, two = (
        prepare(document, task="binary", members=list(made.members), classes=made.classes, positive="late")
        for document in (config.document(), made.ensemble.options["fusion"])
    )
    p = np.random.default_rng(0).dirichlet(np.ones(2), size=(50, len(made.members)))
    everybody = np.ones(p.shape[:2], bool)
    assert one.fuse(p, everybody).output.tobytes() == two.fuse(p, everybody).output.tobytes()
    assert made.auc > 0.7


def test_the_fused_out_of_fold_answers_were_learned_on_other_folds():
    rng = np.random.default_rng(4)
    names = Names("binary", ("a", "b"), ("no", "yes"), 1)
    codes, fold = rng.integers(0, 2, 300), np.repeat(np.arange(3), 100)
    p = rng.random((300, 2))
    outputs = np.stack([1 - p, p], axis=2)
    whole = cross_fitted("stacking", outputs, codes, fold, names)
    changed = codes.copy()
    changed[fold == 1] = 1 - changed[fold == 1]
    other = cross_fitted("stacking", outputs, changed, fold, names)
    assert whole[fold == 1].tobytes() == other[fold == 1].tobytes()
    assert not np.allclose(whole[fold == 0], other[fold == 0])


def test_a_calibration_improves_a_pool_that_is_too_certain():
    rng = np.random.default_rng(5)
    truth = rng.normal(size=4000)
    codes = (rng.random(4000) < 1 / (1 + np.exp(-truth))).astype(int)
    p = 1 / (1 + np.exp(-4 * (truth[:, None] + rng.normal(size=(4000, 2)) * 0.3)))
    outputs, names = np.stack([1 - p, p], axis=2), Names("binary", ("a", "b"), ("no", "yes"), 1)
    fold = np.arange(4000) % 4

    def loss(declared) -> float:
        q = cross_fitted(declared, outputs, codes, fold, names)
        return -float(np.log(np.maximum(q[np.arange(4000), codes], 2.0**-52)).mean())

    plain = loss("log_pool")
    for method in ("platt", "isotonic", "beta", "temperature"):
        assert loss({"rule": "log_pool", "calibration": method}) < plain - 0.1


def test_several_classes_and_numbers_are_stacked():
    rng = np.random.default_rng(6)
    codes = rng.integers(0, 3, 400)
    p = rng.dirichlet(np.ones(3), size=(400, 2)) + 2 * np.eye(3)[codes][:, None]
    p /= p.sum(axis=2, keepdims=True)
    names = Names("multiclass", ("a", "b"), ("x", "y", "z"))
    document = fitted("stacking", p, codes, names)
    one = prepare(document, task="multiclass", members=("a", "b"), classes=("x", "y", "z"))
    assert (one.fuse(p, np.ones((400, 2), bool)).choice == codes).mean() > 0.95
    x = rng.normal(size=(200, 2))
    document = fitted("stacking", x, 3 * x[:, 0] + x[:, 1] + 5, Names("regression", ("a", "b")))
    assert document["coefficients"] == pytest.approx({"a": 3.0, "b": 1.0}) and document["intercept"] == pytest.approx(5)


@pytest.mark.parametrize(
    ("declared", "codes", "message"),
    [
        ("stacking", [1, 1, 1, 1], "both classes"),
        ({"calibration": "platt"}, [0, 0, 0, 0], "both classes"),
        ({"calibration": "platt"}, [1, 0, 0, 1], "rise with the label"),
        ({"calibration": "beta"}, [1, 1, 0, 0], "separate"),
        ({"calibration": "plat"}, [0, 0, 1, 1], 'did you mean "platt"'),
    ],
)
def test_what_cannot_be_learned_is_said(declared, codes, message):
    p = np.array([[0.1], [0.6], [0.7], [0.9]]) if codes != [1, 0, 0, 1] else np.array([[0.1], [0.9], [0.8], [0.3]])
    with pytest.raises(ChoirmasterError) as caught:
        fitted(declared, np.stack([1 - p, p], axis=2), np.array(codes), Names("binary", ("a",), ("no", "yes"), 1))
    assert message in str(caught.value)


def test_costs_choose_the_cutoff_and_stand_in_the_recipe(tmp_path):
    plan = Plan(at_least=2, costs={"late": {"ok": 4.0}, "ok": {"late": 1.0}})
    made = train(TABLE, ASK, CANDIDATES, ports=ports(), plan=plan)
    assert made.cutoff.by == "cost" and made.cutoff.closed_form == 0.2 and made.cutoff.value < 0.5
    assert made.save(tmp_path)["cutoff"]["closed_form"] == 0.2


def test_a_rule_that_does_not_serve_the_task_is_refused_before_anything_is_fitted():
    ask, one = Question(Task.REGRESSION, "x", ("z",), (), time="t"), Toy("x")
    for rule in ("rank_average", "hard_vote", {"rule": "log_pool", "calibration": "beta"}):
        with pytest.raises(ChoirmasterError, match="does not serve this task"):
            train(TABLE, ask, [one], ports=ports(), plan=Plan(fusion=rule))
    assert one.rows == []
