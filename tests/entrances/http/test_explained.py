"""What part each member has in an answer, when it is asked for and when the prediction is shown later."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest

from choirmaster.app.waiting import Waiting
from choirmaster.fusion import get
from choirmaster.http.app import build_app
from choirmaster.http.settings import AccessSettings
from choirmaster.overlay import Decision, Role, Verb
from choirmaster.overlay.fold import weight_version
from choirmaster.ports import AuditEntry
from choirmaster.record.drainer import Drainer
from choirmaster.record.queue import DurableRecorder
from choirmaster.record.service import IngestService
from choirmaster.serve.runner import EnsembleRunner
from choirmaster.serve.settings import Fallback, Weights
from choirmaster.stores.journal import Journal
from choirmaster.stores.journal_file import JournalFolder
from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.times import isoformat
from choirmaster.watch.queries import Queries
from choirmaster.watch.settings import MonitorSettings
from tests.entrances.http.kit import LAYOUT, NOW, Browser, Clock, Fake, browser, regression, runner, services, tensor

WEIGHTS = Weights("configured", {"a": 3.0, "b": 1.0})
INFER, PLAIN = "/v2/models/delays/infer", "/api/predict/delays?explain=true"


def weighted(members=None, **settings):
    return runner(members, fusion="weighted_mean", weights=WEIGHTS, **settings)


def test_shares_add_up_to_the_answer():
    ask = browser(runners={"delays": weighted()})
    body = {"inputs": [tensor("x", [1.0, 2.0])], "parameters": {"explain": True}}
    found = ask.post(INFER, json=body).json()
    out = {one["name"]: np.reshape(one["data"], one["shape"]) for one in found["outputs"]}
    assert list(out) == ["predict", "predict_proba", "_id", "member.a.share", "member.b.share"]
    assert out["member.a.share"].tolist() == [[0.5625, 0.1875]] * 2
    assert np.allclose(out["member.a.share"] + out["member.b.share"], out["predict_proba"])
    assert found["parameters"]["shares"] == "share"


def test_a_share_alone_and_none_where_none_is_asked_for():
    ask = browser(runners={"delays": weighted()})
    body = {"inputs": [tensor("x", [1.0])], "outputs": [{"name": "member.b.share"}]}
    assert [one["data"] for one in ask.post(INFER, json=body).json()["outputs"]] == [[0.0625, 0.1875]]
    plain = ask.post(INFER, json={"inputs": [tensor("x", [1.0])]}).json()
    assert "shares" not in plain["parameters"] and len(plain["outputs"]) == 3
    optional = json.loads(ask.get("/v2/models/delays").json()["parameters"]["optional_outputs"])
    assert optional == ["member.a.share", "member.b.share"]


@pytest.mark.parametrize("explain", ["yes", 1, None, []])
def test_a_wish_that_is_none(explain):
    body = {"inputs": [tensor("x", [1.0])], "parameters": {"explain": explain}}
    assert browser().post(INFER, json=body).status_code == 400
    assert browser().post(PLAIN.replace("true", "yes"), json={"x": 1}).status_code == 400


def test_plain_rows():
    half = Fake("b", lambda t: np.array([[0.5, 0.5], [np.nan, np.nan]])[: t.num_rows])
    ask = browser(runners={"delays": weighted({"a": Fake("a", 0.25), "b": half}), "amounts": regression()})
    first, second = ask.post(PLAIN, json=[{"x": 1}, {"x": 2}]).json()["predictions"]
    assert first["shares"] == {"kind": "share", "members": {"a": {"no": 0.5625, "yes": 0.1875},
                                                            "b": {"no": 0.125, "yes": 0.125}}}  # fmt: skip
    assert second["shares"] == {"kind": "share", "members": {"a": {"no": 0.75, "yes": 0.25}}}
    number = ask.post("/api/predict/amounts?explain=true", json={"u": 1, "v": 3}).json()
    assert number["shares"]["members"] == {"a": 2.0, "b": 2.0}
    assert "shares" not in ask.post("/api/predict/delays", json={"x": 1}).json()


def test_where_there_are_no_shares_it_says_what_leaving_one_out_changes():
    ask = browser(runners={"delays": runner(fusion="median")})
    found = ask.post(PLAIN, json={"x": 1}).json()
    assert found["probability"]["yes"] == 0.5
    assert found["shares"] == {"kind": "leave_one_out", "members": {"a": {"no": 0.25, "yes": -0.25},
                                                                    "b": {"no": -0.25, "yes": 0.25}}}  # fmt: skip
    body = {"inputs": [tensor("x", [1.0])], "parameters": {"explain": True}}
    assert ask.post(INFER, json=body).json()["parameters"]["shares"] == "leave_one_out"
    alone = browser(runners={"delays": runner({"a": Fake("a", 0.25), "b": Fake("b", OSError())}, fusion="median")})
    assert alone.post(PLAIN, json={"x": 1}).json()["shares"]["members"] == {"a": {"no": None, "yes": None}}


def test_a_row_that_the_fallback_answered_has_no_shares():
    members = {"a": Fake("a", OSError()), "b": Fake("b", OSError())}
    constant = Fallback("constant", constant={"no": 0.9, "yes": 0.1})
    ask = browser(runners={"delays": weighted(members, fallback=constant)})
    assert ask.post(PLAIN, json={"x": 1}).json()["shares"] is None


# -- shown later ------------------------------------------------------------------------------------------------------


class Site:
    """The real journal and store behind the routes."""

    def __init__(self, folder, members, **settings):
        self.store = EmbeddedStore(folder / "store")
        self.store.open_ensemble("delays", LAYOUT)
        self.journal = Journal(folder / "journal", "w1", now=Clock().now)
        self.files = JournalFolder(folder / "journal")
        self.drainer = Drainer(self.store, self.files, Clock(), "me")
        fuse = settings.pop("fuse", None)
        plain = weighted(members, **settings)
        self.runner = EnsembleRunner(plain.settings, plain.members, Clock(), record=DurableRecorder(self.journal),
                                     fuse=fuse)  # fmt: skip
        facts = {"fusion": "weighted_mean", "weights": dict(WEIGHTS.values)}
        self.queries = queries = Queries(self.store, [MonitorSettings("delays", LAYOUT, facts=facts)],
                          waiting=Waiting(folder / "journal", self.store))  # fmt: skip
        ingest = IngestService(self.journal, self.store, {"delays": LAYOUT})
        made = services(runners={"delays": self.runner}, ingest=ingest, queries=queries)
        self.ask = Browser(build_app(made, AccessSettings()))

    def label(self, value, known_at="2013-04-23T00:00:00Z"):
        line = json.dumps({"id": "f/1", "value": value, "known_at": known_at, "source": "desk"})
        assert self.ask.post("/api/ingest/labels/delays", content=line.encode()).json()["accepted"] == 1

    def show(self):
        return self.ask.get("/api/predictions/delays/f%2F1").json()

    def close(self):
        self.runner.close()
        self.drainer.stop()
        for one in (self.journal, self.files, self.store):
            one.close()


@pytest.fixture
def site(tmp_path):
    made = []

    def make(members=None, **settings):
        made.append(Site(tmp_path, members, **settings))
        return made[0]

    yield make
    for one in made:
        one.close()


ROW = {"x": 1.5, "c": "u", "shop": "north", "_id": "f/1", "_time": "2013-04-22T00:00:00Z"}


def test_one_prediction_whole(site):
    one = site({"a": Fake("a", 0.25), "b": Fake("b", RuntimeError())})
    assert one.ask.get("/api/predictions/delays/f%2F1").status_code == 404
    assert one.ask.post("/api/predict/delays", json=ROW).json()["recorded"] == "durable"
    one.label("yes")
    waiting = one.show()
    assert waiting["state"] == "queued" and waiting["labels"][0]["state"] == "queued"
    one.drainer.drain()
    found = one.show()
    same = set(found) - {"state", "labels", "label", "label_measured"}
    assert {name: found[name] for name in same} == {name: waiting[name] for name in same}
    assert (found["state"], found["id"], found["time"]) == ("stored", "f/1", "2013-04-22T00:00:00Z")
    assert (found["features"], found["tags"]) == ({"x": 1.5, "c": "u"}, {"shop": "north"})
    assert found["answer"] == {"no": 0.75, "yes": 0.25} and found["answered_by_fallback"] is False
    assert (found["present"], found["missing"]) == (["a"], {"b": "failed"})
    assert (found["fusion"], found["weight_version"]) == ("weighted_mean", "configured")
    assert found["weights"] == {"a": 3.0, "b": 1.0} and found["shares"] == {"kind": "share"}
    a, b = found["members"]
    assert (a["member"], a["status"], a["version"], a["answer"]) == ("a", "ok", "v1", {"no": 0.75, "yes": 0.25})
    assert a["share"] == {"no": 0.75, "yes": 0.25} and a["latency_us"] >= 0
    assert (b["status"], b["answer"], b["share"]) == ("failed", None, None)
    assert found["label"] == "yes"
    (label,) = found["labels"]
    assert label == {"value": "yes", "known_at": "2013-04-23T00:00:00Z", "source": "desk", "state": "stored",
                     "revision": label["revision"], "recorded_at": isoformat(NOW)}  # fmt: skip


def test_a_damaged_journal_hides_no_other(site, tmp_path):
    one = site()
    (tmp_path / "journal" / "a0.sqlite").write_bytes(b"no database at all, and longer than a header of one" * 20)
    one.ask.post("/api/predict/delays", json=ROW)
    assert one.show()["state"] == "queued"


def test_a_row_that_is_drained_while_it_is_looked_for_is_found(site, tmp_path):
    one = site()
    one.ask.post("/api/predict/delays", json=ROW)
    looked = Waiting(tmp_path / "journal", one.store)

    def late(ensemble, identity):
        one.drainer.drain()
        return looked(ensemble, identity)

    assert one.queries.waiting is not None
    one.queries.waiting = late
    assert one.show()["state"] == "stored"


def test_a_label_that_was_corrected_stands_beside_the_one_before(site):
    one = site()
    one.ask.post("/api/predict/delays", json=ROW)
    one.label("yes")
    one.drainer.drain()
    one.label("no", "2013-04-24T00:00:00Z")
    found = one.show()
    assert found["label"] == "yes" and [(of["value"], of["state"]) for of in found["labels"]] == [
        ("yes", "stored"), ("no", "queued")]  # fmt: skip
    one.drainer.drain()
    assert one.show()["label"] == "no" and len(one.show()["labels"]) == 2


def test_shares_of_both_add_up_to_the_kept_answer(site):
    one = site()
    one.ask.post("/api/predict/delays", json=ROW)
    one.drainer.drain()
    found = one.show()
    total = sum(member["share"]["yes"] for member in found["members"])
    assert total == pytest.approx(found["answer"]["yes"], abs=1e-12)


def test_what_cannot_be_known_says_why(site):
    constant = Fallback("constant", constant={"no": 0.9, "yes": 0.1})
    one = site({"a": Fake("a", OSError()), "b": Fake("b", OSError())}, fallback=constant)
    one.ask.post("/api/predict/delays", json=ROW)
    found = one.show()
    assert found["answered_by_fallback"] is True and found["weight_version"] == "configured"
    assert found["shares"] == {"unknown": "the fallback answered, not the members"}


def test_weights_that_an_operator_decided_are_found_again(site):
    one = site()
    decision = Decision("delays", Verb.WEIGHTS_SET, NOW, "ana", weights={"b": 9.0}, number=1)
    assert one.store.add_decision(decision, AuditEntry(NOW, "ana", "weights set", "delays"))
    one.runner.set_weights(Weights(weight_version(decision), {"a": 3.0, "b": 9.0}))
    one.ask.post("/api/predict/delays", json=ROW)
    found = one.show()
    assert (found["weight_version"], found["weights"]) == ("decision-1", {"a": 3.0, "b": 9.0})
    assert found["members"][1]["share"]["yes"] == pytest.approx(9 * 0.75 / 12)


def test_a_shadow_is_shown_and_has_no_part(site):
    one = site()
    decision = Decision("delays", Verb.MEMBER_SET, NOW - 5, "ana", member="b", role=Role.SHADOW, number=1)
    assert one.store.add_decision(decision, AuditEntry(NOW, "ana", "member set", "delays"))
    file = one.runner.declared
    one.runner.apply(replace(file, roles={**file.roles, "b": Role.SHADOW}))
    assert one.ask.post("/api/predict/delays", json=ROW).status_code == 200
    found = until(lambda: one.show() if one.show().get("id") else None)
    assert (found["present"], found["missing"], found["answer"]["yes"]) == (["a"], {}, 0.25)
    a, b = found["members"]
    assert (a["role"], b["role"], b["status"]) == ("voter", "shadow", "ok")
    assert a["share"] == {"no": 0.75, "yes": 0.25} and "share" not in {name for name in b if b[name]}


def until(work):
    """Return the first answer that is one; a shadow's record is written when the shadow is in."""
    end = time.monotonic() + 10
    while (found := work()) is None and time.monotonic() < end:
        time.sleep(0.01)
    return found


def test_an_answer_that_the_members_do_not_give_is_not_explained(site):
    one = site(fuse=lambda outputs, present, weight: get("mean").fuse(outputs[:, :1], present[:, :1]))
    one.ask.post("/api/predict/delays", json=ROW)
    assert one.show()["shares"]["unknown"].startswith("under today's fusion")


def test_weights_that_have_moved_since(site):
    one = site()
    one.runner.set_weights(Weights("other", {"a": 1.0, "b": 9.0}))
    one.ask.post("/api/predict/delays", json=ROW)
    found = one.show()
    assert found["weights"] is None and "not known any more" in found["shares"]["unknown"]
