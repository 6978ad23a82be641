"""Records become canonical batches; every bad row is refused with its number, every bad cell masked and counted."""

import json
import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.errors import NotFound, RequestError
from choirmaster.layout import Layout, Output, SeriesSpec, Task
from choirmaster.record.ingest import label_batch, label_table, prediction_batch, prediction_table
from choirmaster.record.parsing import Refusals, records
from choirmaster.record.service import IngestService
from choirmaster.records import LABEL_SCHEMA, Outcome, Receipt
from tests.backends.events import LAYOUT, NUMBERS, ids, predictions

GOOD = {
    "id": "a", "time": "2013-04-22T04:00:00Z", "features": {"delay": 3, "carrier": "AA"}, "tags": {"region": "N"},
    "members": {"boost": 0.25, "linear": {"late": 0.5, "ontime": 0.5}}, "fused": {"ontime": 0.75},
}  # fmt: skip


def parsed(rows, layout=LAYOUT, make=prediction_batch):
    refused = Refusals()
    batch = make("delays", layout, list(enumerate(rows, 1)), refused)
    return (batch.rows.to_pylist() if batch else []), refused


def test_a_good_row_becomes_canonical():
    (row,), refused = parsed([GOOD])
    assert refused.count == 0
    assert not refused.masked
    assert row["time"].isoformat() == "2013-04-22T04:00:00+00:00"
    want = {"x.delay": 3.0, "x.carrier": "AA", "tag.region": "N", "m.boost.p.late": 0.25, "m.linear.p.late": 0.5,
            "y.p.late": 0.25, "split": "live", "m.boost.status": "ok", "m.boost.latency_us": None,
            "call": None}  # fmt: skip
    assert {name: row[name] for name in want} == want


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "missing_id"), ({"id": ""}, "missing_id"), ({"id": [1]}, "bad_id"),
        ({"id": "x" * 2000}, "bad_id"),
        ({"time": "noon"}, "bad_time"), ({"time": None}, "missing_time"), ({"time": 10**30}, "bad_time"),
        ({"time": 1.5}, "bad_time"),
        ({"split": "other"}, "bad_split"), ({"features": [1]}, "wrong_type"), ({"members": 0.5}, "wrong_type"),
        ({"status": {"boost": "fine"}}, "bad_status"),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_and_its_neighbours_are_kept(change, reason):
    rows, refused = parsed([GOOD, GOOD | {"id": "bad"} | change, GOOD | {"id": 7}])
    assert [row["id"] for row in rows] == ["a", "7"]
    assert [(one["row"], one["reason"]) for one in refused.rows] == [(2, reason)]
    assert refused.rows[0]["message"]


@pytest.mark.parametrize(
    "value",
    [1.5, -0.1, math.nan, "0.5", {"late": 0.5, "ontime": 0.1}, {"late": 0.5, "maybe": 0.5}, {"late": None}, [0.5], {}],
)
def test_an_impossible_answer_is_nulled_marked_and_counted(value):
    (row,), refused = parsed([GOOD | {"members": {"boost": value, "linear": 0.5}}])
    assert (row["m.boost.p.late"], row["m.boost.status"], row["m.linear.status"]) == (None, "invalid", "ok")
    assert refused.masked["invalid_output"] == 1


def test_missing_members_are_absent_and_given_statuses_are_kept():
    (row,), _ = parsed([GOOD | {"members": {}, "status": {"linear": "late"}, "latency_us": {"linear": 1200}}])
    assert (row["m.boost.status"], row["m.linear.status"], row["m.linear.latency_us"]) == ("absent", "late", 1200)


def test_bad_cells_and_unknown_fields_are_counted():
    row = GOOD | {"features": {"delay": "much", "carrier": [1], "new": 1}, "colour": "red"}
    (found,), refused = parsed([row])
    assert (found["x.delay"], found["x.carrier"]) == (None, None)
    assert dict(refused.masked) == {"bad_feature": 2, "unknown_field": 2}


