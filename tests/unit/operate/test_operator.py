"""What the verbs refuse, how they say it, and what two who decide at once come to."""

from __future__ import annotations

import threading

import pytest

from choirmaster.errors import ConfigError, Unavailable, UnknownName
from choirmaster.operate.follower import Follower
from choirmaster.overlay import Decision, Declared, Role, Standing, Verb
from choirmaster.overlay.fold import overlay_of
from choirmaster.times import HOUR, SECOND
from tests.unit.operate.memory import FILE, START, Clock, Memory, ask, operator


def roles(one):
    return {each["name"]: each["role"] for each in one.stands("fraud")[0]["members"]}


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda one: one.set_role("fraud", "a", "shadow", ask("  ")), ConfigError, "a reason is needed"),
    (lambda one: one.set_role("fraud", "a", "shadow", ask("x" * 501)), ConfigError, "at most 500"),
    (lambda one: one.set_role("frod", "a", "shadow", ask()), UnknownName, 'did you mean "fraud"'),
    (lambda one: one.set_role("fraud", "z", "shadow", ask()), UnknownName, "allowed: a, b, c"),
    (lambda one: one.set_role("fraud", "a", "shado", ask()), UnknownName, 'did you mean "shadow"'),
    (lambda one: one.set_role("fraud", "a", "canary", ask()), ConfigError, "needs a share"),
    (lambda one: one.set_role("fraud", "a", "canary", ask(), share=1.0), ConfigError, "above 0 and below 1"),
    (lambda one: one.set_role("fraud", "a", "canary", ask(), share=float("nan")), ConfigError, "above 0 and below 1"),
    (lambda one: one.set_role("fraud", "a", "off", ask(), share=0.5), ConfigError, "only a canary"),
    (lambda one: one.set_role("fraud", "a", "off", ask(lasting="soon")), ConfigError, "cannot read a duration"),
    (lambda one: one.set_role("fraud", "a", "off", ask(lasting="0s")), ConfigError, "above 0, at most 365d"),
    (lambda one: one.set_role("fraud", "a", "off", ask(lasting="99999999999y")), ConfigError, "at most 365d"),
    (lambda one: one.clear_role("fraud", "a", ask()), ConfigError, "nothing to clear"),
    (lambda one: one.clear_role("fraud", "z", ask()), UnknownName, "allowed: a, b, c"),
    (lambda one: one.set_weights("fraud", {}, ask()), ConfigError, "no weight is given"),
    (lambda one: one.set_weights("fraud", {"z": 1}, ask()), UnknownName, "allowed: a, b, c"),
    (lambda one: one.set_weights("fraud", {"a": -1}, ask()), ConfigError, "at least 0, got -1"),
    (lambda one: one.set_weights("fraud", {"a": float("inf")}, ask()), ConfigError, "finite"),
    (lambda one: one.set_weights("fraud", {"a": 0, "b": 0}, ask()), ConfigError, "no voter would have a weight"),
    (lambda one: one.clear_weights("fraud", ask()), ConfigError, "nothing to clear"),
    (lambda one: one.unfreeze("fraud", ask()), ConfigError, "not frozen"),
    (lambda one: one.undo("fraud", ask()), ConfigError, "nothing to undo"),
])  # fmt: skip
def test_what_cannot_be_is_refused_and_leaves_nothing_behind(call, error, words):
    store = Memory()
    with pytest.raises(error, match=words):
        call(operator(store))
    assert store.kept == store.audits == []


def test_below_the_quorum_needs_force_and_only_the_step_that_goes_there():
    one = operator(quorum=2)
    with pytest.raises(ConfigError, match=r"too few voters would be left, fraud: expected the quorum, 2, got 1"):
        one.set_role("fraud", "a", "off", ask())
    one.set_role("fraud", "a", "off", ask(force=True))
    one.set_role("fraud", "c", "canary", ask(), share=0.5)  # was below before, and is no lower now
    one.set_role("fraud", "c", "voter", ask())
    with pytest.raises(ConfigError, match="too few voters"):
        one.undo("fraud", ask())
    assert roles(one) == {"a": "off", "b": "voter", "c": "voter"}


