"""The clients: the same requests from both, tries that repeat nothing, and errors that say what the server said."""

from __future__ import annotations

import asyncio
import io
import json

import httpx
import pyarrow as pa
import pytest

from choirmaster.client import AsyncClient, Client, trying
from choirmaster.client.rows import frame, identified, records
from choirmaster.errors import (
    AccessError,
    ConfigError,
    DeadlineExceeded,
    Forbidden,
    NotFound,
    RequestError,
    ShapeMismatch,
    TooLarge,
    Unavailable,
)
from choirmaster.http.app import build_app
from choirmaster.http.settings import AccessSettings
from tests.entrances.http.kit import FakeIngest, runner, served, services

FREE = AccessSettings(listen="127.0.0.1:0")
WHERE = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _no_chance(monkeypatch):
    monkeypatch.setattr(trying.random, "random", lambda: 1.0)


class Script(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers as told and keeps what was asked: (status, JSON, headers), or an error to raise."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def handle_request(self, request):
        self.asked.append((request.method, request.url.raw_path, request.headers.get("authorization"), request.read()))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer if isinstance(answer, tuple) else (answer, {"error": "words"}, {})
        return httpx.Response(status, json=body, headers=headers)

    async def handle_async_request(self, request):
        return self.handle_request(request)


FINE = (200, {"predictions": [{"id": "i"}]}, {})
BUSY = (503, {"error": "later"}, {"Retry-After": "2"})


def ask_both(script, call, **options):
    """Ask with the blocking client and the asynchronous one; both must do the same. Returns (result, pauses, asked)."""
    found = []
    for kind in (Client, AsyncClient):
        one, waits = script(), []
        if kind is Client:
            client = Client(WHERE, transport=one, sleep=waits.append, **options)
            found.append((_result(lambda client=client: call(client)), waits, one.asked))
        else:

            async def sleep(seconds, waits=waits):
                waits.append(seconds)

            async def run(one=one, sleep=sleep):
                async with AsyncClient(WHERE, transport=one, sleep=sleep, **options) as client:
                    return await call(client)

            found.append((_result(lambda run=run: asyncio.run(run())), waits, one.asked))
    (first, waits, asked), (second, other_waits, other_asked) = found
    assert (type(first), str(first)) == (type(second), str(second)) and waits == other_waits
    assert [one[:3] for one in asked] == [one[:3] for one in other_asked]
    return first, waits, asked


def _result(work):
    try:
        return work()
    except Exception as error:
        return error


def test_it_tries_again_with_the_same_bytes_and_waits_as_long_as_it_is_told():
    def script():
        return Script(httpx.ConnectError("refused"), BUSY, httpx.ReadTimeout("slow"), FINE)

    found, waits, asked = ask_both(script, lambda client: client.predict("delays", {"x": 1}))
    assert found == [{"id": "i"}] and waits == [0.1, 2.0, 0.4]
    assert len({one[3] for one in asked}) == 1 and b"request_id" in asked[0][3]


def test_it_gives_up_and_says_what_was_last():
    found, waits, _ = ask_both(lambda: Script(503, 503, 503), lambda client: client.metrics(), tries=3)
    assert isinstance(found, Unavailable) and "status 503: words" in str(found) and "tried 3 times" in str(found)
    assert waits == [0.1, 0.2]


def test_it_does_not_wait_for_longer_than_anybody_would():
    found, waits, _ = ask_both(lambda: Script((429, {"error": "no"}, {"Retry-After": "60"})), lambda c: c.alerts())
    assert isinstance(found, Unavailable) and waits == []


@pytest.mark.parametrize(("status", "kind"), [
    (400, RequestError), (401, AccessError), (403, Forbidden), (404, NotFound), (413, TooLarge), (500, Unavailable),
])  # fmt: skip
def test_a_refusal_is_not_tried_again(status, kind):
    parts = {"error": "x", "what": "no such thing", "where": "row 3", "expected": "this", "got": "that"}
    found, _, asked = ask_both(lambda: Script((status, parts, {})), lambda client: client.alerts())
    assert type(found) is kind and len(asked) == 1
    assert str(found) == "no such thing, row 3: expected this, got that"


def test_a_late_ensemble_is_asked_again():
    late = (504, {"error": "late"}, {})
    found, _, asked = ask_both(lambda: Script(late, FINE), lambda client: client.predict("delays", {"x": 1}))
    assert found == [{"id": "i"}] and len(asked) == 2
    assert issubclass(DeadlineExceeded, Unavailable)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b'{"error": 3}'])
def test_what_is_no_answer_of_ours_is_an_error_as_well(body):
    transport = httpx.MockTransport(lambda request: httpx.Response(400, content=body))
    with pytest.raises(RequestError, match="status 400"):
        Client(WHERE, transport=transport).alerts()


