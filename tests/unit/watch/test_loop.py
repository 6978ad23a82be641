"""The loop over the embedded store: whatever order events come in, the states equal those of one pass over all rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.engines.local import LocalEngine
from choirmaster.layout import Layout, SeriesSpec, Task
from choirmaster.plan import plan_for
from choirmaster.ports import ValueQuery
from choirmaster.records import LABEL_SCHEMA, Batch, EventKind, Part
from choirmaster.reports import content, render_html
from choirmaster.states import BY_KIND
from choirmaster.states.pack import unpack
from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.times import DAY, HOUR, Grain
from choirmaster.watch.answers import collecting_text
from choirmaster.watch.queries import Queries
from choirmaster.watch.service import Monitor
from choirmaster.watch.settings import MonitorSettings

LAYOUT = Layout(
    Task.BINARY,
    (SeriesSpec("a"), SeriesSpec("b"), SeriesSpec("fused")),
    ("no", "yes"),
    "yes",
    ("x",),
    ("carrier",),
    ("carrier",),
    crosses=(("airport", "carrier"),),
)
DAYS = 3
VERSIONS = (["1"], ["1", "2", None], [f"v{i}" for i in range(12)])


class FixedClock:
    """Stands still."""

    def now(self) -> int:
        return 10 * DAY

    def monotonic(self) -> float:
        return 0.0


def predictions(n: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    p = rng.uniform(size=(3, n))
    columns = {
        "id": [f"r{seed}-{i}" for i in range(n)],
        "time": pa.array(rng.integers(0, DAYS * DAY, n), pa.int64()).cast(pa.timestamp("us", "UTC")),
        "split": pa.array(["live"] * n).dictionary_encode(),
        "weight_version": pa.array(["v1"] * n),
        "call": pa.array([1] * n, pa.int8()),
        "x.x": rng.normal(size=n),
        "x.carrier": pa.array(rng.choice(["AA", "UA"], n)).dictionary_encode(),
        "y.p.yes": p[2],
        "tag.airport": pa.array(rng.choice(["JFK", "LAX", "SFO", None], n)).dictionary_encode(),
    }
    for name, scores in zip("ab", p, strict=False):
        columns |= {
            f"m.{name}.p.yes": scores,
            f"m.{name}.status": pa.array(["ok"] * n).dictionary_encode(),
            f"m.{name}.latency_us": pa.array(rng.integers(1, 9000, n)),
            f"m.{name}.version": pa.array(rng.choice(VERSIONS[seed % 3], n).tolist()).dictionary_encode(),
        }
    schema = LAYOUT.arrow()
    return pa.table([pa.array(columns[f.name]).cast(f.type) if not isinstance(columns[f.name], pa.Array)
                     else columns[f.name].cast(f.type) for f in schema], schema=schema)  # fmt: skip


def labels(rows: list[tuple[str, str | None, int]]) -> pa.RecordBatch:
    listed = [{"id": i, "value": v, "known_at": None, "source": "test", "revision": r} for i, v, r in rows]
    return pa.RecordBatch.from_pylist(listed, schema=LABEL_SCHEMA)


class Feed:
    """Numbers parts as one journal would."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store, self.sequence = store, 0

    def __call__(self, kind: EventKind, rows: pa.RecordBatch) -> None:
        self.sequence += 1
        self.store.write_parts([Part("j" * 32, self.sequence, 5 * DAY + self.sequence, Batch(kind, "e", rows))])

    def predictions(self, table: pa.Table) -> None:
        self(EventKind.PREDICTION, table.combine_chunks().to_batches()[0])

    def labels(self, rows: list[tuple[str, str | None, int]]) -> None:
        self(EventKind.LABEL, labels(rows))


def settings(table: pa.Table) -> MonitorSettings:
    return MonitorSettings("e", LAYOUT, Grain(1, "d"), HOUR, reference_rows=lambda: table, reference_source="training")


def reference_table() -> pa.Table:
    table = predictions(300, 99)
    labels_of = np.random.default_rng(1).choice(["no", "yes"], 300)
    return table.append_column("label", pa.array(labels_of).dictionary_encode())


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_events_gives_the_states_of_one_pass(tmp_path, seed: int) -> None:
    store = EmbeddedStore(tmp_path)
    rng = np.random.default_rng(seed)
    monitor = Monitor(store, LocalEngine(), FixedClock(), [settings(reference_table())])
    store.open_ensemble("e", LAYOUT)
    feed, tables = Feed(store), [predictions(60, k) for k in range(3)]
    final: dict[str, str | None] = {}
    events = [("p", table) for table in tables]
    for revision in range(3):  # each id gets up to three revisions, some before its prediction, some withdrawn
        for table in tables:
            chosen = [i for i in table["id"].to_pylist() if rng.random() < 0.5]
            rows = [(i, rng.choice(["no", "yes", None]), revision) for i in chosen]
            rows = [(i, None if v is None else str(v), r) for i, v, r in rows]
            events.append(("l", rows))
    revisions: dict[str, int] = {}
    for at in rng.permutation(len(events)):
        kind, body = events[at]
        if kind == "p":
            feed.predictions(body)
        else:
            feed.labels(body)
            for identity, value, revision in body:
                if revision >= revisions.get(identity, -1):
                    revisions[identity], final[identity] = revision, value
        if rng.random() < 0.5:
            monitor.once()
    monitor.once()
    whole = pa.concat_tables(tables)
    column = pa.array([final.get(i) for i in whole["id"].to_pylist()], pa.string()).dictionary_encode()
    whole = whole.append_column("label", column)
    reference = Queries(store, [settings(whole)]).reference("e")
    assert reference is not None
    expected = LocalEngine().states(whole, reference, Grain(1, "d"), calls=True)
    parts = plan_for(reference, None, calls=True).parts
    found = {(one.window, one.segment): unpack(one.payload, parts, BY_KIND) for one in store.packs("e")}
    assert found.keys() == expected.keys()
    for slot, states in expected.items():
        kept = {key: state for key, state in states.items() if not state.empty}
        assert found[slot].keys() == kept.keys()
        for key, state in kept.items():
            if key.kind == "intake/1":  # how rows arrived is not in the rows, see test_arrived
                assert found[slot][key].rows == state.rows
            else:
                assert found[slot][key].digest() == state.digest(), (slot, key)


