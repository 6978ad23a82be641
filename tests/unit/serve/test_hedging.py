"""Second calls: when they are due, and never beyond their budget."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.errors import ConfigError
from choirmaster.layout import Status
from choirmaster.serve.gather import Gather, Reply
from choirmaster.serve.hedging import Hedger, HedgeSettings
from choirmaster.serve.settings import Fallback, MemberSettings
from tests.entrances.http.kit import Clock, Fake, runner
from tests.unit.serve.test_runner import request

FIXED = HedgeSettings(after_seconds=0.02, quantile=None)


@given(st.lists(st.booleans(), max_size=300), st.sampled_from([0.01, 0.1, 0.3, 1.0]))
def test_second_calls_never_exceed_their_share_of_the_first(wishes, budget):
    one = Hedger(HedgeSettings(after_seconds=0.01, quantile=None, budget=budget))
    second = 0
    for first, wish in enumerate(wishes, start=1):
        one.first()
        second += wish and one.take()
        assert second <= first * budget + 1e-6


def test_a_fixed_time():
    assert Hedger(FIXED).first() == 0.02


def test_the_quantile_of_recent_answers():
    one = Hedger(HedgeSettings(quantile=0.9))
    assert one.first() is None
    for k in range(100):
        one.answered(k / 100)
    assert 0.8 <= one.first() <= 0.95
    for _ in range(300):
        one.answered(5.0)
    assert one.first() == 5.0


@pytest.mark.parametrize("wrong", [
    {"after_seconds": 1.0}, {"quantile": None}, {"quantile": 1.0}, {"after_seconds": 0.0, "quantile": None},
    {"budget": 0.0}, {"budget": 1.5},
])  # fmt: skip
def test_settings_that_cannot_work(wrong):
    with pytest.raises(ConfigError, match="second call"):
        HedgeSettings(**wrong).check("$.answer.hedge")


def stuck_once(gate):
    """A member whose first call hangs."""
    calls = []

    def say(table):
        calls.append(1)
        if len(calls) == 1:
            gate.wait(5)
        return np.tile([0.25, 0.75], (table.num_rows, 1))

    return Fake("b", say)


def saved(one, name="b"):
    """Fill the budget of a member."""
    for _ in range(10):
        one._seats[name].hedger.first()
    return one


def test_a_second_call_answers_where_the_first_hangs():
    gate = threading.Event()
    b = stuck_once(gate)
    one = saved(runner({"a": Fake("a", 0.25), "b": b}, deadline_seconds=5.0, hedge=FIXED,
                       members={"b": MemberSettings(repeatable=True)}))  # fmt: skip
    start = time.monotonic()
    answer = one.answer(request())
    assert answer.present == ("a", "b") and b.calls == 2 and time.monotonic() - start < 3
    gate.set()
    one.close()


@pytest.mark.parametrize("more", [{"hedge": None}, {"members": {}}, {"budget": "none left"}])
def test_nobody_is_asked_twice_who_may_not_be(more):
    gate = threading.Event()
    b = stuck_once(gate)
    fill = more.pop("budget", None) is None
    one = runner({"a": Fake("a", 0.25), "b": b}, deadline_seconds=0.3,
                 **{"hedge": FIXED, "members": {"b": MemberSettings(repeatable=True)}} | more)  # fmt: skip
    if fill and one.settings.hedge and more.get("members") != {}:
        saved(one)
    assert one.answer(request()).missing == {"b": "late"} and b.calls == 1
    gate.set()
    one.close()


def test_a_member_that_is_down_is_asked_at_most_a_tenth_more():
    """C6: every call hangs until its deadline; with the breaker off nothing else spares the member."""
    gate = threading.Event()
    b = Fake("b", lambda t: gate.wait(20))
    one = runner({"a": Fake("a", 0.25), "b": b}, deadline_seconds=0.1, breaker=None,
                 fallback=Fallback("constant", constant={"no": 0.5, "yes": 0.5}),
                 hedge=HedgeSettings(after_seconds=0.005, quantile=None),
                 members={"b": MemberSettings(repeatable=True, concurrency=64)})  # fmt: skip
    for _ in range(25):
        one.answer(request())
    gate.set()
    assert 25 < b.calls <= 27
    one.close()


def test_a_failure_waits_for_the_other_call():
    clock = Clock()
    one = Gather()
    one.expect(clock.monotonic() + 5)
    assert one.twice(0) and not one.twice(0)
    assert one.put(0, Reply(Status.FAILED)) and one.reply(0) is None
    assert one.put(0, Reply(Status.OK, raw=1)) and one.reply(0).raw == 1
    assert not one.put(0, Reply(Status.OK, raw=2)) and one.reply(0).raw == 1


def test_two_failures_are_a_failure_and_a_second_call_that_is_not_made_changes_nothing():
    one = Gather()
    assert [one.expect(9e9), one.expect(9e9)] == [0, 1]
    assert one.twice(0) and one.twice(1)
    one.put(0, Reply(Status.FAILED))
    one.put(0, Reply(Status.FAILED, detail="again"))
    assert one.reply(0).status is Status.FAILED
    one.put(1, Reply(Status.QUARANTINED, why="busy"))
    one.put(1, Reply(Status.FAILED))
    assert one.reply(1).status is Status.FAILED
