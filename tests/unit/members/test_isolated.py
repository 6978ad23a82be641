"""A member in child processes: the same answers, and whatever it does to its process it does to nothing else."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.errors import MemberError
from choirmaster.members import isolated
from choirmaster.members.frames import pack_answer, unpack_answer
from choirmaster.members.isolated import IsolatedMember
from choirmaster.members.loading import Source

FUNCTIONS = "tests.unit.members.functions"


def rows(what, n=3):
    return pa.table({"what": np.full(n, float(what)), "more": np.zeros(n)})


def member(name, classes=(), **more):
    return IsolatedMember(Source(name="m", target=f"{FUNCTIONS}:{name}", features=("what",), classes=classes), **more)


@pytest.fixture(scope="module")
def acting():
    made = member("act")
    yield made
    made.close()


def test_it_answers_as_the_function(acting):
    assert acting.predict(rows(42)).tolist() == [42.0] * 3
    made = member("first", classes=("no", "yes"))
    assert (made.classes, made.features, len(made.version)) == (("no", "yes"), ("what",), 12)
    assert made.predict(rows(0.25, 2)).tolist() == [[0.75, 0.25]] * 2
    made.close()


@pytest.mark.parametrize(
    ("what", "said"),
    [(1, "told to"), (2, "signal 9"), (4, "signal 11"), (5, "another shape"), (8, "exit code 7"), (9, "no numbers")],
)
def test_what_a_call_does_to_its_process_is_an_error_of_that_call(acting, what, said):
    with pytest.raises(MemberError, match=said):
        acting.predict(rows(what))
    assert acting.predict(rows(42)).tolist() == [42.0] * 3


def test_noise_on_standard_output_disturbs_nothing(acting):
    assert acting.predict(rows(6)).tolist() == [6.0] * 3


def test_a_call_that_hangs_is_given_up_in_time_and_its_process_killed(acting, monkeypatch):
    monkeypatch.setattr(isolated, "HANG_SECONDS", 0.2)
    (before,) = acting.pids
    start = time.monotonic()
    with pytest.raises(MemberError, match="no answer within"):
        acting.predict_within(rows(3), 0.1)
    assert time.monotonic() - start < 5.0
    assert acting.predict(rows(42)).tolist() == [42.0] * 3
    assert before not in acting.pids


def test_an_idle_process_that_was_killed_is_started_again():
    made = member("pid")
    (before,) = made.pids
    os.kill(before, signal.SIGKILL)
    until = time.monotonic() + 30.0
    while (not made.pids or made.pids == (before,)) and time.monotonic() < until:
        time.sleep(0.02)
    (after,) = made.pids
    assert made.predict(rows(0)).tolist() == [float(after)] * 3 and made.restarts == 1
    made.close()
    assert made.pids == ()


def test_memory_is_bounded():
    made = member("act", memory_bytes=2**30)
    with pytest.raises(MemberError, match=r"MemoryError|allocate|process ended"):
        made.predict(rows(7))
    assert made.predict(rows(42)).tolist() == [42.0] * 3
    made.close()


def test_several_processes_answer():
    made = member("pid", processes=2)
    until, seen = time.monotonic() + 30.0, set()
    while len(seen) < 2 and time.monotonic() < until:
        seen.add(made.predict(rows(0))[0])
    made.close()
    assert len(seen) == 2


@pytest.mark.parametrize("target", ["no_such_module_here:f", "math:nothing", f"{FUNCTIONS}:nothing"])
def test_what_cannot_be_loaded_is_an_error_when_it_is_made(target):
    with pytest.raises(MemberError, match="cannot import a member"):
        IsolatedMember(Source(name="m", target=target))


def test_an_answer_of_another_shape_than_asked_for_is_refused():
    body = bytearray(pack_answer(np.zeros((2, 3))))
    assert unpack_answer(body, 2, 3, "m").shape == (2, 3)
    for rows_, width in ((2, None), (3, 2), (2, 2), (6, None)):
        with pytest.raises(MemberError, match="another shape"):
            unpack_answer(body, rows_, width, "m")
    for broken in (bytearray(), body[:5], body[:-1], body + b"x"):
        with pytest.raises(MemberError, match="another shape"):
            unpack_answer(broken, 2, 3, "m")