def test_the_token_is_sent_and_never_shown():
    script = Script((200, [], {}))
    client = Client(WHERE, "secret", transport=script)
    client.alerts("a b")
    assert script.asked[0][:3] == ("GET", b"/api/alerts?ensemble=a+b", "Bearer secret")
    assert "secret" not in repr(client)


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://x", "http://", "http://me:word@127.0.0.1:8080"])
def test_an_address_that_is_none(url):
    with pytest.raises(ConfigError) as caught:
        Client(url)
    assert "word" not in str(caught.value)


# -- rows -------------------------------------------------------------------------------------------------------------


def test_many_rows_are_several_requests_in_order(monkeypatch):
    from choirmaster.client import asks

    sent = list(asks.predictions("d", [{"x": n} for n in range(5)], list("abcde"), explain=False, size=2))
    bodies = [json.loads(one.options["content"]) for one in sent]
    assert [one["ids"] for one in bodies] == [["a", "b"], ["c", "d"], ["e"]]
    assert len({one["request_id"] for one in bodies}) == 3
    tables = [pa.ipc.open_stream(one.options["content"]).read_all() for one in
              asks.predictions("d", pa.table({"x": range(5)}), None, explain=True, size=2)]  # fmt: skip
    names = [name for table in tables for name in table["_id"].to_pylist()]
    assert [table.num_rows for table in tables] == [2, 2, 1] and len(set(names)) == 5


def test_ids_of_a_frame_are_its_own_or_made_once():
    table = pa.table({"id": ["a", None], "x": [1, 2]})
    assert identified(table, None, "h")["_id"].to_pylist() == ["a", "h/1"]
    assert identified(table, ["p", "q"], "h")["_id"].to_pylist() == ["p", "q"]
    assert identified(pa.table({"_id": [7, 8]}), None, "h")["_id"].to_pylist() == ["7", "8"]
    with pytest.raises(ShapeMismatch):
        identified(table, ["p"], "h")


def test_frames_that_arrow_does_not_take_are_sent_as_records():
    import pandas as pd

    mixed = pd.DataFrame({"x": [1, "two"]})
    assert frame(mixed) is None and records(mixed) == [{"x": 1}, {"x": "two"}]
    assert frame({"x": 1}) is None and frame([{"x": 1}]) is None


@pytest.mark.parametrize("rows", [3, "abc", b"abc", [1], None])
def test_what_is_no_rows(rows):
    with pytest.raises(RequestError):
        records(rows)


# -- against the server -----------------------------------------------------------------------------------------------


def test_both_clients_and_the_server():
    ingest = FakeIngest()
    data = {"u": [1.0, 2.0], "v": [1.0, 3.0]}

    async def ask(url):
        async with AsyncClient(url) as client:
            assert await client.ready() and (await client.metadata("amounts"))["name"] == "amounts"
            labels = await client.log_labels("amounts", [{"id": "i", "value": 1.0}])
            assert labels["accepted"] == 1 and labels["receipts"] == ["j:1"]
            return await client.predict("amounts", pa.table(data))

    with served(build_app(services(ingest=ingest), FREE), FREE) as (_, url), Client(url) as client:
        assert client.ready() and client.ensembles() and client.show("delays", "r/0") == {"id": "r/0"}
        here, there = client.predict("amounts", pa.table(data), ids=["a", "b"]), asyncio.run(ask(url))
        assert [one["prediction"] for one in here] == [one["prediction"] for one in there] == [2.0, 5.0]
        assert [one["id"] for one in here] == ["a", "b"]
        with pytest.raises(NotFound, match="unknown prediction"):
            client.show("delays", "nobody")
        with pytest.raises(RequestError, match='wrong type in input "u", row 0: expected a number, got text'):
            client.predict("amounts", {"u": "bad"})
    with Client(url) as client:
        assert not client.ready()


def test_a_row_that_came_twice_is_one_prediction_for_whoever_keeps_it():
    kept = []

    class Cut(httpx.HTTPTransport):
        """Loses the first answer after the server has given it."""

        lost = False

        def handle_request(self, request):
            answer = super().handle_request(request)
            if not self.lost and request.method == "POST":
                self.lost = True
                answer.read()
                raise httpx.ReadError("cut")
            return answer

    app = build_app(services(runners={"delays": runner(kept=kept)}), FREE)
    with served(app, FREE) as (_, url), Client(url, transport=Cut(), sleep=lambda _: None) as client:
        (found,) = client.predict("delays", {"x": 1})
    ids = [one.rows["id"].to_pylist() for one in kept]
    assert ids == [[found["id"]], [found["id"]]]


def test_a_batch_as_arrow_says_the_same_as_records():
    rows = [{"x": 1.5, "c": "u", "_id": "a"}, {"x": None, "c": None, "_id": "b"}]
    sink = io.BytesIO()
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    with served(build_app(services(), FREE), FREE) as (_, url), Client(url) as client:
        assert client.predict("delays", rows) == client.predict("delays", table)
