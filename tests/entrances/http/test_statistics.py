"""What models were asked so far, what the repository holds, and answers that are compressed."""

from __future__ import annotations

import gzip
import json
import zlib

import httpx
import pytest

from choirmaster.http.app import build_app
from choirmaster.http.settings import AccessSettings
from tests.entrances.http.kit import Browser, Fake, browser, forever, runner, services, tensor

ROWS = {"inputs": [tensor("x", [1.0, 2.0, 3.0])]}


def stats(ask, path="/v2/models/delays/stats"):
    (found,) = ask.get(path).json()["model_stats"]
    return found


def test_requests_and_rows_are_counted_of_the_ensemble_and_of_each_member():
    ask = browser(runners={"delays": runner({"a": Fake("a", 0.25), "b": Fake("b", OSError())})})
    assert stats(ask)["inference_count"] == 0
    for body, path in ((ROWS, "/v2/models/delays/infer"), ([{"x": 1}], "/api/predict/delays"),
                       (ROWS, "/v2/models/delays.a/infer"), ({"inputs": []}, "/v2/models/delays/infer")):  # fmt: skip
        ask.post(path, json=body)
    found = stats(ask)
    assert (found["inference_count"], found["execution_count"], found["name"]) == (4, 2, "delays")
    spent = found["inference_stats"]
    assert {name: one["count"] for name, one in spent.items()} == {
        "success": 2, "fail": 1, "queue": 2, "compute_input": 2, "compute_infer": 2, "compute_output": 2,
        "cache_hit": 0, "cache_miss": 0,
    }  # fmt: skip
    parts = [spent[one]["ns"] for one in ("queue", "compute_input", "compute_infer", "compute_output")]
    assert min(parts) > 0 and abs(sum(parts) - spent["success"]["ns"]) < 10
    assert [one["batch_size"] for one in found["batch_stats"]] == [1, 3]
    assert found["last_inference"] == 1_366_588_800_000
    good, bad = stats(ask, "/v2/models/delays.a/stats"), stats(ask, "/v2/models/delays.b/versions/v1/stats")
    assert (good["inference_count"], good["execution_count"]) == (7, 3)
    assert (bad["inference_count"], bad["inference_stats"]["fail"]["count"]) == (0, 2)
    assert [one["name"] for one in ask.get("/v2/models/stats").json()["model_stats"]] == [
        "delays",
        "delays.a",
        "delays.b",
    ]


def test_a_failed_request_is_a_failure():
    ask = browser(runners={"delays": runner({"a": Fake("a", OSError()), "b": Fake("b", OSError())})})
    assert ask.post("/v2/models/delays/infer", json=ROWS).status_code == 503
    assert stats(ask)["inference_stats"]["fail"]["count"] == 1


def test_the_index_says_who_cannot_be_asked():
    one = runner({"a": Fake("a", forever), "b": Fake("b", 0.5)}, members={}, deadline_seconds=0.05)
    ask = browser(runners={"delays": one})
    for _ in range(8):  # until every thread of the member hangs
        ask.post("/v2/models/delays/infer", json=ROWS)
    found = {entry["name"]: entry["state"] for entry in ask.post("/v2/repository/index", content=b"").json()}
    assert found == {"delays": "READY", "delays.a": "UNAVAILABLE", "delays.b": "READY"}
    ready = ask.post("/v2/repository/index", json={"ready": True}).json()
    assert [entry["name"] for entry in ready] == ["delays", "delays.b"]
    assert ask.post("/v2/repository/index", json={"ready": "x"}).status_code == 400


# -- compression ------------------------------------------------------------------------------------------------------

MANY = [{"x": 1.0, "c": "u"}] * 100
UNPACK = {"gzip": gzip.decompress, "deflate": zlib.decompress}


def raw(accept, rows=MANY):
    """Return headers and bytes as they are sent."""

    async def send():
        app = build_app(services(), AccessSettings())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=Browser(app).base) as client:
            client.headers.clear()
            async with client.stream("POST", "/api/predict/delays", json=rows, headers=accept) as answer:
                return answer.headers, b"".join([part async for part in answer.aiter_raw()])

    import asyncio

    return asyncio.run(send())


@pytest.mark.parametrize("coding", UNPACK)
def test_answers_are_compressed_where_the_client_takes_it(coding):
    headers, body = raw({"accept-encoding": coding, "host": "127.0.0.1"})
    assert headers["content-encoding"] == coding and headers["vary"] == "Accept-Encoding"
    assert int(headers["content-length"]) == len(body)
    whole = UNPACK[coding](body)
    assert len(json.loads(whole)["predictions"]) == 100 and len(body) < len(whole) / 5


@pytest.mark.parametrize("accept", [{}, {"accept-encoding": "identity"}, {"accept-encoding": "gzip;q=0"},
                                    {"accept-encoding": "br"}, {"accept-encoding": "gzip;q=x"}])  # fmt: skip
def test_and_not_where_it_does_not(accept):
    headers, body = raw({"host": "127.0.0.1", **accept})
    assert "content-encoding" not in headers and len(json.loads(body)["predictions"]) == 100


def test_a_short_answer_is_sent_as_it_is():
    assert "content-encoding" not in raw({"accept-encoding": "gzip", "host": "127.0.0.1"}, {"x": 1})[0]
