"""Values, leases, references, documents and the audit table."""

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa

from choirmaster.errors import StoreError
from choirmaster.ports import AuditEntry, ValueQuery
from choirmaster.records import VALUE_SCHEMA
from choirmaster.times import DAY, SECOND, Window
from choirmaster.values import VALUE_ORDER


def value(metric, day, number, **more):
    row = {
        "ensemble": "delays", "window_start": day * DAY, "window_end": (day + 1) * DAY, "revision": 1,
        "series": "boost", "version": "*", "segment": "", "feature": "", "target": "",
        "metric": metric, "value": number, "lower": None,
        "upper": None, "resolution": 0.0, "n": 3, "kind": "realized", "reason": "", "reference": "r",
    }  # fmt: skip
    return row | more


def table(rows):
    return (
        pa.Table.from_pylist(rows)
        .cast(pa.schema([(f.name, pa.int64() if pa.types.is_timestamp(f.type) else f.type) for f in VALUE_SCHEMA]))
        .cast(VALUE_SCHEMA)
    )


def test_values_are_replaced_window_by_window_and_come_sorted(store):
    rows = [value(metric, day, day + number, series=series, segment=segment)
            for number, metric in enumerate(["roc_auc", "brier"]) for day in (3, 1, 2)
            for series in ("linear", "boost") for segment in ("", "carrier=AA")]  # fmt: skip
    windows = [Window(day * DAY, (day + 1) * DAY) for day in (1, 2, 3)]
    store.put_values("delays", windows, table(rows))
    everything = store.values(ValueQuery("delays", segments=None))
    assert everything.schema.equals(VALUE_SCHEMA)
    got = everything.to_pylist()
    assert got == sorted(got, key=lambda row: tuple(row[name] for name in VALUE_ORDER))
    assert len(got) == 24
    assert store.values(ValueQuery("delays")).num_rows == 12
    assert (
        store.values(ValueQuery("delays", metrics=("brier",), series=("boost",), start=2 * DAY, end=3 * DAY)).num_rows
        == 1
    )
    assert store.values(ValueQuery("other")).num_rows == 0
    store.put_values("delays", windows[:1], table([value("brier", 1, 9.0)]))
    left = store.values(ValueQuery("delays", segments=None, end=2 * DAY)).to_pylist()
    assert [(row["metric"], row["value"]) for row in left] == [("brier", 9.0)]
    assert store.values(ValueQuery("delays", segments=None)).num_rows == 17


def test_what_is_not_finite_is_stored_as_undefined(store):
    rows = [value("a", 1, None, reason="no_rows"), value("b", 1, float("nan")), value("c", 1, float("inf"))]
    store.put_values("delays", [Window(DAY, 2 * DAY)], table(rows))
    assert [(row["value"], row["reason"]) for row in store.values(ValueQuery("delays")).to_pylist()] == [
        (None, "no_rows"), (None, ""), (None, "")]  # fmt: skip


def test_values_round_trip_exactly(store):
    numbers = np.random.default_rng(3).normal(size=50) * 10.0 ** np.arange(-25, 25)
    rows = [value(f"m{place:02}", 1, float(one), lower=float(one) / 3) for place, one in enumerate(numbers)]
    store.put_values("delays", [Window(DAY, 2 * DAY)], table(rows))
    assert store.values(ValueQuery("delays")).to_pylist() == table(rows).to_pylist()


def test_a_lease_has_one_holder_until_it_runs_out(store):
    assert store.lease("drain", "a", now=0, seconds=10)
    assert not store.lease("drain", "b", now=9 * SECOND, seconds=10)
    assert store.lease("drain", "a", now=9 * SECOND, seconds=10)
    assert not store.lease("drain", "b", now=18 * SECOND, seconds=10)
    assert store.lease("drain", "b", now=20 * SECOND, seconds=10)
    store.release("drain", "a")
    assert not store.lease("drain", "a", now=21 * SECOND, seconds=10)
    store.release("drain", "b")
    assert store.lease("drain", "a", now=21 * SECOND, seconds=10)


def test_references_stay_and_the_latest_is_current(store):
    assert store.reference("delays") is None
    store.put_reference("delays", "one", b"1", at=1, source="train")
    store.put_reference("delays", "two", b"2", at=2, source="train")
    assert store.reference("delays") == ("two", b"2")
    assert store.reference("delays", "one") == ("one", b"1")
    assert store.reference("delays", "none") is None


def test_documents_by_kind_and_prefix(store):
    store.put_document("alert", "delays/a_b", {"x": 1, "text": "ü"}, at=1)
    store.put_document("alert", "delays/aXb", {"x": 2}, at=1)
    store.put_document("alert", "other/a", {"x": 3}, at=1)
    store.put_document("alert", "delays/a_b", {"x": 4}, at=2)
    assert store.documents("alert", "delays/a_") == {"delays/a_b": {"x": 4}}
    assert list(store.documents("alert")) == ["delays/aXb", "delays/a_b", "other/a"]
    assert store.documents("silence") == {}


def test_the_audit_table_is_append_only(store):
    entries = [
        AuditEntry(at, "joe", "weights.set", "delays" if at % 2 else "other", "why", "1", "2") for at in range(5)
    ]
    for one in entries:
        store.add_audit(one)
    assert store.audit() == entries[::-1]
    assert store.audit(limit=1, subject="delays") == [entries[3]]
    for statement in ("UPDATE audit SET who = 'eve'", "DELETE FROM audit"):
        with pytest.raises(StoreError, match="append-only"), store._database.write() as link:
            link.execute(sa.text(statement))
    assert store.audit() == entries[::-1]


def test_the_lease_of_an_ended_process_is_free_at_once(make_store, tmp_path):
    import subprocess
    import sys

    store = make_store()
    program = (
        "import os, sys\nfrom choirmaster.stores.lake.store import EmbeddedStore\n"
        "store = EmbeddedStore(sys.argv[1])\nassert store.lease('drain', 'dead', now=0, seconds=60)\n"
        "print('held', flush=True)\nsys.stdin.read()\nos._exit(9)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "store")], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:  # fmt: skip
        assert other.stdout.readline() == b"held\n"
        assert not store.lease("drain", "mine", now=1, seconds=60)
        other.stdin.close()
        other.wait()
    assert store.lease("drain", "mine", now=1, seconds=60)