def test_what_runs_out_later_may_not_leave_too_few_either():
    one = operator(quorum=2)
    one.set_role("fraud", "c", "voter", ask(lasting="2h"))
    with pytest.raises(ConfigError, match="too few voters"):
        one.set_role("fraud", "a", "off", ask())
    one.set_role("fraud", "a", "off", ask(lasting="1h"))


def test_the_member_that_stands_in_goes_out_by_force_only():
    one = operator(fallback="a")
    with pytest.raises(
        ConfigError, match="fallback would not answer every row, fraud: expected a voter, got a: shadow"
    ):
        one.set_role("fraud", "a", "shadow", ask())
    one.set_role("fraud", "b", "off", ask())
    one.clear_role("fraud", "b", ask())
    one.set_role("fraud", "a", "off", ask(force=True))
    one.set_role("fraud", "a", "shadow", ask())


def test_the_last_weight_cannot_be_taken_out_by_a_role():
    one = operator()
    one.set_weights("fraud", {"a": 0}, ask())
    with pytest.raises(ConfigError, match="no voter would have a weight"):
        one.set_role("fraud", "b", "off", ask())


def test_weights_under_a_rule_that_reads_none_are_refused():
    with pytest.raises(ConfigError, match="reads no weights"):
        operator(weighted=False).set_weights("fraud", {"a": 2}, ask())


def test_frozen_means_nothing_automatic_and_people_still_can():
    one = operator()
    one.freeze("fraud", ask(lasting="1h"))
    with pytest.raises(ConfigError, match="frozen"):
        one.set_weights("fraud", {"a": 3}, ask(automatic=True))
    one.set_weights("fraud", {"a": 3}, ask())
    one.unfreeze("fraud", ask())
    one.set_weights("fraud", {"a": 4}, ask(automatic=True))
    assert one.stands("fraud")[0]["overrides"][0]["automatic"]


def test_the_audit_says_who_what_before_after_and_why():
    store, clock = Memory(), Clock()
    one = operator(store, clock)
    one.set_role("fraud", "a", "canary", ask("  drift on\namount ", lasting="2h"), share=0.1)
    one.set_weights("fraud", {"b": 5}, ask())
    one.freeze("fraud", ask())
    one.undo("fraud", ask())
    clock.at += 3 * HOUR
    one.expire("fraud")
    said = [(entry.who, entry.action, entry.subject, entry.cause, entry.before, entry.after) for entry in store.audits]
    assert said == [
        ("ana", "member.set", "fraud", "drift on amount", "a: voter", "a: canary 0.1 until 2026-01-01T02:00:00Z"),
        ("ana", "weights.set", "fraud", "why", "weights: a 1, b 2, c 1 (configured)",
         "weights: a 1, b 5, c 1 (decision-2)"),
        ("ana", "freeze", "fraud", "why", "not frozen", "frozen"),
        ("ana", "undo", "fraud", "why", "frozen", "not frozen"),
        ("clock", "expire", "fraud", "its time ran out: drift on amount", "a: canary 0.1", "a: voter"),
    ]  # fmt: skip
    assert [entry.at for entry in store.audits] == [START] * 4 + [START + 3 * HOUR]


def test_the_overlay_wins_over_another_file_and_gives_way_when_cleared():
    store, declared = Memory(), {"fraud": Declared(FILE)}
    one = operator(store, fraud=Declared(FILE))
    one.set_role("fraud", "a", "off", ask())
    one.set_weights("fraud", {"b": 9}, ask())
    other = Standing(
        {"a": Role.SHADOW, "b": Role.VOTER, "new": Role.VOTER}, {}, {"a": 3.0, "b": 3.0, "new": 4.0}, "equal"
    )
    declared = {"fraud": Declared(other)}
    after = operator(store, fraud=declared["fraud"])
    (found,) = after.stands("fraud")
    assert {each["name"]: (each["role"], each["weight"]) for each in found["members"]} == {
        "a": ("off", 1.0), "b": ("voter", 9.0), "new": ("voter", 4.0)}  # fmt: skip
    assert found["ignored"] == ["c"]
    after.clear_role("fraud", "a", ask())
    after.clear_weights("fraud", ask())
    (found,) = after.stands("fraud")
    assert (found["overrides"], found["weight_version"]) == ([], "equal")
    assert {each["name"]: (each["role"], each["weight"]) for each in found["members"]}["a"] == ("shadow", 3.0)


