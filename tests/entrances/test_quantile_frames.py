"""Quantile forecasts from a frame and a file to values, with whatever is wrong in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

import choirmaster as cm
from choirmaster.app.fusing import Fuser
from choirmaster.errors import ConfigError, SchemaError
from choirmaster.layout import Layout, Output, SeriesSpec, Task, quantile_column

LEVELS = (0.1, 0.5, 0.9)
N = 400


def frame(seed: int = 0, *members: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.normal(10.0, 2.0, N)
    out: dict[str, np.ndarray] = {"y": y, "x": rng.normal(size=N)}
    for name in members or ("a", "b"):
        centre = y + rng.normal(0.0, 1.0, N)
        out |= {f"{name}{level}": centre + width for level, width in zip(LEVELS, (-1.3, 0.0, 1.3), strict=True)}
    return out


def schema(**more: Any) -> cm.Schema:
    members = {name: {level: f"{name}{level}" for level in LEVELS} for name in ("a", "b")}
    return cm.Schema("quantile", **({"label": "y", "members": members} | more))


def values(result: Any) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(row["series"], row["metric"], row["target"]): row for row in result.table.to_pylist()}


def test_members_and_their_mean() -> None:
    rows = frame()
    found = values(cm.monitor(rows, reference=frame(1), schema=schema(fusion="mean")))
    middle = (rows["a0.5"] + rows["b0.5"]) / 2
    assert found["fused", "pinball", "0.5"]["value"] == pytest.approx(np.abs(rows["y"] - middle).mean() / 2, abs=1e-11)
    inside = np.mean((rows["a0.1"] <= rows["y"]) & (rows["y"] <= rows["a0.9"]))
    assert found["a", "interval_coverage", "0.8"]["value"] == pytest.approx(inside)
    assert found["a", "wis", ""]["value"] is not None
    assert found["a", "label_share", ""]["value"] == 1.0
    assert found["a", "psi", "0.5"]["value"] is not None  # drift of the median
    assert ("a", "mae", "") not in found


def test_a_file_and_a_declaration_in_a_file_give_the_same(tmp_path: Path) -> None:
    from choirmaster.config.schema_file import dump_schema, load_schema

    path = tmp_path / "rows.csv"
    pyarrow.csv.write_csv(pa.table(frame()), path)
    declared = schema(fusion="median")
    again = load_schema(dump_schema(declared))
    assert again == declared
    one = values(cm.monitor(frame(), schema=declared))
    two = values(cm.monitor(str(path), schema=again))
    assert one["fused", "wis", ""]["value"] == pytest.approx(two["fused", "wis", ""]["value"], abs=1e-11)


def test_what_is_wrong_in_one_member_changes_no_other() -> None:
    clean, rows = values(cm.monitor(frame(), schema=schema())), frame()
    rows["b0.1"] = rows["b0.9"] + 1.0  # crossed
    rows["b0.5"] = np.where(np.arange(N) < 7, np.inf, np.nan)
    result = cm.monitor(rows, schema=schema())
    found = values(result)
    assert found["b", "wis", ""]["reason"] == "all_missing"
    assert found["b", "crossing_rate", ""]["reason"] == "all_missing"
    assert found["b", "interval_coverage", "0.8"]["value"] == 0.0
    assert any("b0.5" in note and "7 not finite" in note for note in result.notes)
    same = [key for key in clean if key[0] == "a"]
    assert same
    assert all(clean[key]["value"] == found[key]["value"] for key in same)


def test_without_any_label_what_needs_none_stands() -> None:
    rows = frame() | {"y": np.full(N, np.nan)}
    found = values(cm.monitor(rows, schema=schema()))
    assert found["a", "wis", ""]["reason"] == "no_labels"
    assert found["a", "label_share", ""]["value"] == 0.0
    assert found["a", "interval_width", "0.8"]["value"] == pytest.approx(2.6, abs=1e-9)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"a": {1.0: "a0.1"}}, "not a quantile level"),
        ({"a": {"half": "a0.5"}}, "not a quantile level"),
        ({"a": {0.5: "a0.5", "0.50": "a0.1"}}, "twice"),
        ({"a": "a0.5"}, "a column for each quantile level"),
        ({"a": {0.5: "a0.5"}, "b": {0.1: "b0.1"}}, "every series needs a column for each quantile level"),
    ],
)
def test_declarations_that_cannot_be(members: Any, says: str) -> None:
    with pytest.raises(SchemaError, match=says):
        schema(members=members)


def test_a_vote_does_not_fuse_quantiles() -> None:
    with pytest.raises(ConfigError, match="does not serve this task"):
        cm.monitor(frame(), schema=schema(fusion="hard_vote"))


LAYOUT = Layout(Task.QUANTILE, tuple(SeriesSpec(name, Output.QUANTILES) for name in ("a", "b", "c", "fused")),
                levels=("0.1", "0.5", "0.9"))  # fmt: skip
numbers = st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3)


@given(st.tuples(numbers, numbers, numbers), st.sampled_from(["mean", "median", "weighted_mean"]))
def test_fused_quantiles_never_cross(outputs: tuple[list[float], ...], rule: str) -> None:
    columns = {
        quantile_column(name, level): [number]
        for name, row in zip("abc", outputs, strict=True)
        for level, number in zip(LAYOUT.levels, sorted(row), strict=True)
    }
    fused = Fuser(LAYOUT, {"rule": rule}, {"a": 2.0})(pa.RecordBatch.from_pydict(columns))
    found = [fused.column(quantile_column("fused", level))[0].as_py() for level in LAYOUT.levels]
    assert found == sorted(found)
    each = np.sort(np.array(outputs), axis=1)
    if rule == "median":
        assert found == pytest.approx(np.median(each, axis=0))
    else:
        assert found == pytest.approx(np.average(each, axis=0, weights=[2 if rule != "mean" else 1, 1, 1]))
