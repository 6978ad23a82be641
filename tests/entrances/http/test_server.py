"""A real server on a random loopback port: it starts fast, answers many at once, and ends in order."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from choirmaster.client import Client
from choirmaster.errors import AccessError, ConfigError, Forbidden, NotFound, RequestError
from choirmaster.http.app import build_app
from choirmaster.http.server import bind
from choirmaster.http.settings import AccessSettings, Limits
from choirmaster.http.tokens import new_token
from tests.entrances.http.kit import FakeIngest, served, services

ROOT = Path(__file__).parents[3]
FREE = AccessSettings(listen="127.0.0.1:0")


def test_a_client_and_the_server_over_a_socket():
    ingest = FakeIngest()
    with served(build_app(services(ingest=ingest), FREE), FREE) as (_, url), Client(url) as client:
        first, second = client.predict("delays", [{"x": 1.0, "c": "u"}, {"x": float("nan")}])
        assert first["prediction"] == "no" and first["probability"] == {"no": 0.5, "yes": 0.5}
        assert first["id"].endswith("/0") and second["id"].endswith("/1")
        assert client.predict("delays", {"x": 1}, ids=["i"])[0]["id"] == "i"
        assert client.log_labels("delays", [{"id": "i", "value": "no"}])["accepted"] == 1
        assert client.log_predictions("delays", [{"id": "i"}, {"id": "j"}])["receipt"] == "j:1"
        assert client.receipt("j:1")["accepted"] == 1
        assert client.metrics("delays", series="fused")[0]["metric"] == "brier"
        assert client.alerts()[0]["ensemble"] == "delays"
        assert [one[1] for one in ingest.taken] == [b'{"id": "i", "value": "no"}', b'{"id": "i"}\n{"id": "j"}']
        with pytest.raises(NotFound, match="unknown ensemble"):
            client.predict("nope", [{"x": 1}])
        with pytest.raises(RequestError, match="row 0"):
            client.predict("delays", [{"x": "bad"}])


def test_frames_are_rows():
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    data = {"u": [1.0, 2.0], "v": [1.0, 3.0]}
    with served(build_app(services(), FREE), FREE) as (_, url), Client(url) as client:
        for frame in (pd.DataFrame(data), pl.DataFrame(data), pa.table(data)):
            assert [one["prediction"] for one in client.predict("amounts", frame)] == [2.0, 5.0]


def test_tokens_over_a_socket():
    secret, token = new_token("reader", ["read"])
    settings = AccessSettings(listen="127.0.0.1:0", tokens=(token,))
    running = served(build_app(services(), settings), settings)
    with running as (_, url), Client(url, secret) as known, Client(url) as unknown:
        assert known.metrics()
        with pytest.raises(AccessError):
            unknown.metrics()
        with pytest.raises(Forbidden):
            known.predict("delays", {"x": 1})
        assert secret not in repr(known)


def test_many_at_once():
    wrong = []

    def ask(url):
        with Client(url, tries=1) as client:
            for _ in range(20):
                if client.predict("delays", {"x": 1})[0]["prediction"] != "no":
                    wrong.append(1)

    with served(build_app(services(), FREE), FREE) as (_, url):
        threads = [threading.Thread(target=ask, args=(url,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def dial(url):
    return socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10)


JUNK = [
    (b"\x00" * 100, 400),
    (b"GET\r\n\r\n", 400),
    (b"POST /v2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nA: " + b"b" * 100_000, 431),
    (b"GET /" + b"a" * 100_000, 431),
    (b"GET / HTTP/1.1\r\nHost: loc", 408),
    (b"", 408),
]


def test_bytes_that_are_no_http_or_never_end_are_refused_as_json_and_the_server_goes_on():
    quick = AccessSettings(listen="127.0.0.1:0", limits=Limits(head_seconds=0.5))
    with served(build_app(services(), quick), quick) as (_, url):
        for junk, status in JUNK:
            with dial(url) as wire:
                wire.sendall(junk)
                answer = b""
                try:
                    while part := wire.recv(65536):
                        answer += part
                except ConnectionResetError:  # it closed while we were still sending
                    pass
            assert answer.startswith(f"HTTP/1.1 {status} ".encode()), (junk[:20], answer)
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
        assert httpx.get(f"{url}/v2/health/live", trust_env=False).status_code == 200


def test_a_body_that_never_comes_is_408():
    quick = AccessSettings(listen="127.0.0.1:0", limits=Limits(body_seconds=0.3))
    with served(build_app(services(), quick), quick) as (_, url), dial(url) as wire:
        wire.sendall(b"POST /api/predict/delays HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        assert wire.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_a_busy_port_is_a_plain_error():
    with bind(FREE) as first:
        first.listen()
        with pytest.raises(ConfigError, match="cannot listen"):
            bind(AccessSettings(listen=f"127.0.0.1:{first.getsockname()[1]}"))


PROGRAM = """
import os, sys, time
sys.path.insert(0, {root!r})
from choirmaster.http.app import build_app
from choirmaster.http.server import bind, run
from choirmaster.http.settings import AccessSettings
from choirmaster.http.table import Services
build_app(Services({{}}, time), AccessSettings())
heavy = [name for name in ("sklearn", "scipy", "numba", "pandas", "sqlalchemy", "deltalake") if name in sys.modules]
seconds = time.process_time()
from tests.entrances.http.kit import Fake, runner, services  # which loads more than a server does
import numpy as np

def slow(table):
    os.write(1, b"asked\\n")  # in one piece, from several threads
    time.sleep(1.0)
    return np.full((table.num_rows, 2), 0.5)

settings = AccessSettings(listen="127.0.0.1:0")
one = runner({{"a": Fake("a", slow), "b": Fake("b", 0.5)}}, deadline_seconds=20.0)
app = build_app(services(runners={{"delays": one}}, on_close=[lambda: print("flushed", flush=True)]), settings)
listener = bind(settings)
print(listener.getsockname()[1], seconds, ",".join(heavy) or "-", flush=True)
run(app, settings, listener)
print("ended", flush=True)
"""


@pytest.fixture
def request_started():
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(root=str(ROOT))], stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip
    with process:
        port, seconds, heavy = process.stdout.readline().split()
        yield process, f"http://127.0.0.1:{port}", float(seconds), heavy
        process.kill()


def test_sigterm_finishes_what_is_in_flight_flushes_and_ends_in_time(request_started):
    process, url, seconds, heavy = request_started
    assert heavy == "-", "the web process starts without the heavy libraries"
    assert seconds < 2, f"took {seconds} s of processor time; under 1 s on a machine of its own"
    answers = []

    def ask():
        answers.append(httpx.post(f"{url}/api/predict/delays", json={"x": 1}, timeout=30).json()["prediction"])

    assert httpx.get(f"{url}/v2/health/ready", timeout=20).status_code == 200
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert [process.stdout.readline() for _ in threads] == ["asked\n"] * 4
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=15)
    for thread in threads:
        thread.join()
    assert answers == ["no"] * 4 and out.split() == ["flushed", "ended"]
    assert time.monotonic() - start < 10 and process.returncode == 0


def test_while_draining_it_is_not_ready_and_takes_no_events():
    from tests.entrances.http.kit import Browser

    made = services()
    ask = Browser(build_app(made, AccessSettings()))
    assert ask.get("/v2/health/ready").status_code == 200
    made.draining = True
    assert ask.get("/v2/health/ready").status_code == 503 and ask.get("/v2/health/live").status_code == 200
    assert ask.get("/v2/models/delays/ready").status_code == 503
    assert ask.post("/api/ingest/labels", content=b"{}").status_code == 503
