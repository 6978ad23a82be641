"""Events go to the service that keeps them, questions to the queries; the API description comes from the same table."""

from __future__ import annotations

import gzip

import pytest

from choirmaster.http.routes import table
from tests.entrances.http.kit import FakeIngest, FakeQueries, browser

ARROW = "application/vnd.apache.arrow.stream"


@pytest.mark.parametrize(("path", "kind", "taken"), [
    ("/api/ingest/predictions?ensemble=delays", "application/x-ndjson", ("prediction", b"{}", "ndjson", "delays")),
    ("/api/ingest/predictions/delays", ARROW, ("prediction", b"{}", "arrow", "delays")),
    ("/api/ingest/labels", "", ("label", b"{}", "ndjson", None)),
    ("/api/ingest/labels/delays", "application/json; charset=utf-8", ("label", b"{}", "ndjson", "delays")),
])  # fmt: skip
def test_events_are_handed_on(path, kind, taken):
    ingest = FakeIngest()
    ask = browser(ingest=ingest)
    response = ask.post(path, content=gzip.compress(b"{}"), headers={"Content-Type": kind, "Content-Encoding": "gzip"})
    assert response.status_code == 200 and response.json()["receipt"] == "j:1"
    assert ingest.taken == [taken]


def test_receipts():
    ask = browser()
    assert ask.get("/api/ingest/j:1").json() == {"receipt": "j:1", "accepted": 1}
    assert ask.get("/api/ingest/j:2").status_code == 404


def test_a_server_without_a_store_says_so():
    ask = browser(ingest=None, queries=None)
    for method, path in (("POST", "/api/ingest/labels"), ("GET", "/api/ingest/x"), ("GET", "/api/metrics")):
        response = ask(method, path)
        assert response.status_code == 503 and response.json()["error"].startswith("this server keeps no")


def test_a_broken_journal_is_503_without_its_inside():
    from choirmaster.errors import JournalError

    class Broken(FakeIngest):
        def labels(self, *_, **__):
            raise JournalError("cannot write", where="/secret/place")

    response = browser(ingest=Broken()).post("/api/ingest/labels", content=b"{}")
    assert response.status_code == 503 and "secret" not in response.text and response.headers["retry-after"] == "1"


def test_questions_are_handed_on_with_their_filters():
    queries = FakeQueries()
    ask = browser(queries=queries)
    for name in ("ensembles", "models", "references", "weights", "alerts", "audit"):
        assert ask.get(f"/api/{name}").json()[0]["ensemble"] == "delays"
    ask.get("/api/alerts?ensemble=delays&state=firing&limit=5")
    ask.get("/api/metrics?ensemble=delays&series=fused&metric=brier&segment=carrier%3DAA&start=1970-01-01T00:00:01Z")
    assert queries.asked[-2] == ("alerts", {"ensemble": "delays", "state": "firing", "limit": 5})
    assert queries.asked[-1] == ("metrics", {"ensemble": "delays", "series": "fused", "metric": "brier",
                                             "segment": "carrier=AA", "start": 1_000_000})  # fmt: skip
    ask.get("/api/metrics?window=1w&as_of=1970-01-02T00:00:00Z")
    assert queries.asked[-1] == ("metrics", {"window": "1w", "as_of": 86_400_000_000})


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=99999", "zz=1", "limit=1&ensemblee=a"])
def test_a_wrong_parameter_is_refused(query):
    assert browser().get(f"/api/alerts?{query}").status_code == 400
    assert browser().get("/api/ensembles?limit=1").status_code == 400


def test_metrics_as_csv_or_json():
    ask = browser()
    response = ask.get("/api/metrics", headers={"Accept": "text/csv"})
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    head, row = response.text.splitlines()
    assert head.startswith("ensemble,window_start,window_end,revision,series")
    assert row == "delays,,,,'=cmd,,,,,brier,-0.5,,,,,,,", "a text that is a formula is defused, a number is not"
    for accept in ("application/json", "*/*", "text/html, */*", ""):
        assert isinstance(ask.get("/api/metrics", headers={"Accept": accept}).json(), list)
    assert ask.get("/api/metrics", headers={"Accept": "image/png"}).status_code == 406
    assert ask.get("/api/metrics?start=yesterday").status_code == 400


def test_one_prediction_whose_id_has_slashes():
    queries = FakeQueries()
    ask = browser(queries=queries)
    assert ask.get("/api/predictions/delays/r/0").json() == {"id": "r/0"}
    assert ask.get("/api/predictions/delays/r%2F0").json() == {"id": "r/0"}
    assert ask.get("/api/predictions/delays/none").status_code == 404


