"""Plain records in, one honest line per row out."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.http.bodies import ARROW_TYPES
from tests.entrances.http.kit import Fake, browser, runner

ASK = browser()
PATH = "/api/predict/delays"
LINE = {
    "id": "made/0", "prediction": "no", "probability": {"no": 0.5, "yes": 0.5}, "present": ["a", "b"], "missing": {},
    "degraded": False, "recorded": "queued",
}  # fmt: skip


def test_one_record():
    assert ASK.post(PATH, json={"x": 1, "c": "u"}).json() == LINE


@pytest.mark.parametrize("body", [
    [{"x": 1, "c": "u"}], {"rows": [{"x": 1, "c": "u"}]}, {"columns": {"x": [1], "c": ["u"]}},
])  # fmt: skip
def test_rows_a_list_and_columns_say_the_same(body):
    answer = ASK.post(PATH, json=body).json()
    assert answer.pop("version")
    assert answer == {"ensemble": "delays", "weight_version": "equal", "degraded": False, "recorded": "queued",
                      "ignored": [], "predictions": [LINE]}  # fmt: skip


@pytest.mark.parametrize("kind", ARROW_TYPES)
def test_arrow(kind):
    table = pa.table({"x": [1.0, None], "c": ["u", "v"], "id": ["i", "j"], "time": pa.array([1, 2], pa.timestamp("s"))})
    sink = io.BytesIO()
    opened = pa.ipc.new_file if kind.endswith("file") else pa.ipc.new_stream
    with opened(sink, table.schema) as writer:
        writer.write_table(table)
    kept = []
    ask = browser(runners={"delays": runner(kept=kept)})
    response = ask.post(PATH, content=sink.getvalue(), headers={"Content-Type": kind})
    assert [one["id"] for one in response.json()["predictions"]] == ["i", "j"]
    assert kept[0].rows["time"].cast("int64").to_pylist() == [1_000_000, 2_000_000]


def test_ids_times_tags_and_unknown_fields():
    kept = []
    ask = browser(runners={"delays": runner(kept=kept)})
    rows = [{"x": 1, "_id": "i", "_time": "1970-01-01T00:00:01Z", "shop": "s", "label": "no"}, {"x": 2, "shop": None}]
    answer = ask.post(PATH, json={"rows": rows, "request_id": "r"}).json()
    assert [one["id"] for one in answer["predictions"]] == ["i", "r/1"] and answer["ignored"] == ["label"]
    assert kept[0].rows["tag.shop"].to_pylist() == ["s", None]
    answer = ask.post(PATH, json={"rows": rows, "ids": ["k", "l"], "times": [5, None]}).json()
    assert [one["id"] for one in answer["predictions"]] == ["k", "l"]
    assert kept[1].rows["time"].cast("int64").to_pylist()[0] == 5


def test_each_row_says_who_was_present_in_it():
    def half(table):
        out = np.full((table.num_rows, 2), 0.5)
        out[1] = np.nan
        return out

    ask = browser(runners={"delays": runner({"a": Fake("a", 0.25), "b": Fake("b", half)}, quorum=2)})
    answer = ask.post(PATH, json=[{"x": 1}, {"x": 2}]).json()
    first, second = answer["predictions"]
    assert (first["missing"], first["degraded"], first["prediction"]) == ({}, False, "no")
    assert second == {"id": "made/1", "prediction": None, "probability": None, "present": ["a"],
                      "missing": {"b": "invalid"}, "degraded": True, "recorded": "queued"}  # fmt: skip


def test_a_regression():
    assert ASK.post("/api/predict/amounts", json={"u": 1, "v": 2}).json()["prediction"] == 3.0
    assert ASK.post("/api/predict/amounts", json={"u": 1, "v": 2}).json()["probability"] is None


@pytest.mark.parametrize(("body", "status", "words"), [
    ({"x": "bad"}, 400, "row 0"),
    ([{"x": 1}, 7], 400, "row 1"),
    (3, 400, "cannot read the rows"),
    ({"zz": 1}, 400, "no field is a feature"),
    ({"rows": [{"x": 1}], "ids": ["a", "b"]}, 400, "one entry a row"),
    ({"rows": [{"x": 1}], "ids": 3}, 400, "one entry a row"),
    ({"rows": [{"x": 1}], "timeout_ms": -1}, 400, "timeout_ms"),
    ({"rows": [{"x": 1}], "request_id": {}}, 400, "_id"),
    ({"columns": {"x": [1], "c": []}}, 400, "differ in length"),
    ({"columns": {"x": 1}}, 400, "must be a list"),
    ({"columns": {}}, 400, "differ in length"),
    ({"x": 1, "_time": "noon"}, 400, "ISO 8601"),
])  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(body, status, words):
    response = ASK.post(PATH, json=body)
    assert response.status_code == status and words in response.json()["error"], response.text
    assert response.json()["code"]


def test_an_unknown_ensemble_is_named_with_the_nearest():
    response = ASK.post("/api/predict/delay", json={"x": 1})
    assert response.status_code == 404 and 'did you mean "delays"' in response.json()["error"]


def test_no_rows_no_answers():
    assert ASK.post(PATH, json=[]).json()["predictions"] == []


def test_an_unknown_content_type_is_415():
    assert ASK.post(PATH, content=b"x", headers={"Content-Type": "text/csv"}).status_code == 415


def test_overload_is_refused_at_once():
    from choirmaster.http.settings import AccessSettings, Limits

    ask = browser(AccessSettings(limits=Limits(in_flight=0)))
    for path in (PATH, "/v2/models/delays/infer", "/api/ingest/labels"):
        response = ask.post(path, json={"x": 1})
        assert response.status_code == 503 and response.headers["retry-after"] == "1"
    assert ask.get("/v2/health/live").status_code == 200
