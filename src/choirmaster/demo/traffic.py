"""Sends a replay to the server in order of time: at most four requests in flight, and not one of them may fail."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from choirmaster.demo.replay import Step
from choirmaster.errors import RequestError

ENSEMBLE = "delays"
IN_FLIGHT = 4


class Server(Protocol):
    """What of ``choirmaster.Client`` the replay uses."""

    def predict(self, ensemble: str, rows: Any) -> list[dict[str, Any]]:
        """Ask for each row."""
        ...

    def log_labels(self, ensemble: str, rows: Any) -> dict[str, Any]:
        """Keep labels."""
        ...


@dataclass
class Sent:
    """What was sent and what came back."""

    requests: int = 0
    predictions: int = 0
    labels: int = 0
    degraded: int = 0
    single_seconds: list[float] = field(default_factory=list)


class Replay:
    """Sends steps one after the other.

    The labels of a step are sent when all flights they are of have been answered, and are acknowledged before the
    flights of the step are asked for. Flights of up to three steps may be on their way, and one request with labels.

    Parameters
    ----------
    server : Server
        Safe to be used by several threads.
    progress : callable
        ``progress(step, predictions sent so far)``.
    """

    def __init__(self, server: Server, progress: Callable[[Step, int], None]) -> None:
        self._server, self._progress = server, progress
        self.sent = Sent()
        self._waiting: deque[tuple[int, Future[list[dict[str, Any]]]]] = deque()

    def run(self, steps: Iterable[Step]) -> Sent:
        """Send everything; raises the first error of any request."""
        with ThreadPoolExecutor(IN_FLIGHT - 1) as pool:
            for step in steps:
                self._tell(step)
                if step.one_by_one:
                    self._collect(0)
                    self._one_by_one(step.flights)
                elif step.flights:
                    self._collect(IN_FLIGHT - 2)
                    self._waiting.append((step.at, pool.submit(self._server.predict, ENSEMBLE, step.flights)))
                self._progress(step, self.sent.predictions)
            self._collect(0)
        return self.sent

    def _tell(self, step: Step) -> None:
        if not step.labels:
            return
        labels = step.labels
        while self._waiting and self._waiting[0][0] <= step.newest:
            self._collect(len(self._waiting) - 1)
        answer = self._server.log_labels(ENSEMBLE, labels)
        self.sent.requests += 1
        self.sent.labels += answer["accepted"]
        if answer["accepted"] != len(labels):
            raise RequestError(
                "the server did not keep every label", expected=f"{len(labels)} accepted", got=str(answer)
            )

    def _one_by_one(self, rows: Sequence[dict[str, Any]]) -> None:
        for row in rows:
            start = time.perf_counter()
            answer = self._server.predict(ENSEMBLE, [row])
            self.sent.single_seconds.append(time.perf_counter() - start)
            self._count(answer)

    def _collect(self, at_most: int) -> None:
        """Wait until at most so many requests are in flight."""
        while len(self._waiting) > at_most:
            _, answer = self._waiting.popleft()
            self._count(answer.result())

    def _count(self, answer: Sequence[dict[str, Any]]) -> None:
        lost = sum(row["recorded"] == "dropped" for row in answer)
        if lost:
            raise RequestError(
                "the server did not record every prediction", expected="all of them", got=f"{lost} dropped"
            )
        self.sent.requests += 1
        self.sent.predictions += len(answer)
        self.sent.degraded += sum(row["degraded"] for row in answer)
