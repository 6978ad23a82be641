"""From a request to the store and back: the real journal, recorder, ingest and embedded store behind the routes."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from choirmaster.http.app import build_app
from choirmaster.http.settings import AccessSettings
from choirmaster.record.drainer import Drainer
from choirmaster.record.queue import AsyncRecorder, DurableRecorder
from choirmaster.record.service import IngestService
from choirmaster.serve.runner import EnsembleRunner
from choirmaster.stores.journal import Journal
from choirmaster.stores.journal_file import JournalFolder
from choirmaster.stores.lake.store import EmbeddedStore
from tests.entrances.http.kit import LAYOUT, Browser, Clock, Fake, runner, services


@pytest.fixture(params=["queued", "durable"])
def site(request, tmp_path):
    clock, plain = Clock(), runner({"a": Fake("a", 0.25), "b": Fake("b", RuntimeError())})
    store, folder = EmbeddedStore(tmp_path / "store"), tmp_path / "journal"
    store.open_ensemble("delays", LAYOUT)
    journal = Journal(folder, "w1", now=clock.now)
    files = JournalFolder(folder)
    drainer = Drainer(store, files, clock, "me")
    recorder = AsyncRecorder(journal) if request.param == "queued" else DurableRecorder(journal)
    one = EnsembleRunner(plain.settings, plain.members, clock, record=recorder)
    ingest = IngestService(journal, store, {"delays": LAYOUT})
    ask = Browser(build_app(services(runners={"delays": one}, ingest=ingest), AccessSettings()))

    def drain():
        if request.param == "queued":
            assert recorder.flush()
        drainer.drain()

    yield ask, store, drain, request.param
    recorder.close()
    one.close()
    drainer.stop()
    journal.close()
    files.close()
    store.close()


def test_a_prediction_and_its_label(site):
    ask, store, drain, state = site
    row = {"x": 1.5, "c": "u", "shop": "north", "_id": "f1", "_time": "2013-04-22T00:00:00Z"}
    answer = ask.post("/api/predict/delays", json=[row, row | {"_id": "f2"}]).json()
    assert answer["recorded"] == state and answer["predictions"][0]["missing"] == {"b": "failed"}
    labels = "\n".join(json.dumps({"id": one, "value": "yes"}) for one in ("f1", "nobody")) + "\nnot json\n"
    kept = ask.post("/api/ingest/labels?ensemble=delays", content=labels.encode()).json()
    assert (kept["accepted"], kept["refused"]) == (2, 1) and kept["rows"][0]["row"] == 3
    assert ask.get(f"/api/ingest/{kept['receipt']}").json()["state"] == "queued"
    drain()
    final = ask.get(f"/api/ingest/{kept['receipt']}").json()
    assert final["state"] == "stored"
    rows = {one["id"]: one for one in store.rows("delays").to_pylist()}
    assert rows["f1"]["label"] == "yes" and rows["f2"]["label"] is None
    assert (rows["f1"]["y.p.yes"], rows["f1"]["m.b.status"], rows["f1"]["tag.shop"]) == (0.25, "failed", "north")
    assert [rows[one]["call"] for one in ("f1", "f2")] == [1, 0]


def test_the_same_request_twice_is_kept_once(site):
    ask, store, drain, _ = site
    for _ in range(3):
        assert ask.post("/api/predict/delays", json={"x": 1.5, "_id": "f1"}).status_code == 200
    drain()
    assert store.rows("delays").num_rows == 1


def test_predictions_made_elsewhere_as_lines_and_as_arrow(site):
    ask, store, drain, _ = site
    line = {"id": "e1", "time": "2013-04-22T00:00:00Z", "features": {"x": 1, "c": "u"}, "members": {"a": 0.5, "b": 0.7},
            "fused": 0.6}  # fmt: skip
    assert ask.post("/api/ingest/predictions/delays", content=json.dumps(line).encode()).json()["accepted"] == 1
    table = pa.table({"id": ["e2"], "time": pa.array([0], LAYOUT.arrow().field("time").type), "m.a.p.yes": [0.5]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
    response = ask.post("/api/ingest/predictions/delays", content=sink.getvalue().to_pybytes(), headers=headers)
    assert response.json()["accepted"] == 1, response.text
    drain()
    rows = {one["id"]: one for one in store.rows("delays").to_pylist()}
    assert rows["e1"]["y.p.yes"] == 0.6 and rows["e2"]["m.b.status"] == "absent"


def test_an_unknown_ensemble_and_a_broken_body_are_refused_whole(site):
    ask, _, _, _ = site
    assert ask.post("/api/ingest/labels/nope", content=b"{}").status_code == 404
    headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
    assert ask.post("/api/ingest/labels/delays", content=b"junk", headers=headers).status_code == 400
    kept = ask.post("/api/ingest/labels/delays", content=b"\xff\n[]\n{}\n").json()
    assert kept["accepted"] == 0 and kept["refused"] == 3
