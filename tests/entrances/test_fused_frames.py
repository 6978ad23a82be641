"""Every rule in frames: the fused answer that is computed measures as the one a user would bring."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import choirmaster as cm
from choirmaster.app.fusing import Fuser
from choirmaster.config.schema_file import dump_schema, load_schema
from choirmaster.errors import ChoirmasterError
from choirmaster.fusion import RULES
from choirmaster.layout import Layout, Output, SeriesSpec, Task
from tests.laws.fusion_cases import class_names, document, fusion, member_names

N, M = 300, 4
RNG = np.random.default_rng(12)
NAMES, WEIGHTS = member_names(M), {"m0": 2.0, "m3": 0.5}
WEIGHT = np.array([2.0, 1.0, 1.0, 0.5])


def serving(task: str) -> list[str]:
    return [rule.name for rule in RULES if task in rule.tasks]


def scores(result: cm.Result) -> dict[str, Any]:
    rows = result.table.to_pylist()
    return {(one["metric"], one["target"]): one["value"] for one in rows if one["series"] == "fused"}


@pytest.mark.parametrize("rule", serving("binary"))
def test_a_computed_binary_answer_measures_as_the_one_brought(rule: str) -> None:
    p = RNG.random((N, M))
    p[RNG.random((N, M)) < 0.2] = np.nan
    present = ~np.isnan(p)
    both = np.stack([1 - p, p], axis=2)
    y = np.where(RNG.random(N) < np.where(present, p, 0.5).mean(axis=1), "c1", "c0")
    more: dict[str, Any] = {} if rule == "hard_vote" else {
        "calibration": {"method": "beta", "a": 1.3, "b": 0.8, "c": -0.2}
    }  # fmt: skip
    declared = document(rule, M, 2) | more
    fused = fusion(rule, M, 2, declared=more).fuse(both, present, WEIGHT)
    named = np.where(fused.choice >= 0, np.array(["c0", "c1"])[fused.choice], None)
    brought = {"f": named if rule == "hard_vote" else fused.output[:, 1]}
    rows = {f"p{i}": p[:, i] for i in range(M)} | {"y": y} | brought
    columns = {name: f"p{i}" for i, name in enumerate(NAMES)}
    own = cm.Schema("binary", label="y", positive="c1", classes=["c0", "c1"], members=columns, features=[],
                    fusion=declared, weights=WEIGHTS)  # fmt: skip
    theirs = cm.Schema("binary", label="y", positive="c1", classes=["c0", "c1"], members=columns, features=[],
                       fused={"output": "class" if rule == "hard_vote" else "probability", "columns": "f"})  # fmt: skip
    got, wanted = scores(cm.monitor(rows, schema=own)), scores(cm.monitor(rows, schema=theirs))
    assert got == wanted and got["accuracy", ""] is not None
    assert load_schema(dump_schema(own)) == own


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression", "quantile"])
def test_columns_of_every_task_are_those_of_the_fusion(task: str) -> None:
    output = {"regression": Output.VALUE, "quantile": Output.QUANTILES}.get(task, Output.PROBABILITY)
    wide = {"regression": 1}.get(task, 3)
    raw = RNG.random((50, M, wide))
    raw = raw / raw.sum(axis=2, keepdims=True) if task == "multiclass" else raw
    raw[RNG.random((50, M)) < 0.2] = np.nan
    present = ~np.isnan(raw).any(axis=2)
    classes = tuple(class_names(3)) if task in ("multiclass", "multilabel") else ()
    levels = ("0.1", "0.5", "0.9") if task == "quantile" else ()
    for rule in serving(task):
        shown = Output.CLASS if (rule, task) == ("hard_vote", "multiclass") else output
        series = (*(SeriesSpec(name, output) for name in NAMES), SeriesSpec("fused", shown))
        layout = Layout(Task(task), series, classes, levels=levels)
        columns = {
            column: raw[:, i, k]
            for i, one in enumerate(layout.members) for k, column in enumerate(layout.output_columns(one))
        }  # fmt: skip
        declared = document(rule, M, 3 if task == "multiclass" else 2)
        batch = Fuser(layout, declared, WEIGHTS)(pa.RecordBatch.from_pydict(columns))
        from choirmaster.fusion import prepare

        one = prepare(declared, task=task, members=NAMES, classes=classes)
        fused = one.fuse(raw if wide > 1 else raw[:, :, 0], present, WEIGHT)
        names = layout.output_columns(layout.series[-1])
        if shown is Output.CLASS:
            labels = [classes[at] if at >= 0 else None for at in fused.choice]
            assert batch[names[0]].to_pylist() == labels
            continue
        got = np.column_stack([batch[name].to_numpy(zero_copy_only=False) for name in names])
        np.testing.assert_array_equal(got, fused.output.reshape(50, -1))


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"rule": "trimmed_mean", "trim": 0.7}, "$.fusion.trim"),
        ({"trim": 0.2}, "cannot read the fusion"),
        ({"rule": "mean", "weights": {"a": 1}}, "weights stand beside the fusion"),
        ("rank_average", "needs reference quantiles"),
        ("stacking", "needs fitted coefficients"),
    ],
)
def test_what_a_schema_may_not_say(declared: Any, message: str) -> None:
    with pytest.raises(ChoirmasterError) as caught:
        schema = cm.Schema("binary", label="y", members={"a": "p", "b": "q"}, fusion=declared)
        cm.monitor({"y": [0, 1], "p": [0.1, 0.9], "q": [0.3, 0.6]}, schema=schema)
    assert message in str(caught.value)
