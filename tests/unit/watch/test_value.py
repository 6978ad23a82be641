"""A declared value from the event to the answer: kept, summed, corrected with a late label, and told."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

import choirmaster as cm
from choirmaster.app.unserved import unserved
from choirmaster.config import Config, Ensemble, Member
from choirmaster.engines.local import LocalEngine
from choirmaster.layout import Layout, SeriesSpec, Task
from choirmaster.record.ingest import label_batch, prediction_batch
from choirmaster.record.parsing import Refusals
from choirmaster.records import Part
from choirmaster.schema import Schema
from choirmaster.states import BY_KIND
from choirmaster.states.pack import unpack
from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.times import DAY, HOUR, Grain
from choirmaster.watch.queries import Queries
from choirmaster.watch.service import Monitor
from choirmaster.watch.settings import MonitorSettings
from tests.unit.watch.watched_store import Clock

LAYOUT = Layout(Task.BINARY, (SeriesSpec("a"), SeriesSpec("fused")), ("no", "yes"), "yes", numeric=("x",), value=True,
                costs=(0.0, 1.0, 10.0, 0.0))  # fmt: skip
N = 60
RNG = np.random.default_rng(8)
P = RNG.random(N).round(2)
WORTH = RNG.lognormal(3.0, 1.0, N).round(2)
FIRST, THEN = RNG.random(N) < 0.4, RNG.random(N) < 0.4


def past() -> pa.Table:
    names = LAYOUT.arrow(label=True)
    given = {"m.a.p.yes": P, "y.p.yes": P, "value": np.full(N, 200.0), "label": np.where(FIRST, "yes", "no")}
    arrays = [pa.array(given[one.name]).cast(one.type) if one.name in given else pa.nulls(N, one.type) for one in names]
    return pa.table(arrays, schema=names)


SETTINGS = MonitorSettings("e", LAYOUT, Grain(1, "d"), HOUR, reference_rows=past, reference_source="train")


def labels(truth: np.ndarray, revision: int, chosen: range) -> object:
    records = [(i, {"id": f"r{i}", "value": "yes" if truth[i] else "no", "revision": revision}) for i in chosen]
    return label_batch("e", LAYOUT, records, Refusals())


def watched(folder, batches: list) -> tuple[EmbeddedStore, Queries]:
    """Bring batches in one after the other and measure after each."""
    store = EmbeddedStore(folder)
    store.open_ensemble("e", LAYOUT)
    monitor = Monitor(store, LocalEngine(), Clock(30 * DAY), [SETTINGS])
    for place, batch in enumerate(batches):
        store.write_parts([Part("j" * 32, place + 1, 0, batch)])
        monitor.once()
    return store, Queries(store, [SETTINGS])


def predictions() -> object:
    worth = [*WORTH[:-2].tolist(), -5.0, None]
    records = [
        (i, {"id": f"r{i}", "time": i * DAY // N, "features": {"x": 1.0}, "members": {"a": float(P[i])},
             "fused": float(P[i]), "value": worth[i]})
        for i in range(N)
    ]  # fmt: skip
    refused = Refusals()
    batch = prediction_batch("e", LAYOUT, records, refused)
    assert not refused.reasons
    return batch


def test_a_late_label_takes_its_value_out_and_puts_it_in(tmp_path) -> None:
    late = watched(tmp_path / "late", [predictions(), labels(FIRST, 0, range(N)), labels(THEN, 1, range(0, N, 2))])
    truth = np.where(np.arange(N) % 2 == 0, THEN, FIRST)
    once = watched(tmp_path / "once", [labels(truth, 0, range(N)), predictions()])
    parts = late[1].reference("e").parts
    states = [unpack(store.packs("e")[0].payload, parts, BY_KIND) for store, _ in (late, once)]
    labelled = [key for key in parts if key.kind in ("confusion/1", "scores/1")]
    assert {states[0][key].to_bytes() for key in labelled} == {states[1][key].to_bytes() for key in labelled}
    assert all(states[0][key].sums.any() for key in labelled)

    said, known = P >= 0.5, np.arange(N) < N - 2
    found = {row["metric"]: row["value"] for row in late[1].metrics(ensemble="e", series="fused")}
    near = pytest.approx
    assert found["value_caught"] == near(WORTH[said & truth & known].sum(), abs=1e-8)
    assert found["value_missed"] == near(WORTH[~said & truth & known].sum(), abs=1e-8)
    assert found["value_false_alarms"] == near(WORTH[said & ~truth & known].sum(), abs=1e-8)
    recall = WORTH[said & truth & known].sum() / WORTH[truth & known].sum()
    assert found["value_recall"] == near(recall, abs=1e-10)
    assert found["value_missing_rate"] == near(2 / N)
    assert found["total_cost"] == (said & ~truth).sum() + 10.0 * (~said & truth).sum()
    for store, _ in (late, once):
        store.close()


def test_a_store_is_read_under_the_costs_of_now(tmp_path) -> None:
    store, _ = watched(tmp_path, [predictions(), labels(FIRST, 0, range(N))])
    other = dataclasses.replace(SETTINGS, layout=dataclasses.replace(LAYOUT, costs=(0.0, 2.0, 0.0, 0.0)))
    queries = Queries(store, [other])
    assert queries.reference("e").layout.costs == (0.0, 2.0, 0.0, 0.0)
    store.close()


def test_a_frame_with_a_value_is_measured_with_it() -> None:
    frame = pa.table({"y": FIRST.astype(int), "p": P, "amount": WORTH})
    result = cm.monitor(frame, reference=frame, schema=Schema("binary", label="y", prediction="p", value="amount"))
    found = {row["metric"]: row["value"] for row in result.table.to_pylist()}
    said = P >= 0.5
    assert found["value_caught"] == pytest.approx(WORTH[said & FIRST].sum(), abs=1e-8)
    assert found["value_accuracy"] == pytest.approx(WORTH[said == FIRST].sum() / WORTH.sum(), abs=1e-10)
    assert "amount" not in result.table["feature"].to_pylist()
    plain = cm.monitor(frame, schema=Schema("binary", label="y", prediction="p")).table["metric"].to_pylist()
    assert not [one for one in plain if one.startswith("value_")]


def test_a_value_that_the_reference_does_not_know_is_summed_all_the_same() -> None:
    frame = pa.table({"y": FIRST.astype(int), "p": P, "amount": WORTH})
    before = pa.table({"y": FIRST.astype(int), "p": P, "amount": pa.nulls(N, pa.float64())})
    result = cm.monitor(frame, reference=before, schema=Schema("binary", label="y", prediction="p", value="amount"))
    found = {row["metric"]: row["value"] for row in result.table.to_pylist()}
    assert found["value_caught"] == pytest.approx(WORTH[(P >= 0.5) & FIRST].sum(), abs=N * 2.0**-16)


def test_a_configuration_may_declare_it() -> None:
    one = Ensemble(task="binary", members={"a": Member(callable="x:y")}, classes=("no", "yes"), value=True)
    assert not unserved(Config(ensembles={"e": one}))
