"""A served ensemble answers by the rule, the parameters and the recalibration that its configuration declares."""

from __future__ import annotations

import json

import numpy as np
import pytest

from choirmaster.app.ensembles import layout_of, serve_settings
from choirmaster.config import ConfigProblems, parse
from choirmaster.fusion import RULES
from choirmaster.serve.request import PredictRequest, features_table
from choirmaster.serve.runner import EnsembleRunner
from tests.entrances.http.kit import Clock, Fake
from tests.laws.fusion_cases import class_names, document, fusion, member_names

M = 4
NAMES = member_names(M)
SAID = np.array([0.05, 0.4, 0.85, 0.6])


def config(task: str, declared: dict, *, classes: int = 0, **more: object):
    one = {
        "task": task, "members": {name: {"callable": f"kit:{name}"} for name in NAMES}, "fusion": declared,
        "features": {"numeric": ["x"]}, **more,
    } | ({"classes": class_names(classes)} if classes else {})  # fmt: skip
    return parse(json.dumps({"ensembles": {"e": one}}), env={}, read_file=str)


def served(task: str, declared: dict, members: dict, **more: object) -> EnsembleRunner:
    one = config(task, declared, **more).ensembles["e"]
    return EnsembleRunner(serve_settings("e", one, layout_of(one), None), members, Clock())


def ask(one: EnsembleRunner):
    return one.answer(PredictRequest(features_table(one.layout, {"x": [1.0, 2.0]}, 2)))


def says(p: float):
    return lambda table: np.tile([1 - p, p], (table.num_rows, 1))


@pytest.mark.parametrize("away", [None, "m0", "m2"])
@pytest.mark.parametrize("rule", [rule.name for rule in RULES if "binary" in rule.tasks])
def test_a_classifier_answers_by_the_declared_rule(rule, away):
    more = {} if rule == "hard_vote" else {"calibration": {"method": "platt", "slope": 1.5, "intercept": -0.2}}
    declared = document(rule, M, 2) | more | {"weights": {"m1": 2.0}}
    members = {
        name: Fake(name, OSError("away") if name == away else says(p), tuple(class_names(2)), ("x",))
        for name, p in zip(NAMES, SAID, strict=True)
    }
    answer = ask(served("binary", declared, members, classes=2))
    present = np.array([[name != away for name in NAMES]] * 2)
    both = np.stack([1 - SAID, SAID], axis=1)[None].repeat(2, axis=0)
    wanted = fusion(rule, M, 2, declared=more).fuse(both, present, np.array([1.0, 2.0, 1.0, 1.0]))
    assert answer.output.tobytes() == wanted.output.tobytes()
    asked = away is not None and members[away].calls > 0  # a cascade that is sure asks no later stage
    assert answer.choice.tolist() == wanted.choice.tolist() and answer.degraded == asked


@pytest.mark.parametrize("rule", [rule.name for rule in RULES if "regression" in rule.tasks])
def test_numbers_are_answered_by_the_declared_rule(rule):
    members = {name: Fake(name, float(10 * p), None, ("x",)) for name, p in zip(NAMES, SAID, strict=True)}
    answer = ask(served("regression", document(rule, M), members))
    wanted = fusion(rule, M).fuse(np.tile(10 * SAID, (2, 1)), np.ones((2, M), bool))
    assert answer.output.tobytes() == wanted.output.tobytes()


def test_the_version_names_the_parameters_and_not_the_weights():
    def version(**declared: object) -> str:
        members = {name: Fake(name, 1.0, None, ("x",)) for name in NAMES}
        return served("regression", declared, members).version

    plain = version(rule="trimmed_mean")
    assert plain == version(rule="trimmed_mean", weights={"m1": 3.0})
    assert len({plain, version(rule="trimmed_mean", trim=0.25), version(rule="median"), version()}) == 4


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            {"rule": "trimmed_mean", "trim": 0.6},
            "$.ensembles.e.fusion.trim (choirmaster.yaml line 1): expected at least 0",
        ),
        ({"rule": "trimed_mean"}, 'did you mean "trimmed_mean"'),
        ({"rule": "stacking"}, "needs fitted coefficients"),
        ({"rule": "cascade", "stages": [["m0"], ["m1"]], "confidence": 0.9}, '"m2" once'),
        ({"rule": "mean", "confidence": 0.9}, "mean does not read this"),
        ({"rule": "rank_average", "quantiles": {name: [0.0, 1.0] for name in NAMES}}, "a cutoff or a calibration"),
        ({"calibration": {"method": "plat"}}, "$.ensembles.e.fusion.calibration.method"),
        ({"calibration": {"method": "platt", "slope": 0, "intercept": 0}}, "expected above 0"),
        ({"rule": "stacking", "coefficients": {"m0": "much"}}, "$.ensembles.e.fusion.coefficients.m0"),
    ],
)
def test_a_configuration_is_told_what_is_wrong_and_where(declared, message):
    with pytest.raises(ConfigProblems) as caught:
        config("binary", declared, classes=2)
    assert message in str(caught.value)


def test_every_rule_of_several_classes_is_read_from_a_configuration():
    for rule in RULES:
        if "multiclass" in rule.tasks:
            one = config("multiclass", document(rule.name, M, 3), classes=3).ensembles["e"]
            assert json.loads(json.dumps(one.fusion.document())) == document(rule.name, M, 3)
