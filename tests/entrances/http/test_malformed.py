"""Whatever is sent, the answer is a plain refusal: never a 5xx, always the error object, nothing of the inside."""

from __future__ import annotations

import json
import os
import sys
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from choirmaster.http.routes import table
from tests.entrances.http.kit import browser

ASK = browser()
SOME = max(100, settings().max_examples)  # more in `make soak`
MANY = 2 * SOME
LEAKS = ("Traceback", "/src/", "site-packages", '.py"', "0x7f")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(["x", "c", "u", "v", "_id", "_time", "_segment.shop", "_segment.zz", "nope", ""]) | st.text(
    max_size=5
)
tensors = st.fixed_dictionaries(
    {},
    optional={
        "name": names | json_values,
        "shape": st.lists(st.integers(-2, 4), max_size=3) | json_values,
        "datatype": st.sampled_from(["FP64", "INT64", "BYTES", "BOOL", "FP16", "?"]) | json_values,
        "data": st.lists(json_values, max_size=4) | json_values,
        "parameters": json_values,
    },
)
bodies = json_values | st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=3)},
    optional={"id": json_values, "parameters": json_values, "outputs": json_values},
)
plain_bodies = json_values | st.fixed_dictionaries(
    {},
    optional={
        "rows": st.lists(st.dictionaries(names, json_values, max_size=4), max_size=3) | json_values,
        "columns": st.dictionaries(names, st.lists(json_values, max_size=3), max_size=4) | json_values,
        "ids": json_values, "times": json_values, "request_id": json_values, "timeout_ms": json_values,
        "x": json_values,
    },
)  # fmt: skip


def check(response, path):
    assert response.status_code < 500, response.text
    if response.status_code >= 400 and response.content:
        body = response.json()
        assert isinstance(body["error"], str)
        assert not path.startswith("/v2") or list(body) == ["error"]
        assert not any(leak in response.text for leak in LEAKS), response.text


def sent(value):
    return json.dumps(value).encode()


@given(st.sampled_from(["delays", "amounts", "delays.a", "amounts.b"]), bodies)
@settings(max_examples=MANY)
def test_tensors(model, body):
    path = f"/v2/models/{model}/infer"
    response = ASK.post(path, content=sent(body))
    # A timeout of a microsecond is well formed; nobody can answer in it.
    assert response.status_code in {503, 504} or check(response, path) is None


@given(st.sampled_from(["delays", "amounts"]), plain_bodies)
@settings(max_examples=MANY)
def test_records(ensemble, body):
    path = f"/api/predict/{ensemble}"
    response = ASK.post(path, content=sent(body))
    if response.status_code == 503:  # well formed rows that no member can use
        assert "quorum" in response.json()["error"]
    else:
        check(response, path)


@given(st.binary(max_size=60), st.sampled_from(["application/json", "application/vnd.apache.arrow.stream", "", "x/y"]))
@settings(max_examples=SOME)
def test_bytes(body, kind):
    for path in ("/api/predict/delays", "/v2/models/delays/infer"):
        check(ASK.post(path, content=body, headers={"Content-Type": kind}), path)


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"]


@given(st.sampled_from(METHODS), st.sampled_from(sorted({one.path for one in table()})), st.text(max_size=10))
@settings(max_examples=SOME)
def test_every_route_with_every_method(method, path, word):
    part = quote(word, safe="") or "x"
    for name in ("model", "version", "ensemble", "member", "receipt", "id:path"):
        path = path.replace(f"{{{name}}}", part)
    if path == "/metrics":
        return
    response = ASK(method, f"{path}?q={part}")
    check(response, path)


@given(st.dictionaries(st.sampled_from(["ensemble", "series", "start", "end", "limit", "zz"]), st.text(max_size=12)))
@settings(max_examples=SOME)
def test_questions(query):
    for path in ("/api/metrics", "/api/alerts"):
        check(ASK.get(path, params=query), path)


# -- G2: names that would like to be paths --------------------------------------------------------------------------

PAYLOADS = [
    "..", "../", "../../etc/passwd", "..\\..\\x", "%2e%2e%2f", "%252e%252e%252f", "..%c0%af", "/etc/passwd",
    "//etc/passwd",
    "C:\\x", "file:///etc/passwd", "junk/../../x", "\x00", "delays\x00.json", "\uff0e\uff0e\uff0f", "....//", "~root",
    "delays/../delays", "./delays", "delays/", "delays%00", "con", "\\\\host\\share", "%00", "..;/", "?", "#", "*",
    "a" * 900,
]  # fmt: skip
PLACES = [
    ("GET", "/v2/models/{}"), ("GET", "/v2/models/{}/ready"), ("GET", "/v2/models/delays/versions/{}"),
    ("POST", "/v2/models/{}/infer"), ("POST", "/api/predict/{}"), ("GET", "/api/ingest/{}"),
    ("GET", "/api/predictions/{}/x"), ("GET", "/api/predictions/delays/{}"), ("GET", "/api/metrics?ensemble={}"),
    ("POST", "/api/ingest/nope/{}"), ("GET", "/{}"),
]  # fmt: skip
OPENED: list[str] = []
WATCHING = [False]


def watch(event, args):
    if WATCHING[0] and event in {"open", "os.listdir", "os.scandir"} and isinstance(args[0], str | bytes | os.PathLike):
        OPENED.append(os.fsdecode(args[0]))


sys.addaudithook(watch)


def encoded(word: str) -> list[str]:
    """Escape dots too, or the client would tidy the path before it is sent; once, and twice."""
    once = quote(word, safe="").replace(".", "%2E")
    return [once, quote(once, safe="")]


@pytest.mark.parametrize(("method", "path"), PLACES)
def test_a_name_is_looked_up_and_never_opened(method, path):
    ASK.get("/v2")  # imports that a first request makes
    WATCHING[0] = True
    try:
        for word in PAYLOADS:
            for text in encoded(word):
                response = ASK(method, path.format(text))
                assert response.status_code < 500
                if "metrics" not in path:
                    assert response.status_code in {400, 404, 405, 414}, (path, word, response.status_code)
    finally:
        WATCHING[0] = False
    assert [one for one in OPENED if not one.endswith((".py", ".pyc", ".so"))] == []
