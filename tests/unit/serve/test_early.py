"""Early answers and cascades: nobody is waited for, or asked, who cannot change the answer."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from choirmaster.errors import ConfigError
from choirmaster.layout import Layout, Output, SeriesSpec, Status, Task
from choirmaster.overlay import Role, Standing
from choirmaster.serve.request import PredictRequest, features_table
from choirmaster.serve.settings import EarlySettings, MemberSettings, Weights
from tests.entrances.http.kit import Fake, runner
from tests.unit.serve.test_roles import until
from tests.unit.serve.test_runner import request, three

EARLY = EarlySettings()


def waiting(gate, value):
    """A member that answers when the gate opens."""
    return lambda t: (gate.wait(20), np.tile([1 - value, value], (t.num_rows, 1)))[1]


def choir(gate, values, slow, **more):
    says = dict(zip("abcde", values, strict=False))
    members = {name: Fake(name, waiting(gate, value) if name in slow else value) for name, value in says.items()}
    return runner(members, three(*members.values()), **{"deadline_seconds": 20.0, "early": EARLY} | more)


def test_a_decided_vote_waits_for_nobody_and_the_record_waits_for_all():
    gate, kept = threading.Event(), []
    one = choir(gate, [0.9, 0.8, 0.7, 0.2, 0.1], "de", fusion="hard_vote", kept=kept)
    start = time.monotonic()
    answer = one.answer(request())
    assert time.monotonic() - start < 10 and answer.early and not answer.degraded
    assert answer.prediction(0) == "yes" and answer.missing == dict.fromkeys("de", "not_awaited")
    assert answer.row(0) == (["a", "b", "c"], dict.fromkeys("de", "not_awaited"), False)
    assert kept == []
    gate.set()
    until(lambda: kept)
    row = kept[0].rows.to_pylist()[0]
    assert row["m.e.status"] == "ok" and row["m.e.p.yes"] == pytest.approx(0.1) and row["m.e.latency_us"] > 0
    one.close()


def test_an_open_vote_waits():
    gate = threading.Event()
    one = choir(gate, [0.9, 0.8, 0.2, 0.1, 0.3], "e", fusion="hard_vote")
    threading.Timer(0.2, gate.set).start()
    answer = one.answer(request())
    assert answer.present == tuple("abcde") and not answer.early and answer.prediction(0) == "no"
    one.close()


def test_every_row_must_be_decided():
    gate = threading.Event()

    def split(table):
        return np.array([[0.1, 0.9], [0.9, 0.1]])

    members = {"a": Fake("a", 0.9), "b": Fake("b", split), "c": Fake("c", waiting(gate, 0.3))}
    one = runner(members, three(*members.values()), deadline_seconds=20.0, early=EARLY, fusion="hard_vote")
    threading.Timer(0.2, gate.set).start()
    answer = one.answer(request(1, 2))
    assert not answer.early and [answer.prediction(row) for row in (0, 1)] == ["yes", "no"]
    one.close()


def test_the_quorum_is_waited_for_all_the_same():
    gate = threading.Event()
    one = choir(gate, [0.9, 0.9, 0.9], "c", fusion="hard_vote", quorum=3)
    threading.Timer(0.2, gate.set).start()
    assert one.answer(request()).present == tuple("abc")
    one.close()


def test_a_light_straggler_is_within_the_tolerance():
    gate = threading.Event()
    weights = Weights("w", {"a": 10.0, "b": 10.0, "c": 0.2})
    one = choir(gate, [0.5, 0.6, 0.0], "c", fusion="weighted_mean", weights=weights,
                early=EarlySettings(tolerance=0.02))  # fmt: skip
    answer = one.answer(request())
    assert answer.early and answer.output[0, 1] == pytest.approx(0.55)
    gate.set()
    one.close()


def test_a_straggler_is_judged_by_its_breaker_only_when_it_is_in_or_late():
    gate = threading.Event()
    one = choir(gate, [0.9, 0.9, 0.1], "c", fusion="hard_vote", deadline_seconds=0.3,
                members={"c": MemberSettings(concurrency=20)})  # fmt: skip
    for _ in range(5):
        assert one.answer(request()).early
    assert one.health()[2].breaker == "closed"
    until(lambda: one.health()[2].breaker == "open")
    assert one.answer(request()).missing == {"c": "breaker_open"}
    gate.set()
    one.close()


@settings(max_examples=30)
@given(st.lists(st.sampled_from([0.05, 0.2, 0.4, 0.45, 0.55, 0.6, 0.8, 0.95]), min_size=4, max_size=4),
       st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=4, max_size=4),
       st.permutations(range(4)), st.sampled_from(["hard_vote", "soft_vote", "weighted_mean"]))  # fmt: skip
def test_an_early_answer_says_the_same_class_as_a_full_one(values, weights, order, rule):
    """Members come in one after the other; whenever it answers, the class is that of all four."""
    gates = {name: threading.Event() for name in "abcd"}
    members = {name: Fake(name, waiting(gates[name], value)) for name, value in zip("abcd", values, strict=True)}
    chosen = Weights("w", dict(zip("abcd", weights, strict=True)))
    whole = runner({name: Fake(name, value) for name, value in zip("abcd", values, strict=True)},
                   three(*members.values()), deadline_seconds=20.0, fusion=rule, weights=chosen)  # fmt: skip
    one = runner(members, three(*members.values()), deadline_seconds=20.0, fusion=rule, weights=chosen, early=EARLY)
    got = []
    thread = threading.Thread(target=lambda: got.append(one.answer(request())))
    thread.start()
    for place in order:
        gates["abcd"[place]].set()
        thread.join(0.02)
    thread.join()
    assert got[0].prediction(0) == whole.answer(request()).prediction(0)
    assert got[0].early or not got[0].missing
    one.close()
    whole.close()


def test_numbers_need_limits_and_a_tolerance():
    layout = Layout(Task.REGRESSION, tuple(SeriesSpec(name, Output.VALUE) for name in ("a", "b", "c", "fused")),
                    numeric=("u",))  # fmt: skip
    gate = threading.Event()
    members = {name: Fake(name, lambda t: np.full(t.num_rows, 5.0), None, ("u",)) for name in "ab"}
    members["c"] = Fake("c", lambda t: gate.wait(20) and np.full(t.num_rows, 5.0), None, ("u",))
    with pytest.raises(ConfigError, match="early answer of numbers"):
        runner(members, layout, early=EARLY)
    one = runner(members, layout, deadline_seconds=20.0, early=EarlySettings(2.0, (0.0, 10.0)))
    answer = one.answer(PredictRequest(features_table(layout, {"u": [1.0]}, 1)))
    assert answer.early and answer.output.tolist() == [5.0]
    gate.set()
    one.close()


# -- cascades -------------------------------------------------------------------------------------------------------

STAGED = {"rule": "cascade", "stages": [["a"], ["b", "c"]], "confidence": 0.9}


def cascade(values, **more):
    kept = more.setdefault("kept", [])
    members = {name: Fake(name, value) for name, value in zip("abc", values, strict=True)}
    return runner(members, three(*members.values()), fusion=STAGED, deadline_seconds=20.0, **more), members, kept


def test_a_sure_stage_asks_nobody_else_and_nobody_is_missing():
    one, members, kept = cascade([0.95, 0.1, 0.1])
    answer = one.answer(request())
    assert answer.output[0, 1] == 0.95 and answer.present == ("a",) and answer.missing == {} and not answer.degraded
    assert (members["b"].calls, members["c"].calls) == (0, 0)
    row = kept[0].rows.to_pylist()[0]
    assert (row["m.a.status"], row["m.b.status"], row["m.b.latency_us"]) == ("ok", "absent", None)


def test_an_unsure_stage_asks_the_next_for_the_open_rows_only():
    asked = []

    def both(table):
        return np.array([[0.05, 0.95], [0.4, 0.6], [0.02, 0.98]])

    def dear(table):
        asked.append(table["x"].to_pylist())
        return np.tile([0.2, 0.8], (table.num_rows, 1))

    one, _, _ = cascade([both, dear, 0.1])
    answer = one.answer(request(1, 2, 3))
    assert asked == [[2.0]]
    assert answer.output[:, 1] == pytest.approx([0.95, (0.6 + 0.8 + 0.1) / 3, 0.98])
    assert [answer.row(row)[0] for row in range(3)] == [["a"], ["a", "b", "c"], ["a"]] and not answer.degraded


def test_a_stage_that_fails_hands_on_to_the_next_and_the_quorum_holds_in_each():
    one, _, _ = cascade([RuntimeError(), 0.8, 0.9])
    answer = one.answer(request())
    assert answer.output[0, 1] == pytest.approx(0.85) and answer.missing == {"a": "failed"}
    one, _, _ = cascade([0.95, 0.9, 0.9], quorum=2)
    assert one.answer(request()).present == ("a", "b", "c")


def test_a_shadow_of_a_later_stage_is_asked_all_the_same():
    one, members, kept = cascade([0.95, 0.1, 0.2])
    roles = {"a": Role.VOTER, "b": Role.VOTER, "c": Role.SHADOW}
    one.apply(Standing(roles, {}, dict.fromkeys("abc", 1.0), "w"))
    one.answer(request())
    until(lambda: kept)
    assert members["c"].calls == 1 and kept[0].rows.to_pylist()[0]["m.c.status"] == "ok"
    one.close()


def test_a_probe_that_is_not_needed_is_given_back():
    one, members, _ = cascade([0.5, RuntimeError(), 0.9])
    for _ in range(5):
        one.answer(request())
    seat = one._seats["b"]
    seat._breaker._until = 0.0  # its rest is over
    members["a"].say = 0.95
    for _ in range(10):
        one.answer(request())
    members["a"].say, members["b"].say = 0.5, 0.9
    statuses = Counter(one.answer(request()).calls[1].status for _ in range(4))
    assert statuses == {Status.OK: 4} and str(seat.breaker) == "closed"


def test_all_ways_to_be_early_agree_with_waiting():
    values = [0.97, 0.6, 0.3]
    for first, second, third in itertools.permutations(values):
        one, _, _ = cascade([first, second, third], early=EARLY)
        other, _, _ = cascade([first, second, third])
        assert one.answer(request()).output.tolist() == other.answer(request()).output.tolist()