def test_a_decision_ends_at_a_whole_second_and_never_too_early():
    store, clock = Memory(), Clock()
    clock.at += 1
    operator(store, clock).freeze("fraud", ask(lasting="1h"))
    assert store.kept[0].until == START + HOUR + SECOND


def test_two_who_decide_at_once_both_get_through_one_after_the_other():
    store = Memory()
    first, second = operator(store), operator(store)
    real, raced = store.add_decision, []

    def slow(decision, audit):
        if not raced:  # between the look and the write of the first, the second decides
            raced.append(True)
            second.set_role("fraud", "b", "off", ask("second"))
        return real(decision, audit)

    store.add_decision = slow
    assert first.set_role("fraud", "a", "shadow", ask("first", force=True))["number"] == 2
    assert [one.reason for one in store.kept] == ["second", "first"]
    store.add_decision = lambda decision, audit: False
    with pytest.raises(Unavailable, match="at the same time"):
        first.freeze("fraud", ask())


def test_the_quorum_is_checked_again_after_losing_a_race():
    store = Memory()
    first, second = operator(store), operator(store)
    real, raced = store.add_decision, []

    def slow(decision, audit):
        if not raced:
            raced.append(True)
            second.set_role("fraud", "b", "off", ask())
        return real(decision, audit)

    store.add_decision = slow
    with pytest.raises(ConfigError, match="too few voters"):
        first.set_role("fraud", "a", "off", ask())
    assert roles(first) == {"a": "voter", "b": "off", "c": "shadow"}


# -- following ------------------------------------------------------------------------------------------------------


def follower(store, clock, applied, names=("fraud",), **more):
    one = operator(store, clock, **more)
    return one, Follower(store, clock, one, lambda: names, applied)


def test_a_follower_applies_only_news_and_what_runs_out():
    store, clock, seen = Memory(), Clock(), []
    one, following = follower(store, clock, lambda name, overlay: seen.append(overlay))
    following.look()
    following.look()
    assert [each.version for each in seen] == [0]
    one.set_role("fraud", "a", "off", ask(lasting="1h"))
    following.look()
    following.look()
    assert [list(each.roles) for each in seen] == [[], ["a"]]
    clock.at += HOUR
    following.look()
    assert list(seen[-1].roles) == []
    assert [entry.action for entry in store.audits] == ["member.set", "expire"]


def test_what_runs_out_gives_way_although_nobody_can_write_it_down():
    store, clock, seen = Memory(), Clock(), []
    one, following = follower(store, clock, lambda name, overlay: seen.append(overlay))
    one.set_role("fraud", "a", "off", ask(lasting="1h"))
    following.look()
    store.add_decision = lambda decision, audit: (_ for _ in ()).throw(OSError("disk full"))
    clock.at += HOUR
    following.look()
    assert list(seen[-1].roles) == []
    assert roles(one)["a"] == "voter"


def test_an_ensemble_that_cannot_be_applied_keeps_no_other_from_it_and_is_tried_again(caplog):
    store, clock, seen, broken = Memory(), Clock(), [], [True]

    def apply(name, overlay):
        if name == "fraud" and broken:
            raise RuntimeError("not now")
        seen.append(name)

    _, following = follower(store, clock, apply, ("fraud", "other"), other=Declared(FILE))
    following.look()
    following.look()
    assert seen == ["other"]
    assert [one.message for one in caplog.records] == ["cannot follow the decisions about fraud: RuntimeError: not now"]
    broken.clear()
    following.look()
    assert seen == ["other", "fraud"]


def test_a_store_that_is_away_ends_no_follower():
    store, clock, seen = Memory(), Clock(), []
    _, following = follower(store, clock, lambda name, overlay: seen.append(name))
    stop, asked = threading.Event(), []

    def away():
        asked.append(1)
        if len(asked) == 3:
            stop.set()
        raise OSError("away")

    store.last_decision = away
    following.run(stop)
    assert len(asked) == 3


def test_a_decision_that_ran_out_stays_out_when_the_clock_goes_back():
    past = [Decision("fraud", Verb.MEMBER_SET, START, "ana", member="a", role=Role.OFF, until=START + SECOND, number=1),
            Decision("fraud", Verb.EXPIRE, START + SECOND, "clock", takes_back=1, number=2)]  # fmt: skip
    assert overlay_of("fraud", past, START).roles == {}
