"""Calls that wait are made as one: the same answers for each, and nobody fails for another's rows."""

from __future__ import annotations

import threading
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.layout import Status
from choirmaster.serve.batching import joined, taken_apart
from choirmaster.serve.gather import Gather
from choirmaster.serve.lanes import Call, Lane
from tests.entrances.http.kit import Clock, Fake


class Gated:
    """A member whose first call waits, so that the others pile up behind it."""

    name, version, classes, features = "b", "v1", None, ("x",)

    def __init__(self, say=None):
        self.gate, self.asked, self.say = threading.Event(), [], say or (lambda x: 2.0 * x)

    def predict(self, table):
        self.asked.append(table["x"].to_pylist())
        if len(self.asked) == 1:
            self.gate.wait(20)
        return self.say(table["x"].to_numpy())


def asked(member, tables, batch, seconds=20.0):
    """Make one call that holds the only thread, then one for each table; returns their replies."""
    clock, gather = Clock(), Gather()
    lane = Lane(member, clock, concurrency=1, batch=batch)
    for table in [pa.table({"x": [0.0]}), *tables]:
        end = clock.monotonic() + seconds
        lane.submit(Call(table, gather, gather.expect(end), clock.monotonic(), end))
        while not member.asked:
            time.sleep(0.001)
    member.gate.set()
    gather.wait(clock)
    lane.close()
    return [gather.cut(1 + place) for place in range(len(tables))]


rows = st.lists(st.lists(st.floats(-10, 10), min_size=1, max_size=4), min_size=1, max_size=6)


@given(rows, st.integers(0, 12))
def test_each_gets_what_it_would_have_got_alone(lists, batch):
    member = Gated()
    replies = asked(member, [pa.table({"x": values}) for values in lists], batch)
    assert [reply.raw.tolist() for reply in replies] == [[2.0 * x for x in values] for values in lists]
    assert [x for call in member.asked[1:] for x in call] == [x for values in lists for x in values]
    assert all(len(call) <= max(batch, 4) for call in member.asked)
    if batch < 2:
        assert len(member.asked) == 1 + len(lists)


def test_waiting_calls_are_one_call():
    member = Gated()
    asked(member, [pa.table({"x": [float(k)]}) for k in range(10)], 64)
    assert [len(call) for call in member.asked] == [1, 10]


def test_one_bad_request_fails_alone():
    def say(x):
        if (x == 3.0).any():
            raise ValueError("not three")
        return x

    replies = asked(Gated(say), [pa.table({"x": [float(k)]}) for k in range(1, 6)], 64)
    assert [reply.status for reply in replies] == [Status.OK, Status.OK, Status.FAILED, Status.OK, Status.OK]
    assert "not three" in replies[2].detail


@pytest.mark.parametrize("said", [lambda x: 1.0, lambda x: x[:1], lambda x: np.append(x, 1.0)])
def test_an_answer_that_cannot_be_taken_apart_is_asked_for_again_one_by_one(said):
    member = Gated(said)
    replies = asked(member, [pa.table({"x": [1.0, 2.0]}), pa.table({"x": [3.0, 4.0]})], 64)
    assert [len(call) for call in member.asked] == [1, 4, 2, 2]
    assert all(reply.status is Status.OK for reply in replies), "the shape is judged where answers are checked"


def test_texts_keep_their_meaning_and_shapes_are_checked():
    kind = pa.dictionary(pa.int32(), pa.string())
    tables = [pa.table({"c": pa.array(words, kind)}) for words in (["u", None], ["v", "u"])]
    assert joined(tables)["c"].to_pylist() == ["u", None, "v", "u"]
    assert joined(tables)["c"].num_chunks == 1
    assert taken_apart([[1, 2], [3]], [1, 1]) is None and taken_apart("boo", [1, 1]) is None
    assert [part.shape for part in taken_apart(np.zeros((3, 2)), [1, 2])] == [(1, 2), (2, 2)]


def test_a_call_that_finds_a_thread_free_is_made_at_once():
    clock, gather = Clock(), Gather()
    lane = Lane(Fake("a", 0.5), clock, batch=64)
    end = clock.monotonic() + 20
    lane.submit(Call(pa.table({"x": [1.0]}), gather, gather.expect(end), clock.monotonic(), end))
    gather.wait(clock)
    assert gather.reply(0).status is Status.OK
    lane.close()
