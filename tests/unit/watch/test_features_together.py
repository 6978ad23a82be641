"""Row scores of a stored ensemble: counted with the features, untouched by labels, added up over days."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from choirmaster.plan import ROW_SCORES
from choirmaster.ports import ValueQuery
from choirmaster.records import LABEL_SCHEMA, Batch, EventKind, Part
from choirmaster.watch.choosing import differences
from tests.unit.watch.watched_store import NUMBERS, ROWS, watched

LAYOUT = replace(NUMBERS, numeric=("x", "z"))
NAMES = (
    "mae",
    "reconstruction_error",
    "reconstruction_shift",
    "reconstruction_shift_previous",
    "domain_classifier_auc",
)


def told(queries, metric: str, window: str = "", segment: str = "") -> list[dict]:
    query = ValueQuery("e", metrics=(metric,), series=("all",), segments=(segment,))
    return queries.values(query, window).to_pylist()


def test_windows_segments_and_weeks(tmp_path) -> None:
    _, monitor, queries = watched(tmp_path, LAYOUT, ["1000.5"] * 30, metrics=NAMES)
    monitor.once()
    days = told(queries, "reconstruction_error")
    assert [row["n"] for row in days] == [30] * 4
    assert all(row["reason"] is None for row in told(queries, "reconstruction_shift"))
    assert [row["reason"] for row in told(queries, "domain_classifier_auc")] == ["needs_rows"] * 4
    previous = told(queries, "reconstruction_shift_previous")
    assert [row["reason"] for row in previous] == ["no_reference", None, None, None]
    assert sum(len(told(queries, "reconstruction_error", segment=f"x={k}")) for k in range(3)) == 12
    whole = told(queries, "reconstruction_error", "all")
    assert [row["n"] for row in whole] == [ROWS]
    assert whole[0]["value"] == pytest.approx(sum(row["value"] for row in days) / 4, rel=1e-12)


def test_a_late_label_leaves_them_as_they_are(tmp_path) -> None:
    store, monitor, queries = watched(tmp_path, LAYOUT, ["1000.5"] * 30, metrics=NAMES)
    monitor.once()
    before = told(queries, "reconstruction_error")
    listed = [{"id": "r0-50", "value": "1.0", "known_at": None, "source": "t", "revision": 0}]
    batch = pa.RecordBatch.from_pylist(listed, schema=LABEL_SCHEMA)
    store.write_parts([Part("j" * 32, 3, 0, Batch(EventKind.LABEL, "e", batch))])
    assert monitor.once().windows == 1
    after = told(queries, "reconstruction_error")
    assert [row["value"] for row in after] == [row["value"] for row in before]
    assert len(told(queries, "reconstruction_error", "all")) == 1


def test_a_reference_without_them_says_so(tmp_path) -> None:
    _, monitor, queries = watched(tmp_path, LAYOUT, [])
    monitor.once()
    assert not told(queries, "reconstruction_error")
    settings = monitor.settings["e"]
    reference = queries.reference("e")
    assert ROW_SCORES not in reference.parts
    assert differences(reference, settings) == []
    assert "knows nothing" in differences(reference, replace(settings, metrics=NAMES))[0]
