"""The operator's verbs over HTTP: who may, what is answered, what is written down, and what is refused how."""

from __future__ import annotations

import httpx
import pytest

from choirmaster.client import Client
from choirmaster.errors import Forbidden, NotFound, RequestError, Unavailable
from choirmaster.http.app import build_app
from tests.entrances.http.kit import Browser, browser, services
from tests.entrances.http.test_access import GUARDED, SECRETS, bearer
from tests.unit.operate.memory import Memory, operator

WHY = {"reason": "times out"}
VERBS = [
    ("/api/members/fraud/a", {"role": "shadow", "for": "2h"}, "member.set", "a: shadow"),
    ("/api/members/fraud/a", {"role": "canary", "share": 0.1}, "member.set", "a: canary 0.1"),
    ("/api/weights/fraud", {"weights": {"a": 3}}, "weights.set", "weights: a 3, b 2, c 1 (decision-1)"),
    ("/api/freeze/fraud", {"for": "5d"}, "freeze", "frozen"),
]


@pytest.mark.parametrize(("path", "body", "action", "after"), VERBS)
def test_a_verb_is_answered_written_down_once_and_taken_back(path, body, action, after):
    store = Memory()
    ask = browser(GUARDED, operator=operator(store))
    answer = ask.post(path, json=body | WHY, headers=bearer("operate")).json()
    assert (answer["action"], answer["who"], answer["reason"]) == (action, "operate", "times out")
    assert answer["after"].startswith(after)
    assert (answer["until"] is not None) == ("for" in body)
    (entry,) = store.audits
    assert (entry.who, entry.action, entry.cause, entry.after) == ("operate", action, "times out", answer["after"])
    back = ask.post("/api/undo/fraud", json={"reason": "wrong"}, headers=bearer("operate")).json()
    assert (back["action"], back["after"]) == ("undo", answer["before"])
    assert [one.action for one in store.audits] == [action, "undo"]


@pytest.mark.parametrize("path", ["/api/members/fraud/a/clear", "/api/weights/fraud/clear", "/api/unfreeze/fraud"])
def test_what_was_set_is_cleared(path):
    store = Memory()
    ask = browser(operator=operator(store))
    for one, body, _, _ in VERBS[1:]:
        assert ask.post(one, json=body | WHY).status_code == 200
    assert ask.post(path, json=WHY).status_code == 200
    assert ask.post(path, json=WHY).status_code == 400
    assert len(ask.get("/api/overrides", params={"ensemble": "fraud"}).json()[0]["overrides"]) == 2


@pytest.mark.parametrize(("path", "body", "status", "words"), [
    ("/api/members/fraud/a", {"role": "shadow"}, 400, "a reason is needed"),
    ("/api/members/fraud/a", {"role": "king"} | WHY, 404, "unknown role"),
    ("/api/members/fraud/z", {"role": "off"} | WHY, 404, "unknown member"),
    ("/api/members/none/a", {"role": "off"} | WHY, 404, "unknown ensemble"),
    ("/api/members/fraud/a", {"rôle": "off"} | WHY, 400, "does not fit"),
    ("/api/members/fraud/a", {"role": "off", "for": "1 fortnight"} | WHY, 400, "cannot read a duration"),
    ("/api/weights/fraud", {"weights": {"a": -1}} | WHY, 400, "at least 0"),
    ("/api/weights/fraud", {"weights": {"a": "much"}} | WHY, 400, "does not fit"),
    ("/api/undo/fraud", WHY, 400, "nothing to undo"),
    ("/api/undo/fraud", {"for": "2h"} | WHY, 400, "does not fit"),
])  # fmt: skip
def test_what_is_refused_has_one_form_and_leaves_nothing_behind(path, body, status, words):
    store = Memory()
    answer = browser(operator=operator(store)).post(path, json=body)
    assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text
    assert store.kept == store.audits == []


def test_below_the_quorum_needs_force():
    ask = browser(operator=operator(quorum=2))
    body = {"role": "off"} | WHY
    assert "too few voters" in ask.post("/api/members/fraud/a", json=body).json()["error"]
    assert ask.post("/api/members/fraud/a", json=body | {"force": True}).status_code == 200


@pytest.mark.parametrize("role", ["", "score", "ingest", "read"])
def test_only_operators_decide(role):
    store = Memory()
    ask = browser(GUARDED, operator=operator(store))
    for path, body, _, _ in VERBS:
        assert ask.post(path, json=body | WHY, headers=bearer(role)).status_code in (401, 403)
    assert store.kept == []


def test_a_server_without_an_operator_says_so():
    ask = browser(operator=None)
    assert ask.post("/api/undo/fraud", json=WHY).status_code == 503
    assert ask.get("/api/overrides").status_code == 503


def test_the_client_has_every_verb():
    store = Memory()
    app = build_app(services(operator=operator(store)), GUARDED)

    def client(role):
        return Client("http://127.0.0.1:8080", SECRETS[role][0], tries=3, sleep=lambda _: None,
                      transport=Through(Browser(app)))  # fmt: skip

    with client("operate") as one:
        one.decide("set_role", "fraud", member="a", role="canary", share=0.5, lasting="1h", reason="r")
        one.decide("clear_role", "fraud", member="a", reason="r")
        one.decide("set_weights", "fraud", weights={"a": 2}, reason="r")
        one.decide("clear_weights", "fraud", reason="r")
        one.decide("freeze", "fraud", reason="r")
        one.decide("unfreeze", "fraud", reason="r")
        assert one.decide("undo", "fraud", reason="r", force=True)["after"] == "frozen"
        assert one.overrides("fraud")[0]["frozen"]
        with pytest.raises(RequestError, match="a reason is needed"):
            one.decide("freeze", "fraud", reason="")
        with pytest.raises(NotFound, match="unknown ensemble"):
            one.decide("freeze", "none", reason="r")
    with client("read") as one, pytest.raises(Forbidden):
        one.decide("freeze", "fraud", reason="r")
    assert [entry.action for entry in store.audits] == [
        "member.set", "member.clear", "weights.set", "weights.clear", "freeze", "unfreeze", "undo"]  # fmt: skip


def test_a_decision_is_never_sent_twice():
    sent = []

    def lost(request):
        sent.append(request)
        raise httpx.ReadTimeout("lost")

    one = Client("http://127.0.0.1:8080", tries=5, sleep=lambda _: None, transport=httpx.MockTransport(lost))
    with one, pytest.raises(Unavailable, match="tried 1 times"):
        one.decide("undo", "fraud", reason="r")
    assert len(sent) == 1


class Through(httpx.BaseTransport):
    """Hands a client's requests to an application in this process."""

    def __init__(self, ask: Browser) -> None:
        self.ask = ask

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.ask(request.method, request.url.raw_path.decode(), content=request.read(),
                          headers=dict(request.headers))  # fmt: skip
        return httpx.Response(answer.status_code, headers={"content-type": "application/json"}, content=answer.content)
