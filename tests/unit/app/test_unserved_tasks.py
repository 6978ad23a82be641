"""Tasks that are measured from frames and files, and not served yet, are refused by name, with what to do."""

from __future__ import annotations

import pyarrow as pa
import pytest

import choirmaster as cm
from choirmaster.app.unserved import FRAMES_ONLY, unserved
from choirmaster.config import Config, Ensemble, Member
from choirmaster.config.model import Alerts, Monitor, Rule
from choirmaster.errors import SchemaError
from choirmaster.metrics import BY_NAME


@pytest.mark.parametrize("task", ["multilabel", "quantile"])
def test_a_configuration(task: str) -> None:
    one = Ensemble(task=task, members={"a": Member(file="a.onnx")})  # type: ignore[arg-type]  # one of its literals
    (problem,) = unserved(Config(ensembles={"e": one}))
    assert f"the task {task} is not served yet" in str(problem)
    assert "$.ensembles.e.task" in str(problem)
    assert "choirmaster monitor" in str(problem)


def test_a_metric_that_needs_the_rows() -> None:
    members = {"a": Member(file="a.onnx")}
    asked = Ensemble(task="binary", members=members, monitor=Monitor(metrics=("psi", FRAMES_ONLY)))
    ruled = Ensemble(task="binary", members=members,
                     alerts=Alerts(rules=("default", Rule(name="r", metric=FRAMES_ONLY, above=0.6))))  # fmt: skip
    (one, two) = unserved(Config(ensembles={"e": asked, "f": ruled}))
    assert "domain_classifier_auc is not served yet" in str(one)
    assert "$.ensembles.e.monitor.metrics" in str(one)
    assert "$.ensembles.f.alerts.rules[1].metric" in str(two)
    assert FRAMES_ONLY in BY_NAME
    assert not unserved(Config(ensembles={"e": Ensemble(task="binary", members=members)}))


@pytest.mark.parametrize(("task", "member"), [("multilabel", {"late": "p"}), ("quantile", {0.5: "p"})])
def test_training(task: str, member: object) -> None:
    schema = cm.Schema(task, label="y", members={"a": member})
    with pytest.raises(SchemaError, match="training does not serve this task yet"):
        cm.train(pa.table({"y": [1.0], "p": [0.5], "x": [1.0]}), schema=schema)
