"""Parts are stored exactly once, and every row's fate is counted (D6, D7)."""

import pyarrow as pa
import pytest

from choirmaster.errors import SchemaError, StoreError
from choirmaster.layout import Layout, SeriesSpec, Task
from choirmaster.records import Outcome
from choirmaster.times import DAY, Window
from tests.backends.events import LAYOUT, NOON, Line, ids, labels, predictions


def counts(outcome):
    return outcome.accepted, outcome.duplicate, outcome.conflicting, outcome.refused


def test_rows_come_back_as_they_were(store, line):
    batch = predictions(ids(500))
    assert counts(store.write_parts([line.part(batch)])[0]) == (500, 0, 0, 0)
    found = store.rows("delays")
    assert found.schema.equals(LAYOUT.arrow(label=True))
    want = pa.Table.from_batches([batch.rows]).to_pylist()
    assert [{k: v for k, v in row.items() if k != "label"} for row in found.to_pylist()] == want
    assert found.column("label").null_count == 500


def test_the_same_part_again_changes_nothing(store, line):
    part = line.part(predictions(ids(20)))
    first = store.write_parts([part])
    assert store.write_parts([part]) == first
    assert store.rows("delays").num_rows == 20
    assert store.drained(part.journal) == 1
    assert store.outcome(part.id) == first[0]
    assert store.outcome("no:1") is None
    assert store.outcome("nonsense") is None


def test_duplicates_and_conflicts_within_a_part_between_parts_and_across_groups(store, line):
    one = line.part(predictions(ids(10)))
    within = line.part(predictions(["a", "a", "a"]))
    between = line.part(predictions([*ids(5), "new"]))
    assert [counts(each) for each in store.write_parts([one, within, between])] == [
        (10, 0, 0, 0),
        (1, 2, 0, 0),
        (1, 5, 0, 0),
    ]
    later = line.part(predictions(ids(12), change=0.5))
    assert counts(store.write_parts([later])[0]) == (2, 0, 10, 0)
    assert store.rows("delays").num_rows == 14


def test_another_journal_may_bring_the_same_ids(store):
    store.write_parts([Line("a" * 32).part(predictions(ids(10)))])
    assert counts(store.write_parts([Line("b" * 32).part(predictions(ids(15)))])[0]) == (5, 10, 0, 0)


def test_rows_without_id_or_time_are_refused_and_the_rest_kept(store, line):
    batch = predictions(ids(6))
    rows = batch.rows.to_pylist()
    rows[1]["id"], rows[4]["time"] = None, None
    bad = type(batch)(batch.kind, batch.ensemble, pa.RecordBatch.from_pylist(rows, schema=LAYOUT.arrow()))
    outcome = store.write_parts([line.part(bad)])[0]
    assert outcome == Outcome(outcome.part, 4, 0, 0, 2, {"missing_id": 1, "missing_time": 1})


def test_a_part_that_cannot_be_read_does_not_stop_the_others(store, line):
    strange = pa.RecordBatch.from_pydict({"id": ["a"], "time": ["noon"]})
    batch = predictions(ids(3))
    outcomes = store.write_parts([line.part(type(batch)(batch.kind, "delays", strange)), line.part(batch)])
    assert [counts(one) for one in outcomes] == [(0, 0, 0, 1), (3, 0, 0, 0)]
    assert outcomes[0].reasons == {"schema": 1}


def test_nan_infinity_and_null_survive(store, line):
    batch = predictions(ids(4))
    rows = batch.rows.to_pylist()
    for row, value in zip(rows, (float("nan"), float("inf"), None, -0.0), strict=True):
        row["x.delay"] = value
    strange = type(batch)(batch.kind, "delays", pa.RecordBatch.from_pylist(rows, schema=LAYOUT.arrow()))
    part, again = line.part(strange), line.part(strange)
    assert [counts(one) for one in store.write_parts([part, again])] == [(4, 0, 0, 0), (0, 4, 0, 0)]
    assert [str(one) for one in store.rows("delays").column("x.delay").to_pylist()] == ["nan", "inf", "None", "-0.0"]


def test_rows_of_a_window_and_some_columns(store, line):
    store.write_parts([line.part(predictions(ids(300)))])
    whole = store.rows("delays").to_pylist()
    window = Window(NOON + DAY // 2, NOON + 2 * DAY)
    some = store.rows("delays", window=window, columns=["id", "label"])
    inside = [row["id"] for row in whole if window.start <= int(row["time"].timestamp()) * 1_000_000 < window.end]
    assert sorted(some.column("id").to_pylist()) == sorted(inside)
    assert 0 < len(inside) < 300
    assert some.column_names == ["id", "label"]


def test_a_wider_layout_adds_columns_and_a_retyped_one_is_refused(make_store, line):
    store = make_store()
    store.write_parts([line.part(predictions(ids(3)))])
    wider = Layout(
        LAYOUT.task, (*LAYOUT.series, SeriesSpec("next")), LAYOUT.classes, "late", ("delay", "rain"), ("carrier",)
    )
    store.open_ensemble("delays", wider)
    store.write_parts([line.part(predictions(ids(3, 3), layout=wider))])
    assert store.rows("delays").column("x.rain").null_count == 3
    assert counts(store.write_parts([line.part(predictions(ids(3)))])[0]) == (0, 3, 0, 0)
    retyped = Layout(Task.BINARY, LAYOUT.series, LAYOUT.classes, "late", ("carrier",))
    with pytest.raises(SchemaError, match="retyped"):
        store.open_ensemble("delays", retyped)


def test_parts_of_two_journals_or_out_of_order_are_a_mistake(store):
    a, b = Line("a" * 32), Line("b" * 32)
    with pytest.raises(StoreError, match="ascending"):
        store.write_parts([a.part(predictions(["x"])), b.part(predictions(["y"]))])


def test_find_tells_one_prediction_and_its_label_history(store, line):
    store.write_parts(
        [line.part(predictions(["a", "b"])), line.part(labels([("a", "late", NOON), ("a", "ontime", NOON + 5)]))]
    )
    found = store.find("delays", "a")
    assert found["id"] == "a"
    assert found["label"] == "ontime"
    assert [one["value"] for one in found["labels"]] == ["late", "ontime"]
    assert store.find("delays", "nobody") is None


def test_watermark_is_the_largest_live_time_or_known_at(store, line):
    assert store.watermark("delays") is None
    store.write_parts(
        [line.part(predictions(["t"], time=NOON + 9 * DAY, split="test")), line.part(predictions(["a"], time=NOON))]
    )
    assert store.watermark("delays") == NOON
    store.write_parts([line.part(labels([("a", "late", NOON + DAY)]))])
    assert store.watermark("delays") == NOON + DAY


def test_a_second_store_object_sees_and_continues(make_store, line):
    first, second = make_store(), make_store()
    first.write_parts([line.part(predictions(ids(5)))])
    second.write_parts([line.part(predictions(ids(5, 3)))])
    assert first.rows("delays").num_rows == second.rows("delays").num_rows == 8


def test_days_of_many_files_are_joined_once_merged(store, line):
    for start in range(0, 60, 3):
        store.write_parts([line.part(predictions(ids(3, start), time=NOON))])
    assert store.maintain() == 0
    before = sorted(store.rows("delays").column("id").to_pylist())
    store.commit(store.pending("delays"), [])
    assert store.maintain() == 1
    assert sorted(store.rows("delays").column("id").to_pylist()) == before
    store.write_parts([line.part(predictions(ids(3, 58), time=NOON))])
    assert store.rows("delays").num_rows == 61
    assert store.maintain() == 0
