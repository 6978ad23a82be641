"""The door: against a simulated queue, at loads below and far above what it can serve."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.serve.admission import Admission


def simulate(rate, service, deadline, seconds=20.0, servers=1, limit=128, door=None):
    """Serve first come, first served; returns (answered in time a second, refused share, longest stay)."""
    door = door or Admission(limit)
    free, busy, good, refused, stays, count = [0.0] * servers, [], 0, 0, [], 0
    now, step = 0.0, 1.0 / rate
    while now < seconds:
        while busy and busy[0][0] <= now:
            door.leave(heapq.heappop(busy)[0])
        count += 1
        if door.admits(deadline):
            door.enter()
            start = max(now, heapq.heappop(free))
            cost = service if start - now < deadline else 0.0  # an expired request costs nothing
            end = start + cost
            heapq.heappush(free, end)
            heapq.heappush(busy, (end, count))
            stays.append(end - now)
            good += cost > 0 and end - now <= deadline
        else:
            refused += 1
        now += step
    return good / seconds, refused / count, max(stays)


def test_below_its_peak_nobody_is_refused():
    good, refused, longest = simulate(rate=150, service=0.005, deadline=0.1)
    assert good == pytest.approx(150, abs=1) and refused == 0 and longest < 0.02


@pytest.mark.parametrize("deadline", [0.05, 0.1, 1.0])
@pytest.mark.parametrize("servers", [1, 2])
def test_at_five_times_the_peak_most_of_the_peak_is_answered_in_time(deadline, servers):
    peak = servers / 0.005
    good, refused, longest = simulate(rate=5 * peak, service=0.005, deadline=deadline, servers=servers)
    assert good >= 0.8 * peak, good
    assert refused == pytest.approx(0.8, abs=0.05) and longest <= deadline + 0.0051


def test_without_the_foretelling_a_short_deadline_answers_almost_nobody():
    class Plain(Admission):
        def admits(self, seconds=None):
            return super().admits(None)

    good, _, _ = simulate(rate=1000, service=0.005, deadline=0.05, door=Plain(128))
    assert good < 0.8 * 200


def test_a_slow_time_is_forgotten():
    door = Admission(128)
    simulate(rate=100, service=0.5, deadline=0.1, seconds=10, door=door)
    while door.inside:
        door.leave(100.0)
    good, _, _ = simulate(rate=150, service=0.005, deadline=0.1, seconds=20, door=door)
    assert good > 140


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=200), st.integers(0, 20))
def test_never_more_than_the_limit_and_never_stuck(events, limit):
    door, now = Admission(limit), 0.0
    for enters, pause in events:
        now += pause
        if enters and door.admits(0.01):
            door.enter()
        elif door.inside:
            door.leave(now)
        assert 0 <= door.inside <= limit and door.wait >= 0
    while door.inside:
        door.leave(now)
    assert door.admits(0.01) is (limit > 0)
