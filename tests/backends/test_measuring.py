"""What is pending is handed out, given back once, and never lost (D7, D15)."""

import shutil

import pytest

from choirmaster.errors import StoreError
from choirmaster.ports import StatePack
from choirmaster.times import DAY, Window
from tests.backends.events import LAYOUT, NOON, ids, labels, predictions

PACK = StatePack(Window(NOON, NOON + DAY), "carrier=AA", "ref", 1, b"\x00state", 7)


def test_predictions_come_with_the_label_they_have(store, line):
    part = line.part(predictions(ids(50)))
    store.write_parts([part, line.part(labels([("f7", "late", NOON)]))])
    pending = store.pending("delays")
    assert pending.parts == (part.id,)
    assert pending.predictions.schema.equals(LAYOUT.arrow(label=True))
    assert {row["id"]: row["label"] for row in pending.predictions.to_pylist() if row["label"]} == {"f7": "late"}
    assert pending.changes.num_rows == 0
    store.commit(pending, [PACK])
    assert store.pending("delays").empty
    assert store.packs("delays") == [PACK]
    assert store.packs("delays", [PACK.window]) == [PACK]
    assert store.packs("delays", [Window(0, 1)]) == store.packs("delays", []) == []


def test_late_labels_come_with_everything_but_features(store, line):
    store.write_parts([line.part(predictions(ids(50)))])
    store.commit(store.pending("delays"), [])
    store.write_parts([line.part(labels([("f3", "late", NOON), ("f4", "ontime", NOON), ("nobody", "late", NOON)]))])
    pending = store.pending("delays")
    assert not pending.empty
    assert pending.parts == ()
    rows = {row["id"]: row for row in pending.changes.to_pylist()}
    assert {one: (row["label_before"], row["label"]) for one, row in rows.items()} == {
        "f3": (None, "late"),
        "f4": (None, "ontime"),
    }
    stored = {row["id"]: row for row in store.rows("delays").to_pylist()}
    for one, row in rows.items():
        assert {k: v for k, v in row.items() if k != "label_before"} == {
            k: v for k, v in stored[one].items() if k != "x.delay"
        }
    assert "x.delay" not in pending.changes.column_names
    assert "x.carrier" in pending.changes.column_names  # a segment
    store.commit(pending, [])
    store.write_parts([line.part(labels([("f3", "ontime", NOON + 1), ("f4", None, NOON + 1)]))])
    pending = store.pending("delays")
    changes = {row["id"]: (row["label_before"], row["label"]) for row in pending.changes.to_pylist()}
    assert changes == {"f3": ("late", "ontime"), "f4": ("ontime", None)}


def test_a_lost_sidecar_is_made_up_for_by_the_rows(store, line):
    store.write_parts([line.part(predictions(ids(30)))])
    store.commit(store.pending("delays"), [])
    shutil.rmtree(store.folder / "sidecar")
    store.write_parts([line.part(labels([("f3", "late", NOON)]))])
    pending = store.pending("delays")
    assert [row["id"] for row in pending.changes.to_pylist()] == ["f3"]
    store.commit(pending, [])
    assert store.pending("delays").empty


def test_giving_back_twice_is_refused_and_changes_nothing(store, line):
    store.write_parts([line.part(predictions(ids(5)))])
    first, second = store.pending("delays"), store.pending("delays")
    store.commit(first, [PACK])
    with pytest.raises(StoreError, match="measured already"):
        store.commit(second, [StatePack(PACK.window, PACK.segment, "ref", 2, b"wrong")])
    assert store.packs("delays") == [PACK]
    store.write_parts([line.part(labels([("f1", "late", NOON)]))])
    first, second = store.pending("delays"), store.pending("delays")
    store.commit(first, [])
    with pytest.raises(StoreError, match="measured already"):
        store.commit(second, [])


def test_a_label_between_handing_out_and_giving_back_comes_next_time(store, line):
    store.write_parts([line.part(predictions(ids(5)))])
    pending = store.pending("delays")
    store.write_parts([line.part(labels([("f2", "late", NOON)]))])
    store.commit(pending, [])
    changes = store.pending("delays").changes.to_pylist()
    assert [(row["id"], row["label_before"], row["label"]) for row in changes] == [("f2", None, "late")]


def test_oldest_parts_first_and_at_least_one(store, line):
    parts = [line.part(predictions(ids(10, start))) for start in (0, 10, 20)]
    store.write_parts(parts)
    assert store.pending("delays", max_rows=1).parts == (parts[0].id,)
    pending = store.pending("delays", max_rows=20)
    assert pending.parts == (parts[0].id, parts[1].id)
    store.commit(pending, [])
    assert store.pending("delays").parts == (parts[2].id,)


def test_many_runs_of_a_sidecar_are_merged(store, line):
    for start in range(0, 100, 5):
        store.write_parts([line.part(predictions(ids(5, start), time=NOON))])
        store.commit(store.pending("delays"), [])
    assert len(list((store.folder / "sidecar").rglob("*.arrow"))) <= 9
    store.write_parts([line.part(labels([(one, "late", NOON) for one in ids(100)]))])
    assert sorted(store.pending("delays").changes.column("id").to_pylist()) == sorted(ids(100))


@pytest.mark.parametrize("point", ["sidecar", "committed"])
def test_a_crash_while_giving_back_applies_all_or_nothing(make_store, line, point):
    class Crash(BaseException):
        pass

    def fault(name):
        if name == point:
            raise Crash

    plain = make_store()
    plain.write_parts([line.part(predictions(ids(20))), line.part(labels([("f1", "late", NOON)]))])
    crashing = make_store(fault=fault)
    with pytest.raises(Crash):
        crashing.commit(crashing.pending("delays"), [PACK])
    done = point == "committed"
    pending = plain.pending("delays")
    assert pending.empty is done
    assert bool(plain.packs("delays")) is done
    if not done:
        plain.commit(pending, [PACK])
    plain.write_parts([line.part(labels([("f1", "ontime", NOON + 1), ("f2", "late", NOON)]))])
    changes = {row["id"]: (row["label_before"], row["label"]) for row in plain.pending("delays").changes.to_pylist()}
    assert changes == {"f1": ("late", "ontime"), "f2": (None, "late")}
