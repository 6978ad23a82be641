"""Open Inference Protocol V2: recorded pairs, written by hand from the specification (tests/golden/oip)."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from choirmaster.http import oip
from choirmaster.layout import Layout, SeriesSpec, Task
from tests.entrances.http.kit import LAYOUT, Fake, browser, runner, tensor

TRANSCRIPTS = json.loads((Path(__file__).parents[2] / "golden" / "oip" / "transcripts.json").read_text())
ASK = browser()


def same(expected, got):
    if isinstance(expected, dict):
        return expected.keys() == got.keys() and all(same(one, got[key]) for key, one in expected.items())
    if isinstance(expected, list):
        return len(expected) == len(got) and all(same(one, other) for one, other in zip(expected, got, strict=True))
    return expected == "*" or expected == got


@pytest.mark.parametrize("pair", TRANSCRIPTS, ids=lambda pair: pair["name"])
def test_golden(pair):
    method, path, *body = pair["request"]
    response = ASK(method, path, json=body[0]) if body else ASK(method, path)
    assert response.status_code == pair["status"], response.text
    assert response.headers["content-type"] == "application/json"
    if not isinstance(pair["body"], str):
        assert same(pair["body"], response.json()), response.text
    else:
        assert list(response.json()) == ["error"] and pair["body"] in response.json()["error"], response.text


def test_every_answer_is_strict_json():
    nan = runner({"a": Fake("a", 0.5), "b": Fake("b", lambda t: np.full((t.num_rows, 2), np.nan))})
    ask = browser(runners={"delays": nan})
    wanted = [{"name": "member.b.predict_proba"}]
    response = ask.post("/v2/models/delays/infer", json={"inputs": [tensor("x", [1.0])], "outputs": wanted})

    def refuse(word):
        raise AssertionError(word)

    assert json.loads(response.text, parse_constant=refuse)["outputs"][0]["data"] == [None, None]


def test_below_quorum_is_503_with_an_error_and_a_time_to_wait():
    ask = browser(runners={"delays": runner({"a": Fake("a", OSError("/secret/path")), "b": Fake("b", OSError())})})
    response = ask.post("/v2/models/delays/infer", json={"inputs": [tensor("x", [1.0])]})
    assert response.status_code == 503 and response.headers["retry-after"] == "1"
    assert list(response.json()) == ["error"] and "secret" not in response.text


def test_a_late_member_alone_is_504():
    import threading

    gate = threading.Event()
    slow = runner({"a": Fake("a", lambda t: gate.wait(3)), "b": Fake("b", 0.5)})
    body = {"inputs": [tensor("x", [1.0])], "parameters": {"timeout": 50_000}}
    assert browser(runners={"delays": slow}).post("/v2/models/delays.a/infer", json=body).status_code == 504
    gate.set()


@pytest.mark.parametrize("timeout", [0, -1, "1", True, 1e300])
def test_a_bad_timeout_is_refused(timeout):
    body = {"inputs": [tensor("u", [1])], "parameters": {"timeout": timeout}}
    assert ASK.post("/v2/models/amounts/infer", json=body).status_code == 400


def test_no_model_is_not_ready():
    response = browser(runners={}).get("/v2/health/ready")
    assert response.status_code == 503 and response.json()["ready"] is False


def test_a_feature_called_x_is_that_feature():
    layout = Layout(Task.REGRESSION, (SeriesSpec("a"), SeriesSpec("fused")), numeric=("x", "y"))
    body = oip.InferRequest([oip.Tensor("x", [2], "FP64", [1, 2])])
    table = oip.parse(layout, body, now=0, max_rows=10).features
    assert table.to_pylist() == [{"x": 1.0, "y": None}, {"x": 2.0, "y": None}]


def test_a_member_takes_only_its_own_features():
    members = {"a": Fake("a", 0.5, features=("x",)), "b": Fake("b", 0.5)}
    ask = browser(runners={"delays": runner(members)})
    assert [one["name"] for one in ask.get("/v2/models/delays.a").json()["inputs"]] == ["x"]
    response: httpx.Response = ask.post("/v2/models/delays.a/infer", json={"inputs": [tensor("c", ["u"], "BYTES")]})
    assert response.status_code == 400


def test_the_versions_named_are_the_versions_served():
    version = ASK.get("/v2/models/delays").json()["versions"][0]
    response = ASK.post(f"/v2/models/delays/versions/{version}/infer", json={"inputs": [tensor("x", [1])]})
    assert response.status_code == 200 and response.json()["model_version"] == version


def test_a_declared_value_comes_with_the_request_and_is_recorded():
    kept = []
    ask = browser(runners={"delays": runner(layout=dataclasses.replace(LAYOUT, value=True), kept=kept)})
    body = {"inputs": [tensor("x", [1.0, 2.0]), tensor("c", ["u", "v"], "BYTES"), tensor("_value", [9.5, 0.0])]}
    assert ask.post("/v2/models/delays/infer", json=body).status_code == 200
    assert kept[0].rows.column("value").to_pylist() == [9.5, 0.0]
    optional = json.loads(ask.get("/v2/models/delays").json()["parameters"]["optional_inputs"])
    assert "_value" in optional
    assert ask.post("/api/predict/delays", json=[{"x": 1, "c": "u", "value": 3}, {"x": 2, "c": "v"}]).status_code == 200
    assert kept[1].rows.column("value").to_pylist() == [3.0, None]
    refused = ASK.post("/v2/models/delays/infer", json=body)
    assert refused.status_code == 400 and "_value" in refused.json()["error"]
