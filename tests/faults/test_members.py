"""Members that hang, die and lie, many times over: every answer in time and honest, and nothing is left behind."""

from __future__ import annotations

import gc
import os
import threading
import time
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.errors import MemberError, Unavailable
from choirmaster.layout import Status
from choirmaster.members.fake import Act, FakeMember
from choirmaster.serve.settings import Fallback, MemberSettings
from tests.entrances.http.kit import runner
from tests.unit.serve.test_runner import request, three

SOAK = os.environ.get("CHOIRMASTER_SOAK") == "1"
MANY = 10_000 if SOAK else 1_000
GOOD = {"a": 0.2, "b": 0.4, "c": 0.6, "d": 0.8}


def choir(odd, **settings):
    """Four members that are well and one that is not."""
    members = {name: FakeMember(name, value) for name, value in GOOD.items()} | {"odd": odd}
    return runner(members, three(*members.values()), **settings)


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def settle(what, seconds=10.0):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.01)
    return what()


ODD = {
    "dies": Act(error=MemberError("gone", where="a worker")),
    "lies": Act(np.nan),
    "answers another shape": Act(lambda table: np.zeros((table.num_rows, 2, 3))),
}


@pytest.mark.parametrize("how", ODD)
@pytest.mark.parametrize("breaker", [True, False])
def test_thousands_of_requests_with_one_bad_member_leave_nothing_behind(how, breaker):
    settings = {} if breaker else {"breaker": None}
    one = choir(FakeMember("odd", ODD[how]), kept=(kept := []), deadline_seconds=10.0, **settings)
    ask = request()
    for _ in range(50):
        one.answer(ask)
    kept.clear()
    gc.collect()
    threads, open_files = threading.active_count(), descriptors()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(MANY // 5 if not SOAK else MANY):
        answer = one.answer(ask)
        assert answer.degraded and answer.output[0, 1] == 0.5 and list(answer.missing) == ["odd"]
    kept.clear()
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 200_000, f"{grown} bytes"
    assert threading.active_count() <= threads + 2 and descriptors() <= open_files + 2
    one.close()


def test_with_a_member_that_hangs_every_answer_comes_and_the_threads_come_back():
    gate = threading.Event()
    odd = FakeMember("odd", Act(0.5, delay_seconds=1.0), sleep=lambda _: gate.wait(60))
    before = threading.active_count()
    one = choir(odd, deadline_seconds=0.3, members={"odd": MemberSettings(concurrency=2)}, fallback=Fallback(
        "constant", constant={"no": 0.5, "yes": 0.5}))  # fmt: skip
    partial = 0
    for _ in range(MANY):
        answer = one.answer(request())
        assert answer.missing["odd"] in {"late", "hung", "breaker_open"}
        partial += answer.present == ("a", "b", "c", "d")
    assert odd.calls == 2, "the third call was not made"
    assert partial >= 0.99 * MANY, "on a busy machine a good member may be late once"
    gate.set()
    one.close()
    assert settle(lambda: threading.active_count() <= before + 2)


def test_a_hundred_megabytes_are_left_out_and_let_go():
    said = []

    def predict(table):
        array = np.zeros(13_000_000)
        said.append(weakref.ref(array))
        return array

    huge = FakeMember("odd")
    huge.predict = predict
    one = choir(huge, deadline_seconds=30.0)
    for _ in range(3):
        answer = one.answer(request())
        assert answer.missing == {"odd": "invalid"} and answer.calls[4].reasons == {"wrong_shape": 1}
    one.close()
    assert settle(lambda: [one() for one in said] == [None] * 3)


replies = st.one_of(
    st.floats(), st.none(), st.text(max_size=3), st.booleans(),
    st.lists(st.floats(), max_size=4),
    st.lists(st.lists(st.floats(), min_size=1, max_size=3), max_size=4),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=2),
    st.lists(st.floats(0, 1), min_size=2, max_size=2).map(lambda ps: [(1 - p, p) for p in ps]),
)  # fmt: skip


@given(replies, replies)
def test_whatever_members_say_an_answer_is_finite_and_each_row_left_out_has_its_reason(first, second):
    def liar(name, says):
        member = FakeMember(name)
        member.predict = lambda table: says
        return member

    members = {"a": FakeMember("a", 0.25), "b": liar("b", first), "c": liar("c", second)}
    one = runner(members, three(*members.values()), deadline_seconds=30.0)
    answer = one.answer(request(1, 2))
    one.close()
    assert np.isfinite(answer.output).all() and ((answer.output >= 0) & (answer.output <= 1)).all()
    assert answer.output.sum(axis=1) == pytest.approx(1.0)
    for call in answer.calls:
        left_out = int((~call.usable).sum())
        assert left_out == sum((call.reasons or {}).values())
        assert (call.status is Status.INVALID) == (left_out == 2)


@pytest.mark.parametrize("down", range(6))
@pytest.mark.parametrize("fallback", ["error", "constant", "member"])
def test_below_quorum_nothing_is_invented(down, fallback):
    """C4: members fail one by one; quorum is 3 of 5."""
    chosen = {"error": Fallback(), "member": Fallback("member", member="e"),
              "constant": Fallback("constant", constant={"no": 0.25, "yes": 0.75})}[fallback]  # fmt: skip
    shares = GOOD | {"e": 0.5}
    members = {name: FakeMember(name, Act(error=RuntimeError("down")) if place < down else value)
               for place, (name, value) in enumerate(shares.items())}  # fmt: skip
    one = runner(members, three(*members.values()), quorum=3, fallback=chosen, deadline_seconds=10.0)
    for _ in range(1000 if SOAK else 20):
        left = [value for place, value in enumerate(shares.values()) if place >= down]
        if len(left) >= 3:
            answer = one.answer(request())
            assert answer.output[0, 1] == pytest.approx(sum(left) / len(left)) and not answer.fallback.any()
        elif fallback == "constant" or (fallback == "member" and left):
            answer = one.answer(request())
            assert answer.output[0, 1] == {"constant": 0.75, "member": 0.5}[fallback] and answer.fallback.all()
        else:
            with pytest.raises(Unavailable, match="below its quorum"):
                one.answer(request())
    one.close()
