"""Rules of a configuration: what they wait for, which names there are, and which metrics."""

from __future__ import annotations

from typing import Any

import pytest

from choirmaster.app.ensembles import rules_of
from choirmaster.config import Ensemble, parse
from choirmaster.errors import ChoirmasterError

TEXT = """
ensembles:
  e:
    task: binary
    classes: ["no", "yes"]
    features: {numeric: [x]}
    members: {a: {file: a.onnx}}
    alerts: {rules: [default, {name: %s, metric: %s, below: 0.5, target: %s, segment: "x=1"}]}
"""


def ensemble(name: str = "mine", metric: str = "f1", target: str = "''") -> Ensemble:
    nothing: Any = lambda _: ""
    text = TEXT % (name, metric, target)
    return parse(text, env={}, read_file=nothing, list_files=lambda _: [], overrides={}, name="x").ensembles["e"]


@pytest.mark.parametrize(("metric", "waits"), [("f1", True), ("label_share", True), ("prevalence", True),
                                               ("score_psi", False), ("availability", False)])  # fmt: skip
def test_a_rule_about_labels_waits_for_them(metric: str, waits: bool) -> None:
    assert rules_of(ensemble(metric=metric))[-1].needs_labels is waits


def test_a_rule_keeps_its_target_and_its_segment() -> None:
    assert [(one.target, one.segment) for one in (rules_of(ensemble())[-1], rules_of(ensemble(target="yes"))[-1])] == [
        ("*", "x=1"), ("yes", "x=1"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["no_data", "member_failing"])
def test_a_rule_may_not_be_called_like_a_default_one(name: str) -> None:
    with pytest.raises(ChoirmasterError, match="name of another"):
        rules_of(ensemble(name=name))


def test_a_metric_there_is_not_is_refused() -> None:
    with pytest.raises(ChoirmasterError, match="unknown metric"):
        rules_of(ensemble(metric="rocauc"))
