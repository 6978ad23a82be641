"""A multilabel task from a frame and a file to values, with whatever is wrong in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import metrics as sk

import choirmaster as cm
from choirmaster.errors import ConfigError, SchemaError

CLASSES = ("rain", "heavy wind", "snow|ice")
N = 300


def frame(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    y = (rng.random((N, 3)) < [0.4, 0.5, 0.2]).astype(np.int64)
    out: dict[str, Any] = {"x": rng.normal(size=N)}
    for k, name in enumerate(CLASSES):
        out[f"y {name}"] = y[:, k]
        for member in "ab":
            out[f"{member} {name}"] = 1.0 / (1.0 + np.exp(-(3.0 * y[:, k] - 1.5 + rng.normal(0.0, 1.5, N))))
    out["list"] = [[name for k, name in enumerate(CLASSES) if row[k]] for row in y]
    return out


def schema(**more: Any) -> cm.Schema:
    members = {member: {name: f"{member} {name}" for name in CLASSES} for member in "ab"}
    label = {name: f"y {name}" for name in CLASSES}
    return cm.Schema("multilabel", **({"label": label, "members": members, "features": ["x"]} | more))


def values(result: Any) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(row["series"], row["metric"], row["target"]): row for row in result.table.to_pylist()}


@pytest.mark.parametrize("fusion", ["mean", "soft_vote", "weighted_mean", "median"])
def test_members_and_their_fused_answer(fusion: str) -> None:
    rows = frame()
    found = values(cm.monitor(pa.table(rows), reference=pa.table(frame(1)), schema=schema(fusion=fusion)))
    y = np.stack([rows[f"y {name}"] for name in CLASSES], axis=1)
    p = (np.stack([rows[f"a {name}"] for name in CLASSES], axis=1)
         + np.stack([rows[f"b {name}"] for name in CLASSES], axis=1)) / 2  # fmt: skip
    said = (p >= 0.5).astype(int)
    assert found["fused", "f1", "macro"]["value"] == pytest.approx(sk.f1_score(y, said, average="macro"), abs=1e-12)
    assert found["fused", "f1", "micro"]["value"] == pytest.approx(sk.f1_score(y, said, average="micro"), abs=1e-12)
    assert found["fused", "hamming_loss", ""]["value"] == pytest.approx(sk.hamming_loss(y, said), abs=1e-12)
    assert found["fused", "subset_accuracy", ""]["value"] == pytest.approx(sk.accuracy_score(y, said), abs=1e-12)
    for k, name in enumerate(CLASSES):
        auc = sk.roc_auc_score(y[:, k], p[:, k])
        assert found["fused", "roc_auc", name]["value"] == pytest.approx(auc, abs=1e-12)
        loss = sk.log_loss(y[:, k], p[:, k])
        assert found["fused", "log_loss", name]["value"] == pytest.approx(loss, abs=1e-10)
        assert found["fused", "score_psi", name]["value"] is not None
    assert found["fused", "label_share", ""]["value"] == 1.0


def test_three_ways_to_write_the_label_and_a_file_give_the_same(tmp_path: Path) -> None:
    rows = frame()
    plain = {
        name: name.replace("|", " or ") for name in CLASSES
    }  # a name that holds the sign between names needs a list
    texts = ["|".join(plain[one] for one in row) for row in rows["list"]]
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table(rows | {"text": texts}), path)
    one = values(cm.monitor(pa.table(rows), schema=schema()))
    two = values(cm.monitor(str(path), schema=schema(label="list")))
    members = {member: {plain[name]: f"{member} {name}" for name in CLASSES} for member in "ab"}
    three = values(cm.monitor(str(path), schema=schema(label="text", members=members)))
    for metric in ("f1", "roc_auc", "log_loss"):
        assert one["a", metric, "macro"]["value"] == pytest.approx(two["a", metric, "macro"]["value"], abs=5e-4)
        assert two["a", metric, "macro"]["value"] == pytest.approx(three["a", metric, "macro"]["value"], abs=5e-4)
    assert one["a", "subset_accuracy", ""] == two["a", "subset_accuracy", ""]
    assert two["a", "subset_accuracy", ""] == three["a", "subset_accuracy", ""]


def test_a_declaration_in_a_file() -> None:
    from choirmaster.config.schema_file import dump_schema, load_schema

    declared = schema(cutoff={"rain": 0.3, "*": 0.5})
    assert load_schema(dump_schema(declared)) == declared


def test_each_class_has_its_own_cutoff() -> None:
    rows = frame()
    found = values(cm.monitor(pa.table(rows), schema=schema(cutoff={"rain": 0.2, "snow|ice": "auto"})))
    said = (rows["a rain"] >= 0.2).astype(int)
    assert found["a", "recall", "rain"]["value"] == pytest.approx(sk.recall_score(rows["y rain"], said), abs=1e-12)
    wind = (rows["a heavy wind"] >= 0.5).astype(int)
    recall = sk.recall_score(rows["y heavy wind"], wind)
    assert found["a", "recall", "heavy wind"]["value"] == pytest.approx(recall, abs=1e-12)
    plain = values(cm.monitor(pa.table(rows), schema=schema()))
    assert found["a", "f1", "snow|ice"]["value"] >= plain["a", "f1", "snow|ice"]["value"]


def test_what_is_wrong_is_counted_and_changes_no_other_member() -> None:
    rows = frame()
    clean = values(cm.monitor(pa.table(rows), schema=schema()))
    rows["b rain"] = np.full(N, np.nan)
    rows["b heavy wind"] = rows["b heavy wind"] + 2.0
    result = cm.monitor(pa.table(rows), schema=schema())
    found = values(result)
    assert found["b", "f1", "rain"]["reason"] == "all_missing"
    assert found["b", "subset_accuracy", ""]["reason"] == "all_missing"
    assert found["b", "f1", "snow|ice"]["value"] == clean["b", "f1", "snow|ice"]["value"]
    assert any("not a probability" in note for note in result.notes)
    same = [key for key in clean if key[0] == "a"]
    assert same
    assert all(clean[key]["value"] == found[key]["value"] for key in same)


def test_labels_that_are_partly_or_not_there() -> None:
    rows = frame()
    label = rows["y rain"].astype(float)
    label[:5] = np.nan
    rows["y rain"] = label
    rows["y heavy wind"] = np.where(np.arange(N) < 3, 7, rows["y heavy wind"])
    result = cm.monitor(pa.table(rows), schema=schema())
    assert values(result)["a", "label_share", ""]["value"] == pytest.approx(1 - 5 / N)
    assert any("neither 0 nor 1" in note for note in result.notes)
    assert any("labelled for some classes only" in note for note in result.notes)
    rows["list"] = [["rain", "hail"], None, [], *rows["list"][3:]]
    result = cm.monitor(pa.table(rows), schema=schema(label="list"))
    assert values(result)["a", "label_share", ""]["value"] == pytest.approx(1 - 1 / N)
    assert any('"list": 1 not among the classes, such as hail' in note for note in result.notes)


def test_without_any_label_drift_and_scores_stand() -> None:
    rows = frame() | {"list": pa.array([None] * N, pa.string())}
    found = values(cm.monitor(pa.table(rows), reference=pa.table(frame(1)), schema=schema(label="list")))
    assert found["a", "f1", "macro"]["reason"] == "no_labels"
    assert found["a", "hamming_loss", ""]["reason"] == "no_labels"
    assert found["a", "score_psi", "rain"]["value"] is not None
    assert found["a", "label_share", ""]["value"] == 0.0


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"members": {"a": "p"}}, "a column for each class"),
        ({"members": {"a": {"rain": "p"}, "b": {"snow": "q"}}}, "every series needs a column for each class"),
        ({"label": {"rain": "y rain"}}, "the label needs a column for each class"),
        ({"output": "class"}, "output does not fit"),
        ({"costs": {"rain": {"snow": 1.0}}}, "costs are of classes"),
    ],
)
def test_declarations_that_cannot_be(more: dict[str, Any], says: str) -> None:
    with pytest.raises(SchemaError, match=says):
        schema(**more)


def test_a_rule_that_does_not_serve_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not serve this task"):
        cm.monitor(pa.table(frame()), schema=schema(fusion="stacking"))