def test_values_and_questions_of_a_measured_store(tmp_path) -> None:
    store = EmbeddedStore(tmp_path)
    config = settings(reference_table())
    told: list[dict[str, object]] = []
    monitor = Monitor(store, LocalEngine(), FixedClock(), [config], notify=told.append)
    store.open_ensemble("e", LAYOUT)
    feed, table = Feed(store), predictions(200, 7)
    feed.predictions(table)
    feed.labels([(i, "yes" if k % 3 else "no", 0) for k, i in enumerate(table["id"].to_pylist()[:150])])
    summary = monitor.once()
    assert (summary.rows, summary.windows) == (200, DAYS)
    assert monitor.once().windows == 0
    queries = Queries(store, [config])
    one = queries.ensembles()[0]
    assert one["predictions"] == 200
    assert one["labelled_share"] == 0.75
    chosen = queries.ensemble("e")["choices"]
    assert chosen[0]["rank"] == 1 and all(one["why"] for one in chosen)
    assert "mcc" not in {one["name"] for one in chosen}  # not stored, so read off the states when it is asked for
    on_demand = queries.metrics(ensemble="e", metric=("mcc", "roc_auc"))
    starts = [{row["window_start"] for row in on_demand if row["metric"] == name} for name in ("mcc", "roc_auc")]
    assert starts[0] == starts[1] != set()
    rows = queries.metrics(ensemble="e", metric="roc_auc")
    assert {row["series"] for row in rows} == {"a", "b", "fused"}
    assert all(row["n"] <= 150 for row in rows)
    assert queries.months("e")[0]["labelled"] == 150
    assert queries.series("e", "roc_auc")["series"]["fused"]["value"][0] is not None
    assert queries.drift("e")["features"][0]["name"] in ("x", "carrier")
    assert len(queries.feature("e", "x")["bins"]) == len(queries.feature("e", "x")["current"])
    found = {row["segment"] for row in queries.segments("e", "roc_auc")}
    assert {one for one in found if "airport" not in one} == {"carrier=AA", "carrier=UA"}
    assert "airport=JFK&carrier=AA" in found
    weak = queries.weakest("e", "accuracy")
    assert [one["n"] + one["rest_n"] for one in weak] == [150] * len(weak)
    assert {one["segment"] for one in weak} >= {"carrier=AA", "carrier=UA"}
    gaps = queries.fairness("e", ["carrier", "airport"], series="a")
    assert sum(gaps["rows"].values()) == 200
    assert queries.fairness("e", "carrier")["reference"] in ("carrier=AA", "carrier=UA")
    curve = [one for one in queries.calibration("e") if one["series"] == "a"]
    assert curve
    assert sum(one["n"] for one in curve) == 150  # those with a label
    assert all(one["lower"] <= one["share"] <= one["upper"] for one in curve)
    assert all(one["value"]["value"] is not None for one in queries.segments("e", "accuracy", series="a"))
    text = render_html(content(queries, "e"))
    assert "<h2>Calibration</h2>" in text
    assert "<h2>Segments</h2>" in text
    feed.labels([(table["id"][160].as_py(), "yes", 0)])
    assert monitor.once().windows == 1
    assert store.values(ValueQuery("e", metrics=("roc_auc",)))["revision"].to_pylist().count(2) == 3


def test_without_a_reference_the_monitor_collects_and_says_how_far(tmp_path) -> None:
    store = EmbeddedStore(tmp_path)
    config = MonitorSettings("e", LAYOUT, Grain(1, "d"), HOUR)
    monitor = Monitor(store, LocalEngine(), FixedClock(), [config])
    store.open_ensemble("e", LAYOUT)
    Feed(store).predictions(predictions(100, 1))
    summary = monitor.once()
    assert 0.0 < summary.collecting["e"] < 1.0
    share = Queries(store, [config]).collecting("e")
    assert share == summary.collecting["e"]
    assert collecting_text(share) == f"collecting {int(100 * share)} %"
    assert store.packs("e") == []
