"""Who votes, who only listens, who is asked for a share of the ids; and that no answer mixes two standings."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.errors import ConfigError, Unavailable, UnknownName
from choirmaster.layout import Status
from choirmaster.overlay import Role, standing
from choirmaster.serve.roles import in_share
from choirmaster.serve.settings import Fallback, MemberSettings, Weights
from tests.entrances.http.kit import Fake, runner
from tests.unit.serve.test_runner import request, three


def Standing(roles=(), shares=(), weights=(), weight_version="w", frozen=False):
    """Return a standing; a member that is not named votes with weight 1."""
    named = {name: Role(role) for name, role in dict(roles).items()}
    return standing.Standing(named, dict(shares), dict(weights), weight_version, frozen)


CONSTANT = Fallback("constant", constant={"no": 0.5, "yes": 0.5})


def pool(**more):
    members = {name: Fake(name, value) for name, value in (("a", 0.2), ("b", 0.4), ("c", 0.9))}
    return runner(members, three(*members.values()), **more)


def until(what, seconds=5.0):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.005)
    assert what()


def test_a_shadow_is_asked_and_recorded_and_has_no_say():
    kept = []
    one = pool(kept=kept)
    one.apply(Standing({"c": "shadow"}))
    answer = one.answer(request(1, 2))
    assert answer.output[:, 1].tolist() == pytest.approx([0.3, 0.3])
    assert answer.present == ("a", "b") and answer.missing == {} and not answer.degraded
    until(lambda: kept)
    rows = kept[0].rows.to_pylist()
    assert [row["m.c.p.yes"] for row in rows] == [0.9, 0.9] and rows[0]["m.c.status"] == "ok"
    assert rows[0]["y.p.yes"] == pytest.approx(0.3)
    one.close()


def test_no_answer_waits_for_a_shadow_and_its_record_does():
    gate, kept = threading.Event(), []
    slow = Fake("c", lambda t: gate.wait(5) and np.tile([0.1, 0.9], (t.num_rows, 1)))
    members = {"a": Fake("a", 0.2), "b": Fake("b", 0.4), "c": slow}
    one = runner(members, three(*members.values()), deadline_seconds=10.0, kept=kept,
                 members={"c": MemberSettings(role=Role.SHADOW)})  # fmt: skip
    start = time.monotonic()
    answer = one.answer(request())
    assert time.monotonic() - start < 2 and answer.recorded == "queued" and kept == []
    gate.set()
    until(lambda: kept)
    assert kept[0].rows.to_pylist()[0]["m.c.p.yes"] == 0.9
    one.close()


def test_a_shadow_that_never_answers_is_late_in_the_record():
    gate, kept = threading.Event(), []
    members = {"a": Fake("a", 0.2), "b": Fake("b", 0.4), "c": Fake("c", lambda t: gate.wait(9))}
    one = runner(members, three(*members.values()), deadline_seconds=0.1, kept=kept)
    one.apply(Standing({"c": "shadow"}))
    assert one.answer(request()).degraded is False
    until(lambda: kept)
    row = kept[0].rows.to_pylist()[0]
    assert row["m.c.status"] == "late" and row["m.c.latency_us"] > 0  # since its own call, which came after the start
    gate.set()
    one.close()


def test_ending_hands_on_what_still_waits_for_a_shadow():
    gate, kept = threading.Event(), []
    members = {"a": Fake("a", 0.2), "b": Fake("b", 0.4), "c": Fake("c", lambda t: gate.wait(9))}
    one = runner(members, three(*members.values()), deadline_seconds=60.0, kept=kept)
    one.apply(Standing({"c": "shadow"}))
    for _ in range(5):
        one.answer(request())
    one.close()
    assert [batch.rows.to_pylist()[0]["m.c.status"] for batch in kept] == ["absent"] * 5
    gate.set()


def test_a_durable_record_does_not_wait_for_a_shadow():
    gate, kept = threading.Event(), []
    members = {"a": Fake("a", 0.2), "b": Fake("b", 0.4), "c": Fake("c", lambda t: gate.wait(9))}
    one = runner(members, three(*members.values()), deadline_seconds=60.0, kept=kept, record="durable")
    one.apply(Standing({"c": "shadow"}))
    one.answer(request())
    assert kept[0].rows.to_pylist()[0]["m.c.status"] == "absent"
    gate.set()
    one.close()
    assert len(kept) == 1


def test_who_is_off_is_not_asked():
    kept = []
    one = pool(kept=kept)
    one.apply(Standing({"c": "off"}))
    answer = one.answer(request())
    assert answer.present == ("a", "b") and answer.missing == {} and one.members["c"].calls == 0
    assert kept[0].rows.to_pylist()[0]["m.c.status"] == "absent"


def test_a_canary_has_a_say_in_its_share_of_the_ids_and_is_not_asked_for_the_others():
    kept, seen = [], []
    canary = Fake("c", lambda t: (seen.append(t.num_rows), np.tile([0.1, 0.9], (t.num_rows, 1)))[1])
    members = {"a": Fake("a", 0.2), "b": Fake("b", 0.4), "c": canary}
    one = runner(members, three(*members.values()), kept=kept)
    one.apply(Standing({"c": "canary"}, {"c": 0.3}))
    ids = tuple(f"i{k}" for k in range(200))
    inside = np.array([in_share("delays", "c", identity, 0.3) for identity in ids])
    assert 35 < inside.sum() < 85
    answer = one.answer(request(*range(200), ids=ids))
    assert answer.output[:, 1] == pytest.approx(np.where(inside, 0.5, 0.3))
    assert seen == [inside.sum()] and answer.present == ("a", "b", "c") and not answer.degraded
    rows = kept[0].rows.to_pylist()
    assert [row["m.c.status"] == "ok" for row in rows] == inside.tolist()
    assert {row["m.c.status"] for row in rows} == {"ok", "absent"}
    first, out = int(inside.argmax()), int(inside.argmin())
    assert answer.row(first) == (["a", "b", "c"], {}, False) and answer.row(out) == (["a", "b"], {}, False)
    alone = one.answer(request(1, ids=(ids[out],)))
    assert alone.present == ("a", "b") and alone.missing == {}


def test_a_canary_that_fails_is_missing_in_its_share_only():
    members = {"a": Fake("a", 0.2), "b": Fake("b", 0.4), "c": Fake("c", RuntimeError())}
    one = runner(members, three(*members.values()))
    one.apply(Standing({"c": "canary"}, {"c": 0.3}))
    ids = tuple(f"i{k}" for k in range(50))
    answer = one.answer(request(*range(50), ids=ids))
    for row, identity in enumerate(ids):
        inside = in_share("delays", "c", identity, 0.3)
        assert answer.row(row) == (["a", "b"], {"c": "failed"} if inside else {}, inside)


@given(st.text(min_size=1, max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_every_id_of_a_smaller_one(identity, one, other):
    small, large = sorted((one, other))
    assert in_share("e", "m", identity, large) or not in_share("e", "m", identity, small)


def test_a_share_is_stable_and_its_size_is_right():
    ids = [f"txn-{k}" for k in range(20_000)]
    assert sum(in_share("fraud", "next", one, 0.05) for one in ids) == pytest.approx(1000, abs=110)
    assert [one for one in ids[:60] if in_share("fraud", "next", one, 0.05)] == ["txn-2", "txn-6", "txn-53", "txn-54"]


@pytest.mark.parametrize("wrong", [
    Standing({"zz": "off"}), Standing(shares={"zz": 0.1}), Standing(weights={"zz": 1.0}), Standing(weights={"a": -1.0}),
    Standing({"a": "canary"}, {"a": 1.5}),
    Standing({"b": "off", "c": "off"}, weights={"a": 0.0}),
])  # fmt: skip
def test_a_standing_that_cannot_work_is_refused_and_changes_nothing(wrong):
    one = pool(fusion="weighted_mean")
    before = one.standing
    with pytest.raises((ConfigError, UnknownName)):
        one.apply(wrong)
    assert one.standing is before
    assert one.answer(request()).present == ("a", "b", "c")


@pytest.mark.parametrize("roles", [{"b": "off", "c": "off"}, {"a": "shadow", "b": "off", "c": "off"}])
def test_an_operator_may_leave_fewer_voters_than_the_quorum_and_the_fallback_answers(roles):
    one = pool(quorum=2, fallback=CONSTANT)
    one.apply(Standing(roles))
    assert one.answer(request()).output.tolist() == [[0.5, 0.5]]
    one = pool(quorum=2)
    one.apply(Standing(roles))
    with pytest.raises(Unavailable):
        one.answer(request())
    assert not one.ready


def test_a_file_with_fewer_voters_than_the_quorum_is_refused():
    with pytest.raises(ConfigError, match="quorum"):
        pool(quorum=3, members={"a": MemberSettings(role=Role.SHADOW)})


def test_frozen_weights_do_not_move_and_an_operator_still_may():
    one = pool(fusion="weighted_mean")
    one.apply(replace(Standing(), frozen=True))
    with pytest.raises(Unavailable, match="frozen"):
        one.set_weights(Weights("w2", {"a": 2.0}))
    one.apply(Standing(weights={"a": 2.0}, weight_version="mine", frozen=True))
    assert one.answer(request()).weight_version == "mine"
    one.apply(one.declared)
    one.set_weights(Weights("w2", {"a": 2.0}))
    assert one.weights.version == "w2"


def test_a_fallback_member_without_a_vote_stands_in_when_it_has_answered():
    members = {"a": Fake("a", RuntimeError()), "b": Fake("b", lambda t: time.sleep(0.1) or np.nan), "c": Fake("c", 0.9)}
    one = runner(members, three(*members.values()), fallback=Fallback("member", member="c"))
    one.apply(Standing({"c": "shadow"}))
    assert one.answer(request()).output[:, 1].tolist() == [0.9]
    one.close()


def test_under_load_no_answer_fails_and_none_mixes_two_standings():
    """C9: a member leaves and comes back, and weights move, while requests run."""
    members = {name: Fake(name, value) for name, value in (("a", 0.2), ("b", 0.4), ("c", 0.9))}
    one = runner(members, three(*members.values()), fusion="weighted_mean")
    named = {
        f"s{k}": Standing({"c": ("voter", "off", "shadow")[k % 3]}, {}, {"a": 1.0 + k, "b": 1.0, "c": 2.0}, f"s{k}")
        for k in range(30)
    }
    shares = {"a": 0.2, "b": 0.4, "c": 0.9}
    wrong, stop, count = [], threading.Event(), [0]

    def expected(standing):
        voting = [name for name in shares if standing.roles.get(name, "voter") == "voter"]
        weight = {name: standing.weights[name] for name in voting}
        return sum(weight[name] * shares[name] for name in voting) / sum(weight.values()), tuple(voting)

    one.apply(named["s0"])

    def ask():
        while not stop.is_set():
            answer = one.answer(request())
            count[0] += 1
            value, present = expected(named[answer.weight_version])
            if abs(answer.output[0, 1] - value) > 1e-12 or answer.present != present:
                wrong.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for k in range(200):
        one.apply(named[f"s{k % 30}"])
        time.sleep(0.002)
    stop.set()
    for thread in threads:
        thread.join()
    one.close()
    assert wrong == [] and count[0] > 50


def test_a_breaker_that_opens_leaves_the_member_alone_and_says_so():
    one = pool(deadline_seconds=5.0)
    one.members["c"].say = RuntimeError("gone")
    seen = [one.answer(request()).calls[2] for _ in range(8)]
    assert [call.status for call in seen] == [Status.FAILED] * 5 + [Status.QUARANTINED] * 3
    assert one.members["c"].calls == 5 and one.answer(request()).missing == {"c": "breaker_open"}
    health = {each.member: each for each in one.health()}
    assert str(health["c"].breaker) == "open" and health["c"].opened == 1 and not health["c"].ready
    assert not one.member_ready("c") and one.ready


def test_breakers_never_take_the_voters_below_the_quorum():
    one = pool(quorum=3)
    one.members["c"].say = RuntimeError("gone")
    for _ in range(20):
        with pytest.raises(Unavailable):
            one.answer(request())
    assert one.members["c"].calls == 20 and not one.ready
    one.members["c"].say = 0.9
    assert one.answer(request()).present == ("a", "b", "c")


def test_a_client_in_a_hurry_opens_no_breaker():
    slow = Fake("c", lambda t: time.sleep(0.3) or np.tile([0.1, 0.9], (t.num_rows, 1)))
    members = {"a": Fake("a", 0.2), "b": Fake("b", 0.4), "c": slow}
    one = runner(members, three(*members.values()), deadline_seconds=5.0, fallback=CONSTANT,
                 members={"c": MemberSettings(concurrency=32)})  # fmt: skip
    for _ in range(8):
        assert one.answer(request(timeout_seconds=0.05)).missing["c"] == "late"
    assert one.answer(request()).present == ("a", "b", "c")
    one.close()


def test_a_request_whose_time_is_over_costs_no_call():
    from choirmaster.errors import DeadlineExceeded

    one = pool(deadline_seconds=0.5)
    with pytest.raises(DeadlineExceeded, match="before a member was asked"):
        one.answer(request(arrived=time.monotonic() - 1.0))
    assert [member.calls for member in one.members.values()] == [0, 0, 0]
    assert one.answer(request(arrived=time.monotonic() - 0.1)).present == ("a", "b", "c")
