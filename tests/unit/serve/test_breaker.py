"""The breaker against a plain model of its rules, in any order of calls, answers and time."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from choirmaster.errors import ConfigError
from choirmaster.serve.breaker import Breaker, BreakerSettings, State

LEGAL = {("closed", "open"), ("open", "half_open"), ("half_open", "open"), ("half_open", "closed")}
SOAK = os.environ.get("CHOIRMASTER_SOAK") == "1"


class Machine(RuleBasedStateMachine):
    """The model keeps whole histories and counts them anew each time; the breaker keeps counters."""

    def __init__(self):
        super().__init__()
        self.now, self.draw = 0.0, 0.5
        self.one = Breaker(BreakerSettings(), lambda: self.draw)
        self.state, self.epoch, self.rest, self.until = "closed", 0, 5.0, 0.0
        self.history, self.probes = [], []
        self.held = []

    def becomes(self, state):
        assert (self.state, state) in LEGAL
        self.state, self.epoch, self.history, self.probes = state, self.epoch + 1, [], []

    def trips(self):
        self.until = self.now + min(self.rest * (0.9 + 0.2 * self.draw), 300.0)
        self.becomes("open")

    def settled(self, epoch, good):
        if epoch != self.epoch:
            return
        if self.state == "half_open":
            self.probes.remove("out")
            self.probes.append("good")
            if not good:
                self.rest = min(2 * self.rest, 300.0)
                self.trips()
            elif self.probes.count("good") == 3:
                self.rest = 5.0
                self.becomes("closed")
            return
        self.history.append(good)
        if self.history[-5:] == [False] * 5 or (len(self.history) >= 20 and self.history[-20:].count(False) >= 10):
            self.trips()

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 4.4, 4.6, 5.0, 5.6, 30.0, 400.0]))
    def time_goes_on(self, seconds):
        self.now += seconds
        if self.state == "open" and self.now >= self.until:
            self.becomes("half_open")

    @rule()
    def call(self):
        leave = self.one.admit(self.now)
        wanted = self.state == "closed" or (self.state == "half_open" and len(self.probes) < 3)
        assert (leave is not None) is wanted
        if leave is not None:
            assert leave.probe is (self.state == "half_open")
            if leave.probe:
                self.probes.append("out")
            self.held.append((leave, self.epoch))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), good=st.booleans(), draw=st.floats(0, 0.999))
    def a_call_ends(self, data, good, draw):
        self.draw = draw
        leave, epoch = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        self.one.settle(leave, good=good, now=self.now)
        self.settled(epoch, good)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def a_call_is_not_made(self, data):
        leave, epoch = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        self.one.withdraw(leave)
        if epoch == self.epoch and leave.probe:
            self.probes.remove("out")

    @rule(good=st.booleans(), times=st.integers(1, 25))
    def calls_in_a_row(self, good, times):
        for _ in range(times):
            leave = self.one.admit(self.now)
            if leave is None:
                return
            epoch = self.epoch
            if leave.probe:
                self.probes.append("out")
            self.one.settle(leave, good=good, now=self.now)
            self.settled(epoch, good)

    @invariant()
    def same_state(self):
        assert self.one.state(self.now) == self.state
        assert len(self.probes) <= 3


TestBreaker = Machine.TestCase
TestBreaker.settings = settings(max_examples=2000 if SOAK else 100, stateful_step_count=50)  # 100,000 steps in a soak


def failing(breaker, times, now=0.0):
    for _ in range(times):
        breaker.settle(breaker.admit(now), good=False, now=now)


def test_five_failures_in_a_row_open_it():
    one = Breaker(BreakerSettings(jitter=0), lambda: 0.0)
    failing(one, 4)
    assert one.state(0.0) is State.CLOSED
    failing(one, 1)
    assert one.state(0.0) is State.OPEN and one.opened == 1


def test_half_of_twenty_calls_open_it_although_never_two_in_a_row():
    one = Breaker(BreakerSettings(jitter=0), lambda: 0.0)
    for call in range(20):
        assert one.state(0.0) is State.CLOSED, call
        one.settle(one.admit(0.0), good=call % 2 == 0, now=0.0)
    assert one.state(0.0) is State.OPEN


def test_rests_double_up_to_the_longest_and_start_anew_after_healing():
    one, now, rests = Breaker(BreakerSettings(jitter=0), lambda: 0.0), 0.0, []
    failing(one, 5)
    for _ in range(9):
        start = now
        while one.state(now) is State.OPEN:
            now += 0.5
        rests.append(now - start)
        one.settle(one.admit(now), good=False, now=now)
    assert rests == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    now += 300
    for _ in range(3):
        one.settle(one.admit(now), good=True, now=now)
    assert one.state(now) is State.CLOSED
    failing(one, 5, now)
    assert one.state(now + 4.9) is State.OPEN and one.state(now + 5) is State.HALF_OPEN


@given(st.floats(0, 0.999999))
def test_jitter_stays_within_its_bounds(draw):
    one = Breaker(BreakerSettings(), lambda: draw)
    failing(one, 5)
    assert one.state(4.49) is State.OPEN and one.state(5.51) is State.HALF_OPEN


def test_what_was_let_through_before_the_trip_does_not_count():
    one = Breaker(BreakerSettings(jitter=0), lambda: 0.0)
    slow = [one.admit(0.0) for _ in range(8)]
    failing(one, 5)
    for leave in slow[:4]:
        one.settle(leave, good=True, now=1.0)
    assert one.state(1.0) is State.OPEN
    probe = one.admit(5.0)
    for leave in slow[4:]:
        one.settle(leave, good=False, now=5.0)
    assert one.state(5.0) is State.HALF_OPEN
    one.settle(probe, good=True, now=5.1)
    assert one.state(5.1) is State.HALF_OPEN


@pytest.mark.parametrize("wrong", [
    {"failures": 0}, {"window": 0}, {"failure_share": 0}, {"failure_share": 1.1}, {"probes": 0}, {"rest_seconds": 0},
    {"rest_seconds": 400}, {"jitter": 1},
])  # fmt: skip
def test_settings_that_cannot_work(wrong):
    with pytest.raises(ConfigError, match="breaker"):
        BreakerSettings(**wrong).check("$.answer.breaker")
