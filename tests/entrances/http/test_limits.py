"""Every bound of a request: a right 4xx, little memory, and the server goes on."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.http.settings import AccessSettings, Limits
from tests.entrances.http.kit import browser, tensor

SMALL = AccessSettings(limits=Limits(body_bytes=10_000, inflated_bytes=100_000, header_bytes=4_000, target_bytes=1_000))
ASK = browser(SMALL)
PLAIN, INFER, LABELS = "/api/predict/delays", "/v2/models/delays/infer", "/api/ingest/labels"
POSTS = [PLAIN, INFER, LABELS]


@pytest.mark.parametrize("path", POSTS)
def test_body(path):
    assert ASK.post(path, content=b" " * 10_001).status_code == 413


@pytest.mark.parametrize("path", POSTS)
def test_body_in_chunks_without_a_length(path):
    async def chunks():
        for _ in range(200):
            yield b" " * 100

    assert ASK.post(path, content=chunks()).status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "x", "99999999999999999999999"])
def test_content_length(length):
    assert ASK.post(PLAIN, content=b"{}", headers={"Content-Length": length}).status_code in {400, 413}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_small_body_that_grows_large(path, encoding):
    bomb = (gzip.compress if encoding == "gzip" else zlib.compress)(b" " * 5_000_000)
    assert len(bomb) < 10_000
    assert ASK.post(path, content=bomb, headers={"Content-Encoding": encoding}).status_code == 413


@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_grows_to_fill_the_memory_is_never_held(path):
    pack = zlib.compressobj(9)
    bomb = b"".join(pack.compress(bytes(1 << 23)) for _ in range(6)) + pack.flush()
    assert len(bomb) < 60_000  # and 48 MiB
    ask = browser(AccessSettings(limits=Limits(inflated_bytes=40 << 20)))
    assert ask.post(PLAIN, json={"x": 1}).status_code == 200
    tracemalloc.start()
    try:
        assert ask.post(path, content=bomb, headers={"Content-Encoding": "deflate"}).status_code == 413
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_a_large_body_that_fits_is_read():
    rows = [{"x": 1.0, "c": "u" * 1_000}] * 20_000
    body = json.dumps(rows).encode()
    assert 16 << 20 < len(body) < 64 << 20
    answer = browser().post(PLAIN, content=gzip.compress(body, 1), headers={"Content-Encoding": "gzip"})
    assert len(answer.json()["predictions"]) == 20_000


def test_a_body_in_a_chunk_for_each_byte():
    async def bytes_one_by_one():
        for one in json.dumps([{"x": 1, "c": "u"}] * 50).encode():
            yield bytes([one])

    answer = ASK.post(PLAIN, content=bytes_one_by_one(), headers={"Content-Type": "application/json"})
    assert len(answer.json()["predictions"]) == 50


WHOLE = gzip.compress(json.dumps([{"x": 1}] * 200).encode())


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=3), st.integers(1, len(WHOLE)),
       st.sampled_from(["gzip", "deflate", "x-gzip", "gzip, gzip", "GZIP ", "zstd"]))  # fmt: skip
def test_broken_compression_of_any_kind(changes, length, encoding):
    body = bytearray(WHOLE)
    for place, value in changes:
        body[place] = value
    answer = ASK.post(PLAIN, content=bytes(body[:length]), headers={"Content-Encoding": encoding})
    assert answer.status_code in {200, 400, 413, 415}, answer.text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"no gzip", id="not gzip"),
        pytest.param(gzip.compress(b"{}" * 50)[:-9], id="cut short"),
        pytest.param(gzip.compress(b"{}") + b"rest", id="more after it"),
    ],
)
def test_broken_compression(body):
    assert ASK.post(PLAIN, content=body, headers={"Content-Encoding": "gzip"}).status_code == 400


def test_compression_that_is_fine():
    for made, encoding in ((gzip.compress, "gzip"), (zlib.compress, "deflate"), (bytes, "identity")):
        body = made(json.dumps({"x": 1}).encode())
        assert ASK.post(PLAIN, content=body, headers={"Content-Encoding": encoding}).status_code == 200
    two = gzip.compress(b'{"x":') + gzip.compress(b"1}")
    assert ASK.post(PLAIN, content=two, headers={"Content-Encoding": "gzip"}).status_code == 200
    assert ASK.post(PLAIN, content=b"{}", headers={"Content-Encoding": "br"}).status_code == 415


def test_headers_and_address():
    assert ASK.get("/v2", headers={"X-Long": "y" * 5_000}).status_code == 431
    assert ASK.get("/v2", headers=[(f"x-{n}", "1") for n in range(150)]).status_code == 431
    assert ASK.get("/v2?" + "y" * 2_000).status_code == 414


@pytest.mark.parametrize("path", [PLAIN, INFER])
@pytest.mark.parametrize("opening", ["[", '{"a":', '{"inputs":[{"name":"x","data":[['])
def test_depth(path, opening):
    deep = browser().post(path, content=(opening * 10_000).encode())
    assert deep.status_code == 400
    closed = browser().post(path, content=("[" * 5_000 + "]" * 5_000).encode())
    assert closed.status_code == 400


def test_a_million_keys():
    body = ("{" + ",".join(f'"k{n}":0' for n in range(1_000_000)) + "}").encode()
    assert browser().post(PLAIN, content=body).status_code == 400
    assert browser().post(INFER, content=body).status_code == 400


@pytest.mark.parametrize("body", [
    b"", b"{", b'{"x":NaN}', b'{"x":Infinity}', b"\xff\xfe", b'{"x":"\xed\xa0\x80"}', b"\x00", b"null", b'"x"',
    b"1e999",
    b'{"x":1}{"x":2}', b"[" * 3, b'{"x":9223372036854775808000000000000000000000000000e400}', b'{"x":"\\ud800"}',
])  # fmt: skip
def test_what_is_no_json_or_no_row(body):
    for path in (PLAIN, INFER):
        response = ASK.post(path, content=body)
        assert response.status_code == 400, (path, response.text)
        assert response.json()["error"]


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**300])
def test_large_whole_numbers_are_numbers(number):
    body = json.dumps({"inputs": [tensor("x", [number])]}).encode()
    assert ASK.post(INFER, content=body).status_code in {200, 400}
    assert ASK.post(PLAIN, content=json.dumps({"x": number}).encode()).status_code in {200, 400}


def test_too_many_rows():
    from tests.entrances.http.kit import runner

    ask = browser(runners={"delays": runner(max_rows=3)})
    for path, body in (
        (PLAIN, [{"x": 1}] * 4), (PLAIN, {"columns": {"x": [1] * 4}}), (INFER, {"inputs": [tensor("x", [1] * 4)]})
    ):  # fmt: skip
        assert ask.post(path, json=body).status_code == 413


@pytest.mark.parametrize(
    "body", [b"", b"ARROW1", b"ARROW1\x00\x00" + b"\xff" * 200, b"\xff\xff\xff\xff\x10\x00\x00\x00", b"x" * 99]
)
def test_broken_arrow(body):
    headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
    assert ASK.post(PLAIN, content=body, headers=headers).status_code == 400