def test_multiclass_and_class_outputs():
    layout = Layout(Task.MULTICLASS, (SeriesSpec("a"), SeriesSpec("b", Output.CLASS)), ("x", "y", "z"))
    base = {"id": "1", "time": 5}
    good = {"members": {"a": {"x": 0.2, "y": 0.3, "z": 0.5}, "b": "y"}}
    bad = {"members": {"a": {"x": 0.9, "y": 0.3, "z": 0.5}, "b": "w"}, "id": "2"}
    (one, two), refused = parsed([base | good, base | bad], layout)
    assert (one["m.a.p.z"], one["m.b.class"], one["m.a.status"], one["m.b.status"]) == (0.5, "y", "ok", "ok")
    assert (two["m.a.p.x"], two["m.b.class"], two["m.a.status"], two["m.b.status"]) == (
        None,
        None,
        "invalid",
        "invalid",
    )
    assert refused.masked["invalid_output"] == 2


def test_a_table_gives_the_batch_that_it_came_from():
    batch = predictions(ids(20))
    refused = Refusals()
    again = prediction_table("delays", LAYOUT, pa.Table.from_batches([batch.rows]), refused)
    assert again.rows.to_pylist() == batch.rows.to_pylist()
    assert (refused.count, dict(refused.masked)) == (0, {})


def test_a_table_with_bad_rows_and_columns_keeps_the_good_ones():
    table = pa.table({
        "id": ["a", None, "c", "d"], "time": pa.array([1, 2, None, 4], pa.timestamp("us", tz="UTC")),
        "m.boost.p.late": [0.5, 0.5, 0.5, 7.0], "x.delay": ["a", "b", "c", "d"], "other": [1, 2, 3, 4],
    })  # fmt: skip
    refused = Refusals()
    rows = prediction_table("delays", LAYOUT, table, refused).rows.to_pylist()
    assert [(row["id"], row["m.boost.status"], row["m.linear.status"], row["split"]) for row in rows] == [
        ("a", "ok", "absent", "live"), ("d", "invalid", "absent", "live")]  # fmt: skip
    assert [(one["row"], one["reason"]) for one in refused.rows] == [(2, "missing_id"), (3, "missing_time")]
    assert dict(refused.masked) == {"wrong_type:x.delay": 4, "unknown_field": 1, "invalid_output": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "missing_id"), ({"value": "purple"}, "unknown_class"), ({"value": [1]}, "wrong_type"),
        ({"known_at": "soon"}, "bad_time"), ({"source": 5}, "wrong_type"), ({"revision": "two"}, "bad_revision"),
        ({"revision": 2**64}, "bad_revision"),
    ],
)  # fmt: skip
def test_bad_labels_are_refused(change, reason):
    good = {"id": "a", "value": "late", "known_at": "2013-04-22T04:00:00", "source": "desk", "revision": 2}
    rows, refused = parsed([good, good | change, {"id": "x"}], make=label_batch)
    assert [(row["id"], row["value"], row["revision"]) for row in rows] == [("a", "late", 2)]
    assert [one["reason"] for one in refused.rows] == [reason, "missing_value"]


def test_label_values_have_one_text():
    rows, refused = parsed(
        [
            {"id": "a", "value": 3},
            {"id": "b", "value": "3.50"},
            {"id": "c", "value": math.inf},
            {"id": "d", "value": None},
        ],
        NUMBERS,
        label_batch,
    )
    assert [row["value"] for row in rows] == ["3.0", "3.5", None]
    assert refused.reasons == {"bad_number": 1}
    table = pa.Table.from_pylist([{"id": "a", "value": "late", "known_at": 5}]).cast(
        pa.schema([("id", pa.string()), ("value", pa.string()), ("known_at", pa.timestamp("us", tz="UTC"))])
    )
    batch = label_table("delays", LAYOUT, table, Refusals())
    assert batch.rows.schema.equals(LABEL_SCHEMA)
    assert batch.rows.column("known_at").cast(pa.int64()).to_pylist() == [5]


@given(st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=5), st.dictionaries(st.sampled_from(
    ["id", "time", "members", "features", "fused", "split", "tags", "value"]), st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
        lambda inner: st.one_of(st.lists(inner, max_size=2),
            st.dictionaries(st.sampled_from(["boost", "late", "delay"]), inner, max_size=2)))))))  # fmt: skip
