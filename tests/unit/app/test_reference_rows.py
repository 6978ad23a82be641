"""A raw reference file is scored by the members and fused as the configuration declares."""

from __future__ import annotations

import json

import numpy as np
import pytest

from choirmaster.app.ensembles import layout_of, monitor_settings
from choirmaster.config import parse
from tests.entrances.http.kit import Fake
from tests.laws.fusion_cases import class_names, document, fusion, member_names

M = 3


@pytest.mark.parametrize("rule", ["mean", "log_pool", "stacking", "hard_vote"])
def test_the_reference_has_the_fused_answer_of_the_declared_rule(rule, tmp_path):
    def says(one: int):
        return lambda table: np.column_stack([1 - (p := np.asarray(table["x"]) ** (one + 1)), p])

    rows = np.array([0.1, 0.5, 0.9, 0.3])
    (tmp_path / "past.csv").write_text("x,label\n" + "\n".join(f"{x},c1" for x in rows))
    one = {
        "task": "binary", "classes": class_names(2), "features": {"numeric": ["x"]},
        "members": {name: {"callable": f"kit:{name}"} for name in member_names(M)},
        "fusion": document(rule, M, 2) | {"weights": {"m1": 3.0}},
        "monitor": {"reference": {"file": "past.csv"}},
    }  # fmt: skip
    config = parse(json.dumps({"ensembles": {"e": one}}), env={}, read_file=str)
    ensemble = config.ensembles["e"]
    members = {name: Fake(name, says(i), tuple(class_names(2)), ("x",)) for i, name in enumerate(member_names(M))}
    settings = monitor_settings("e", ensemble, config, tmp_path / "choirmaster.yaml", members)
    table = settings.reference_rows()
    p = np.stack([rows ** (i + 1) for i in range(M)], axis=1)
    wanted = fusion(rule, M, 2).fuse(np.stack([1 - p, p], axis=2), np.ones(p.shape, bool), np.array([1.0, 3.0, 1.0]))
    fused = layout_of(ensemble).output_columns(layout_of(ensemble).series[-1])[0]
    if rule == "hard_vote":
        assert table[fused].to_pylist() == [class_names(2)[at] for at in wanted.choice]
    else:
        np.testing.assert_allclose(table[fused].to_numpy(), wanted.output[:, 1], rtol=1e-14)
    assert table.num_rows == 4 and set(table["label"].to_pylist()) == {"c1"}


def test_members_are_aligned_by_name_and_may_give_a_class(tmp_path):
    (tmp_path / "past.csv").write_text("x\n0.2\n0.3")
    said = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    one = {
        "task": "multiclass", "classes": class_names(3), "features": {"numeric": ["x"]},
        "members": {"m0": {"callable": "kit:m0"}, "m1": {"callable": "kit:m1", "output": "class"}},
        "monitor": {"reference": {"file": "past.csv"}},
    }  # fmt: skip
    config = parse(json.dumps({"ensembles": {"e": one}}), env={}, read_file=str)
    members = {
        "m0": Fake("m0", lambda table: said, ("c1", "c2", "c0"), ("x",)),
        "m1": Fake("m1", lambda table: said[:, :2] / said[:, :2].sum(axis=1, keepdims=True), ("c2", "c0"), ("x",)),
    }
    settings = monitor_settings("e", config.ensembles["e"], config, tmp_path / "choirmaster.yaml", members)
    table = settings.reference_rows()
    assert table["m.m0.p.c1"].to_pylist() == [0.5, 0.1] and table["m.m0.p.c0"].to_pylist() == [0.2, 0.7]
    assert table["m.m1.class"].to_pylist() == ["c2", "c0"]
    assert table["y.p.c1"].to_pylist() == [0.25, 0.05]
