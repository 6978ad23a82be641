"""A lane runs one member's calls on its own few threads, so a hung member holds those and nothing else.

A call whose deadline has passed costs the member nothing. A result that comes after its deadline is thrown away and
counted. When every thread of a lane is held by a call past its deadline, new calls are not made at all. Calls that wait
may be made as one, where the member gains from that.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from choirmaster.layout import Status
from choirmaster.ports import Clock, Member
from choirmaster.serve.batching import joined, taken_apart
from choirmaster.serve.gather import Gather, Reply


@dataclass(frozen=True, slots=True)
class Call:
    """One member's share of a request."""

    table: pa.Table
    gather: Gather
    index: int
    submitted: float
    deadline: float


@runtime_checkable
class Bounded(Protocol):
    """A member that ends by itself when its time is over, such as one that asks another machine."""

    def predict_within(self, features: pa.Table, seconds: float) -> Any:
        """Answer for each row, or give up after so many seconds."""
        ...


class Lane:
    """The threads and the queue of one member."""

    def __init__(
        self, member: Member, clock: Clock, *, concurrency: int = 4, waiting: int = 256, batch: int = 0
    ) -> None:
        self.member = member
        self._bounded = member if isinstance(member, Bounded) else None
        self.late_results = 0
        self._clock = clock
        self._concurrency, self._most_waiting, self._batch = max(1, concurrency), waiting, batch
        self._changed = threading.Condition()
        self._queue: deque[Call] = deque()
        self._running: dict[int, list[Call]] = {}
        self._threads = 0
        self._closed = False

    def submit(self, call: Call) -> bool:
        """Queue a call, or answer at once why it is not made."""
        with self._changed:
            why, detail = self._refusal()
            if not why:
                self._queue.append(call)
                self._changed.notify()
                if len(self._running) + len(self._queue) > self._threads < self._concurrency:
                    self._start()
        if why:
            call.gather.put(call.index, Reply(Status.QUARANTINED, detail=detail, why=why))
        return not why

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
            left = list(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        for call in left:
            call.gather.put(call.index, Reply(Status.QUARANTINED, detail="shutting down", why="closing"))

    def _refusal(self) -> tuple[str, str]:
        if self._closed:
            return "closing", "shutting down"
        if self._stuck():
            return "hung", f"{len(self._running)} calls still hang past their deadline"
        if len(self._queue) >= self._most_waiting:
            return "busy", f"{len(self._queue)} calls are waiting already"
        return "", ""

    def _stuck(self) -> bool:
        if len(self._running) < self._concurrency:
            return False
        now = self._clock.monotonic()
        return all(call.deadline < now for calls in self._running.values() for call in calls)

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
                calls = self._running[me] = self._next()
            self._run(calls)
            del calls

    def _next(self) -> list[Call]:
        """Take the first call that waits, and those behind it that fit in one batch."""
        calls = [self._queue.popleft()]
        rows = calls[0].table.num_rows
        while self._queue and (rows := rows + self._queue[0].table.num_rows) <= self._batch:
            calls.append(self._queue.popleft())
        return calls

    def _run(self, calls: list[Call]) -> None:
        now = self._clock.monotonic()
        late = [call for call in calls if call.deadline <= now]
        for call in late:
            call.gather.put(call.index, Reply(Status.LATE, detail="still waiting for a free thread"))
        left = [call for call in calls if call.deadline > now]
        if len(left) > 1 and self._run_together(left, max(call.deadline for call in left) - now):
            return
        for call in left:
            self._run_alone(call)

    def _run_together(self, calls: list[Call], seconds: float) -> bool:
        """Ask about the rows of all calls at once; False where that gave no answer to take apart."""
        try:
            raw = self._predict(joined([call.table for call in calls]), seconds)
            parts = taken_apart(raw, [call.table.num_rows for call in calls])
        except Exception:  # one request's rows must not fail the others: each is asked alone, and fails alone
            return False
        for call, part in zip(calls, parts or (), strict=False):
            self._put(call, Reply(Status.OK, part))
        return parts is not None

    def _run_alone(self, call: Call) -> None:
        left = call.deadline - self._clock.monotonic()
        if left <= 0:
            call.gather.put(call.index, Reply(Status.LATE, detail="no time was left"))
            return
        try:
            reply = Reply(Status.OK, self._predict(call.table, left))
        except Exception as error:
            reply = Reply(Status.FAILED, detail=describe(error))
        self._put(call, reply)

    def _put(self, call: Call, reply: Reply) -> None:
        end = self._clock.monotonic()
        elapsed = max(0, round((end - call.submitted) * 1e6))
        late = end > call.deadline
        done = Reply(Status.LATE if late else reply.status, None if late else reply.raw, elapsed, reply.detail)
        if not call.gather.put(call.index, done) and late:
            with self._changed:
                self.late_results += 1

    def _predict(self, table: pa.Table, left: float) -> Any:
        if self._bounded is not None:
            return self._bounded.predict_within(table, left)
        return self.member.predict(table)


def describe(error: BaseException) -> str:
    """Return the kind and the start of an error's text, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
