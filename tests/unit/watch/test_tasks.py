"""Questions to a store that holds numbers or several classes: every task has rows, labels and a whole answer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.alerts.default_rules import default_rules
from choirmaster.layout import Task
from choirmaster.records import LABEL_SCHEMA, Batch, EventKind, Part
from choirmaster.times import DAY
from tests.unit.watch.watched_store import CLASSES, NUMBERS, ROWS, watched


def test_numbers_have_rows_labels_months_and_segments(tmp_path) -> None:
    _, monitor, queries = watched(tmp_path, NUMBERS, ["1000.5"] * 30, now=5 * DAY)
    monitor.once()
    one = queries.ensembles()[0]
    assert (one["predictions"], one["labelled_share"], one["health"]) == (ROWS, 0.25, "ok")
    assert one["latest"]["mae"]["fused"]["value"] > 0
    month = queries.months("e")[0]
    assert (month["n"], month["labelled"], month["unlabelled"]) == (ROWS, 30, 90)
    assert month["absent"] + month["pending"] == 90
    assert [row["segment"] for row in queries.segments("e", "mae")] == ["x=0", "x=1", "x=2"]


def test_too_few_labels_of_numbers_are_told(tmp_path) -> None:
    rules = default_rules(Task.REGRESSION, expected_label_share=0.9)
    _, monitor, queries = watched(tmp_path, NUMBERS, [], rules=rules)
    monitor.once()
    assert "labels_below_expected" in {one["rule"] for one in queries.alerts(state="firing")}


def test_several_classes_show_the_whole_and_not_the_last_class(tmp_path) -> None:
    label = list(np.random.default_rng(1).choice(["a", "b", "c"], ROWS))
    _, monitor, queries = watched(tmp_path, CLASSES, label)
    monitor.once()
    tidy = queries.metrics(ensemble="e", metric="f1", series="fused")
    last = max(row["window_start"] for row in tidy)
    by_target = {row["target"]: row["value"] for row in tidy if row["window_start"] == last}
    assert set(by_target) == {"macro", "micro", "weighted", "a", "b", "c"}
    assert queries.ensembles()[0]["latest"]["f1"]["fused"]["value"] == by_target["macro"]
    assert queries.series("e", "f1")["series"]["fused"]["value"][-1] == by_target["macro"]
    auc = {row["target"]: row for row in queries.metrics(ensemble="e", metric="roc_auc", series="fused", start=last)}
    each = [auc[name]["value"] for name in ("a", "b", "c")]
    assert auc["macro"]["value"] == pytest.approx(np.mean(each), abs=1e-12)
    assert min(each) <= auc["weighted"]["value"] <= max(each)
    assert queries.series("e", "roc_auc")["series"]["fused"]["value"][-1] == auc["macro"]["value"]
    assert {"fused: a", "fused: b", "fused: c"} <= set(queries.series("e", "score_mean")["series"])


def test_a_month_is_kept_once_however_often_it_changes(tmp_path) -> None:
    store, monitor, queries = watched(tmp_path, NUMBERS, ["1000.5"] * 30)
    monitor.once()
    queries.months("e")
    for sequence in range(3, 6):
        listed = [{"id": f"r0-{sequence * 10}", "value": "1.0", "known_at": None, "source": "t", "revision": 0}]
        batch = pa.RecordBatch.from_pylist(listed, schema=LABEL_SCHEMA)
        store.write_parts([Part("j" * 32, sequence, 0, Batch(EventKind.LABEL, "e", batch))])
        monitor.once()
        assert queries.months("e")[0]["labelled"] == 28 + sequence
    assert len(queries._months) == 2  # its labels and its values


def test_labels_after_a_collected_reference_are_in_range(tmp_path) -> None:
    label = ["1000.5"] * 30
    store, monitor, queries = watched(tmp_path, NUMBERS, [], reference_rows=None, collect=2 * DAY)
    monitor.once()
    listed = [
        {"id": f"r0-{i}", "value": one, "known_at": None, "source": "t", "revision": 0} for i, one in enumerate(label)
    ]
    batch = pa.RecordBatch.from_pylist(listed, schema=LABEL_SCHEMA)
    store.write_parts([Part("j" * 32, 2, 0, Batch(EventKind.LABEL, "e", batch))])
    monitor.once()
    first = queries.metrics(ensemble="e", metric="mae", series="fused")[0]
    assert first["reason"] is None
    assert first["value"] == pytest.approx(1.0, abs=1.0)
    reference = queries.reference("e")
    assert reference is not None
    assert reference.rows == 61  # the first two days of four, both ends
