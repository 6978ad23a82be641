"""Tasks that are measured from frames and files, and not served yet, are refused by name, with what to do."""

from __future__ import annotations

import pyarrow as pa
import pytest

import choirmaster as cm
from choirmaster.app.unserved import unserved
from choirmaster.config import Config, Ensemble, Member
from choirmaster.errors import SchemaError


@pytest.mark.parametrize("task", ["multilabel", "quantile"])
def test_a_configuration(task: str) -> None:
    one = Ensemble(task=task, members={"a": Member(file="a.onnx")})  # type: ignore[arg-type]  # one of its literals
    (problem,) = unserved(Config(ensembles={"e": one}))
    assert f"the task {task} is not served yet" in str(problem)
    assert "$.ensembles.e.task" in str(problem)
    assert "choirmaster monitor" in str(problem)


@pytest.mark.parametrize(("task", "member"), [("multilabel", {"late": "p"}), ("quantile", {0.5: "p"})])
def test_training(task: str, member: object) -> None:
    schema = cm.Schema(task, label="y", members={"a": member})
    with pytest.raises(SchemaError, match="training does not serve this task yet"):
        cm.train(pa.table({"y": [1.0], "p": [0.5], "x": [1.0]}), schema=schema)
