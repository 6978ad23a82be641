"""The processes of one member are killed again and again under load: every answer comes, from those that are left."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.layout import Layout, SeriesSpec, Status, Task
from choirmaster.members.fake import FakeMember
from choirmaster.members.isolated import IsolatedMember
from choirmaster.members.loading import Source
from choirmaster.serve.request import PredictRequest
from choirmaster.serve.runner import EnsembleRunner
from choirmaster.serve.settings import EnsembleSettings
from tests.entrances.http.kit import Clock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

KILLS = 200 if os.environ.get("CHOIRMASTER_SOAK") == "1" else 5
LAYOUT = Layout(Task.BINARY, tuple(SeriesSpec(one) for one in ("a", "b", "apart", "fused")), classes=("no", "yes"),
                positive="yes", numeric=("x",))  # fmt: skip
ROW = pa.table({"x": [0.25]})


class Asking(threading.Thread):
    """Asks for one answer after the other."""

    def __init__(self, runner):
        super().__init__(daemon=True)
        self.runner, self.ending = runner, threading.Event()
        self.answers, self.statuses, self.failures = 0, {}, []

    def run(self):
        while not self.ending.is_set():
            try:
                answer = self.runner.answer(PredictRequest(ROW))
            except Exception as error:
                self.failures.append(repr(error))
                continue
            if not np.isfinite(answer.output).all():
                self.failures.append("not finite")
            status = answer.calls[2].status
            self.statuses[status] = self.statuses.get(status, 0) + 1
            self.answers += 1
            time.sleep(0.002)


def came_back(member, gone):
    start = time.monotonic()
    while time.monotonic() - start < 60.0:
        if len(member.pids) == 2 and gone not in member.pids:
            return time.monotonic() - start
        time.sleep(0.005)
    raise AssertionError("the process did not come back")


def test_no_answer_is_lost():
    source = Source(name="apart", target="tests.unit.members.functions:first", features=("x",), classes=("no", "yes"))
    member = IsolatedMember(source, processes=2)
    members = {"a": FakeMember("a", 0.25), "b": FakeMember("b", 0.75), "apart": member}
    settings = EnsembleSettings("e", LAYOUT, quorum=2, deadline_seconds=5.0)
    runner = EnsembleRunner(settings, members, Clock())
    came_back(member, None)
    clients = [Asking(runner) for _ in range(3)]
    for one in clients:
        one.start()
    away = []
    for _ in range(KILLS):
        victim = member.pids[0]
        os.kill(victim, signal.SIGKILL)
        away.append(came_back(member, victim))
    before = [one.answers for one in clients]
    until = time.monotonic() + 30.0
    while any(one.answers < seen + 5 for one, seen in zip(clients, before, strict=True)) and time.monotonic() < until:
        time.sleep(0.01)
    last = runner.answer(PredictRequest(ROW))
    for one in clients:
        one.ending.set()
    for one in clients:
        one.join()
    runner.close()
    member.close()
    answers = sum(one.answers for one in clients)
    print(f"{KILLS} kills, {answers} answers, back after {np.median(away):.2f} s, at most {max(away):.2f} s")
    assert [one.failures for one in clients] == [[], [], []]
    assert answers > KILLS and member.restarts == KILLS
    assert Status.INVALID not in {status for one in clients for status in one.statuses}
    assert last.calls[2].status in {Status.OK, Status.QUARANTINED}  # a breaker may keep it out for a while
