"""The door: against a simulated queue, at loads below and far above what it can serve."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.serve.admission import LEAST, Admission


def simulate(rate, service, deadline, seconds=20.0, servers=1, door=None, asking=0.0):
    """Serve first come, first served; returns (answered in time a second, share that was refused).

    ``service`` is what a request takes of a server, ``asking`` what its members take beside that.
    """
    door = door or Admission(128)
    free, inside, good, refused, count = [0.0] * servers, [], 0, 0, 0
    now, step = 0.0, 1.0 / rate
    while now < seconds:
        while inside and inside[0][0] <= now:
            _, _, what = heapq.heappop(inside)
            if what is None:
                door.leave()
            else:
                door.started(what, deadline)
        count += 1
        if door.admits():
            door.enter()
            start = max(now, heapq.heappop(free))
            cost = service if start - now < deadline else 0.0  # an expired request costs nothing
            heapq.heappush(free, start + cost)
            heapq.heappush(inside, (start, 2 * count, start - now))
            heapq.heappush(inside, (start + cost + asking, 2 * count + 1, None))
            good += cost > 0 and start + cost + asking - now <= deadline
        else:
            refused += 1
        now += step
    return good / seconds, refused / count


def test_below_its_peak_nobody_is_refused():
    assert simulate(rate=150, service=0.005, deadline=0.1) == (pytest.approx(150, abs=1), 0)


@pytest.mark.parametrize("deadline", [0.05, 0.1, 1.0])
@pytest.mark.parametrize("servers", [1, 2])
def test_at_five_times_the_peak_most_of_the_peak_is_answered_in_time(deadline, servers):
    peak = servers / 0.005
    good, refused = simulate(rate=5 * peak, service=0.005, deadline=deadline, servers=servers)
    assert good >= 0.8 * peak, good
    assert refused > 0.7


def test_without_it_a_short_deadline_answers_almost_nobody():
    class Plain(Admission):
        def started(self, spent, seconds):
            pass

    good, _ = simulate(rate=1000, service=0.005, deadline=0.05, door=Plain(128))
    assert good < 0.8 * 200


def test_members_that_take_nearly_all_the_time_are_no_reason_to_refuse():
    good, refused = simulate(rate=500, service=0.001, deadline=0.2, asking=0.19)
    assert refused == 0 and good == pytest.approx(500, abs=1)


def test_a_hard_time_is_forgotten():
    door = Admission(128)
    for _ in range(100):
        door.enter()
    for _ in range(500):
        door.started(0.9, 1.0)
    assert door.allowed < 20
    for _ in range(400):
        door.started(0.0, 1.0)
    assert door.allowed > 25
    while door.inside:
        door.leave()
    assert door.allowed == 128


@given(st.lists(st.tuples(st.sampled_from(["in", "out", "start"]), st.floats(0, 2)), max_size=200), st.integers(0, 20))
def test_never_more_than_the_limit_and_never_stuck(events, limit):
    door = Admission(limit)
    for what, spent in events:
        if what == "in" and door.admits():
            door.enter()
        elif what == "out" and door.inside:
            door.leave()
        elif what == "start" and door.inside:
            door.started(spent, 1.0)
        assert 0 <= door.inside <= limit and min(limit, LEAST) <= door.allowed <= limit
    while door.inside:
        door.leave()
    assert door.admits() is (limit > 0)