def test_whatever_comes_every_row_has_a_fate(rows):
    refused = Refusals()
    found = records("\n".join(json.dumps(row) for row in rows).encode(), refused)
    batch = prediction_batch("delays", LAYOUT, found, refused)
    assert (batch.rows.num_rows if batch else 0) + refused.count == len(rows)
    if batch:
        batch.rows.validate(full=True)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    refused = Refusals()
    assert len(records(body, refused)) + refused.count <= body.count(b"\n") + body.count(b",") + 1


class Kept:
    identity = "k" * 32

    def __init__(self):
        self.batches = []

    def append(self, batch):
        self.batches.append(batch)
        return Receipt(f"{self.identity}:{len(self.batches)}", batch.rows.num_rows)


class Final:
    def __init__(self):
        self.done = {}

    def outcome(self, part):
        return self.done.get(part)

    def drained(self, journal):
        return 0


def service(**more):
    journal, store = Kept(), Final()
    return IngestService(journal, store, {"delays": LAYOUT, "hours": NUMBERS}, **more), journal, store


def lines(*rows):
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in rows).encode()


def test_the_service_groups_by_ensemble_and_says_what_was_wrong_where():
    one, journal, store = service()
    body = lines(
        GOOD | {"ensemble": "delays"}, "{broken", {"id": "n", "time": 5, "ensemble": "hours"}, {"ensemble": "no"}, GOOD
    )
    answer = one.predictions(body, content_type="ndjson", ensemble=None)
    assert [batch.ensemble for batch in journal.batches] == ["delays", "hours"]
    assert (answer["accepted"], answer["refused"]) == (2, 3)
    assert [(row["row"], row["reason"]) for row in answer["rows"]] == [
        (2, "bad_json"),
        (4, "unknown_ensemble"),
        (5, "unknown_ensemble"),
    ]
    json.dumps(answer)
    assert one.receipt(answer["receipt"]) == {"receipt": answer["receipt"], "state": "queued"}
    for name in answer["receipt"].split(","):
        store.done[name] = Outcome(name, 1, 2, 0, 1, {"x": 1})
    final = one.receipt(answer["receipt"])
    assert (final["state"], final["accepted"], final["duplicate"], final["reasons"]) == ("stored", 2, 4, {"x": 2})
    assert one.receipt("nonsense") is None
    assert one.receipt("z" * 32 + ":9") is None


def test_the_service_takes_lists_and_arrow_and_labels_for_all():
    one, journal, _ = service()
    assert (
        one.predictions(json.dumps([GOOD, GOOD | {"id": "b"}]).encode(), content_type="ndjson", ensemble="delays")[
            "accepted"
        ]
        == 2
    )
    sink = pa.BufferOutputStream()
    rows = predictions(ids(3)).rows
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    assert one.predictions(sink.getvalue().to_pybytes(), content_type="arrow", ensemble="delays")["accepted"] == 3
    one.labels(lines({"id": "a", "value": "late"}), content_type="ndjson", ensemble=None)
    assert journal.batches[-1].ensemble == "*"
    with pytest.raises(RequestError, match="Arrow"):
        one.predictions(b"junk", content_type="arrow", ensemble="delays")
    with pytest.raises(NotFound, match="unknown ensemble"):
        one.predictions(lines(GOOD), content_type="ndjson", ensemble="nobody")


def test_nothing_good_is_nothing_kept():
    one, journal, _ = service()
    answer = one.predictions(lines("x", "y"), content_type="ndjson", ensemble="delays")
    assert (answer["receipt"], answer["state"], answer["refused"], journal.batches) == ("", "nothing", 2, [])


def test_acknowledged_by_the_store_means_final_counts():
    one, journal, store = service(settle=lambda: store.done.update({f"{journal.identity}:1": Outcome("", 0, 1)}))
    answer = one.predictions(lines(GOOD), content_type="ndjson", ensemble="delays")
    assert (answer["state"], answer["accepted"], answer["duplicate"]) == ("stored", 0, 1)
