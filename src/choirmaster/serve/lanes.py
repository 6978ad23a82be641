"""A lane runs one member's calls on its own few threads, so a hung member holds those and nothing else.

A call whose deadline has passed costs the member nothing. A result that comes after its deadline is thrown away and
counted. When every thread of a lane is held by a call past its deadline, new calls are not made at all.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from choirmaster.layout import Status
from choirmaster.ports import Clock, Member


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one call: a raw answer when ``status`` is ok, else why not."""

    status: Status
    raw: Any = None
    latency_us: int | None = None
    detail: str = ""


class Gather:
    """Collects the replies of one request until all are in or time is up."""

    def __init__(self, deadlines: Sequence[float]) -> None:
        self._changed = threading.Condition()
        self._replies: list[Reply | None] = [None] * len(deadlines)
        self._missing = dict(enumerate(deadlines))
        self._closed = False

    def put(self, index: int, reply: Reply) -> bool:
        """Take a reply; False when nobody waits for it any more."""
        with self._changed:
            if self._closed or self._replies[index] is not None:
                return False
            self._replies[index] = reply
            mine = self._missing.pop(index)
            if mine > max(self._missing.values(), default=0.0):
                self._changed.notify_all()
            return True

    def wait(self, clock: Clock) -> list[Reply | None]:
        """Return the replies when all are in, or the deadlines of all that miss have passed; None for those."""
        with self._changed:
            while self._missing and (left := max(self._missing.values()) - clock.monotonic()) > 0:
                self._changed.wait(left)
            self._closed = True
            return list(self._replies)


@dataclass(frozen=True, slots=True)
class Call:
    """One member's share of a request."""

    table: pa.Table
    gather: Gather
    index: int
    submitted: float
    deadline: float


class Lane:
    """The threads and the queue of one member."""

    def __init__(self, member: Member, clock: Clock, *, concurrency: int = 4, waiting: int = 256) -> None:
        self.member = member
        self.late_results = 0
        self._clock = clock
        self._concurrency, self._most_waiting = max(1, concurrency), waiting
        self._changed = threading.Condition()
        self._queue: deque[Call] = deque()
        self._running: dict[int, Call] = {}
        self._threads = 0
        self._closed = False

    def submit(self, call: Call) -> None:
        """Queue a call, or answer at once why it is not made."""
        with self._changed:
            refusal = self._refusal()
            if not refusal:
                self._queue.append(call)
                self._changed.notify()
                if len(self._running) + len(self._queue) > self._threads < self._concurrency:
                    self._start()
        if refusal:
            call.gather.put(call.index, Reply(Status.QUARANTINED, detail=refusal))

    @property
    def hung(self) -> bool:
        """Whether every thread is held by a call past its deadline."""
        with self._changed:
            return self._stuck()

    @property
    def threads(self) -> int:
        """How many threads the lane has started and not ended."""
        return self._threads

    def close(self) -> None:
        """End idle threads; a hung one ends with its call, or with the process."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._changed.notify_all()

    def _refusal(self) -> str:
        if self._closed:
            return "shutting down"
        if self._stuck():
            return f"{len(self._running)} calls still hang past their deadline"
        if len(self._queue) >= self._most_waiting:
            return f"{len(self._queue)} calls are waiting already"
        return ""

    def _stuck(self) -> bool:
        if len(self._running) < self._concurrency:
            return False
        now = self._clock.monotonic()
        return all(call.deadline < now for call in self._running.values())

    def _start(self) -> None:
        self._threads += 1
        name = f"member-{self.member.name}-{self._threads}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        me = threading.get_ident()
        while True:
            with self._changed:
                self._running.pop(me, None)
                while not self._queue and not self._closed:
                    self._changed.wait()
                if self._closed:
                    self._threads -= 1
                    return
                call = self._queue.popleft()
                self._running[me] = call
            self._run(call)
            del call

    def _run(self, call: Call) -> None:
        if self._clock.monotonic() >= call.deadline:
            call.gather.put(call.index, Reply(Status.LATE, detail="still waiting for a free thread"))
            return
        try:
            reply = Reply(Status.OK, self.member.predict(call.table))
        except Exception as error:
            reply = Reply(Status.FAILED, detail=describe(error))
        end = self._clock.monotonic()
        elapsed = max(0, round((end - call.submitted) * 1e6))
        status = Status.LATE if end > call.deadline else reply.status
        done = Reply(status, None if status is Status.LATE else reply.raw, elapsed, reply.detail)
        if not call.gather.put(call.index, done):
            with self._changed:
                self.late_results += 1


def describe(error: BaseException) -> str:
    """Return the kind and the start of an error's text, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