def test_the_api_description_has_every_route_its_roles_and_its_types():
    document = browser().get("/openapi.json").json()
    for route in table():
        path = route.path.replace("{id:path}", "{id}")
        operation = document["paths"][path][route.method.lower()]
        assert operation["x-roles"] == sorted(route.roles)
        assert ("security" in operation) == (route.roles != {"*"})
        for status in ("400", "401", "403", "404", "413", "429", "503"):
            assert status in operation["responses"]
    ids = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids)) == len(table())
    body = document["paths"]["/v2/models/{model}/infer"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/InferRequest"}
    references = [one for one in str(document).split("'") if one.startswith("#/components/schemas/")]
    assert all(one.rpartition("/")[2] in document["components"]["schemas"] for one in references)


def test_telemetry_counts_by_declared_route():
    from choirmaster.exporters.prometheus import PrometheusTelemetry
    from choirmaster.serve.runner import EnsembleRunner
    from tests.entrances.http.kit import Clock, Fake, runner

    telemetry = PrometheusTelemetry(backlog=lambda: 7, dropped=lambda: 2)
    plain = runner({"a": Fake("a", 0.5), "b": Fake("b", RuntimeError())})
    one = EnsembleRunner(plain.settings, plain.members, Clock(), record=lambda _: "queued", telemetry=telemetry)
    ask = browser(runners={"delays": one}, telemetry=telemetry)
    for _ in range(3):
        assert ask.post("/api/predict/delays", json=[{"x": 1}, {"x": 2}]).status_code == 200
    ask.get("/api/predictions/delays/secret-id")
    response = ask.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    lines = response.text.splitlines()
    for line in (
        'choirmaster_requests_total{method="POST",route="/api/predict/{ensemble}",status="200"} 3.0',
        'choirmaster_request_seconds_count{method="POST",route="/api/predict/{ensemble}"} 3.0',
        'choirmaster_member_calls_total{ensemble="delays",member="a",status="ok"} 3.0',
        'choirmaster_member_calls_total{ensemble="delays",member="b",status="failed"} 3.0',
        'choirmaster_recorded_rows_total{ensemble="delays",state="queued"} 6.0',
        "choirmaster_journal_backlog 7.0",
        "choirmaster_recorder_dropped_rows 2.0",
    ):
        assert line in lines, response.text
    assert "secret-id" not in response.text and "python_info" not in response.text


def test_telemetry_says_how_answers_came_about_and_how_members_stand():
    from choirmaster.exporters.prometheus import PrometheusTelemetry
    from choirmaster.serve.runner import EnsembleRunner
    from choirmaster.serve.settings import Fallback
    from tests.entrances.http.kit import Clock, Fake, runner

    runners = {}
    telemetry = PrometheusTelemetry(ensembles=runners)
    constant = Fallback("constant", constant={"no": 0.5, "yes": 0.5})
    plain = runner({"a": Fake("a", 0.5), "b": Fake("b", RuntimeError())}, quorum=1, fallback=constant)
    one = EnsembleRunner(plain.settings, plain.members, Clock(), record=lambda _: "queued", telemetry=telemetry)
    runners["delays"] = one
    ask = browser(runners=runners, telemetry=telemetry)
    for _ in range(7):
        assert ask.post("/api/predict/delays", json=[{"x": 1}, {"x": 2}]).status_code == 200
    one.members["a"].say = float("nan")
    assert ask.post("/api/predict/delays", json=[{"x": 1}, {"x": 2}]).status_code == 200
    lines = ask.get("/metrics").text.splitlines()
    for line in (
        'choirmaster_answers_total{ensemble="delays",outcome="degraded"} 7.0',
        'choirmaster_answers_total{ensemble="delays",outcome="fallback"} 1.0',
        'choirmaster_answer_seconds_count{ensemble="delays"} 8.0',
        'choirmaster_member_calls_total{ensemble="delays",member="b",status="failed"} 5.0',
        'choirmaster_member_calls_total{ensemble="delays",member="b",status="quarantined"} 3.0',
        'choirmaster_member_calls_not_made_total{ensemble="delays",member="b",why="breaker_open"} 3.0',
        'choirmaster_member_masked_rows_total{ensemble="delays",member="a",reason="not_finite"} 2.0',
        'choirmaster_member_breaker{ensemble="delays",member="b",state="open"} 1.0',
        'choirmaster_member_breaker{ensemble="delays",member="a",state="closed"} 1.0',
        'choirmaster_member_breaker_opened_total{ensemble="delays",member="b"} 1.0',
        'choirmaster_member_ready{ensemble="delays",member="b",role="voter"} 0.0',
        'choirmaster_ready{ensemble="delays"} 1.0',
    ):
        assert line in lines, line
