"""Bytes that are almost HTTP: each is answered with the error object or hung up on, and the server goes on."""

from __future__ import annotations

import json
import os
import random
import socket

import httpx
import pytest

from choirmaster.http.app import build_app
from choirmaster.http.settings import AccessSettings, Limits
from tests.entrances.http.kit import served, services

MANY = 5_000 if os.environ.get("CHOIRMASTER_SOAK") == "1" else 600
SETTINGS = AccessSettings(listen="127.0.0.1:0", limits=Limits(body_bytes=50_000, head_seconds=2.0, body_seconds=2.0))
BODY = json.dumps({"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [1.5]}]}).encode()
HEAD = b"POST /v2/models/delays/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
WHOLE = HEAD + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
PIECES = [b"\r\n", b"\n", b":", b" ", b"\x00", b"\xff", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
          b"Inference-Header-Content-Length: 3\r\n", b"Content-Encoding: gzip\r\n", b"HTTP/1.1", b"-1", b"ffffffffffff",
          b"Expect: 100-continue\r\n", b"Host: b\r\n", b"Content-Length: 99999999999999999999\r\n"]  # fmt: skip


@pytest.fixture(scope="module")
def port():
    with served(build_app(services(), SETTINGS), SETTINGS) as (_, url):
        yield int(url.rpartition(":")[2])


def mutated(dice: random.Random) -> bytes:
    """Return a request with a few bytes changed, taken out, repeated, or put in."""
    data = bytearray(dice.choice([WHOLE, CHUNKED]))
    for _ in range(dice.randint(1, 3)):
        at, length = dice.randrange(len(data)), dice.randint(1, 12)
        match dice.randrange(4):
            case 0:
                data[at] = dice.randrange(256)
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length]
            case _:
                data[at:at] = dice.choice(PIECES)
        if not data:
            return b"\r\n"
    return bytes(data)


def ask(port: int, data: bytes) -> bytes:
    """Send bytes, say that no more come, and return all that is answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        answer = b""
        try:
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
            while piece := link.recv(1 << 16):
                answer += piece
        except ConnectionError:
            pass
        return answer


def check(answer: bytes, data: bytes) -> None:
    if not answer:
        return  # hung up on
    head, _, body = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert 200 <= status < 500, (data, answer)
    if status >= 400 and body and b"application/json" in head.lower():
        assert isinstance(json.loads(body.split(b"HTTP/1.1 ")[0])["error"], str)
    assert b"Traceback" not in answer and b"site-packages" not in answer


def test_almost_requests(port):
    dice = random.Random(20131231)
    for _ in range(MANY):
        data = mutated(dice)
        check(ask(port, data), data)
    assert httpx.get(f"http://127.0.0.1:{port}/v2/health/live", trust_env=False).status_code == 200


@pytest.mark.parametrize("data", [
    b"", b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01", b"GET / HTTP/9.9\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde", HEAD + b"Content-Length: +5\r\n\r\nabcde",
    HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n1\r\na\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\na", HEAD + b"Transfer-Encoding: gzip\r\n\r\nabc",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1;" + b"x" * 20_000 + b"\r\na\r\n0\r\n\r\n",
    HEAD + b"X: " + b"y" * 100_000 + b"\r\n\r\n", HEAD + b"Content-Length: 10\r\n\r\nabc",
    HEAD + b"Inference-Header-Content-Length: 99\r\nContent-Length: 2\r\n\r\n{}",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 60_000 + b"0\r\n\r\n",
])  # fmt: skip
def test_framing_that_lies(port, data):
    answer = ask(port, data)
    check(answer, data)
    assert not answer or not answer.startswith(b"HTTP/1.1 2") or b"live" in answer
