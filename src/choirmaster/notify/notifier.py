"""One queue and one thread for each sink: a dead sink delays nobody. At least once, with a stable fingerprint."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from choirmaster.ports import Clock, Notification, Sink, Store

_LOG = structlog.get_logger(__name__)
OUTBOX = "outbox"
WAITING, SENT, DEAD = "waiting", "sent", "dead"
FIRST_WAIT, LONGEST_WAIT, ATTEMPTS = 1.0, 60.0, 20


class Notifier:
    """Sends alerts through sinks.

    What is to be sent is written to the outbox first and marked after the sink took it: a crash between the two
    repeats a message, with the same fingerprint, and never loses one.

    Parameters
    ----------
    sinks : mapping of name to Sink
    store : Store
    clock : Clock
    """

    def __init__(self, sinks: Mapping[str, Sink], store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self._lines = {name: _Line(sink, self._done) for name, sink in sinks.items()}
        for key, document in store.documents(OUTBOX).items():
            if document["state"] == WAITING and document["sink"] in self._lines:
                self._lines[document["sink"]].put(key, document)

    def send(self, alert: Mapping[str, Any], sinks: Sequence[str]) -> None:
        """Put an alert into the outbox of each sink."""
        for name in sinks:
            if name not in self._lines:
                continue
            key = f"{name}/{alert['id']}/{alert['state']}"
            document = {"sink": name, "state": WAITING, "attempts": 0, "message": _message(alert)}
            self.store.put_document(OUTBOX, key, document, at=self.clock.now())
            self._lines[name].put(key, document)

    def _done(self, key: str, document: dict[str, Any], state: str, why: str) -> None:
        self.store.put_document(OUTBOX, key, {**document, "state": state, "why": why}, at=self.clock.now())

    def flush(self, seconds: float = 10.0) -> None:
        """Wait until everything was sent or gave up, at most so long for each sink."""
        for one in self._lines.values():
            one.flush(seconds)

    def close(self) -> None:
        """Send what is there at once and stop; what is left stays in the outbox."""
        for one in self._lines.values():
            one.close()


def _message(alert: Mapping[str, Any]) -> dict[str, Any]:
    names = ("ensemble", "rule", "series", "feature", "segment", "metric")
    return {
        "fingerprint": alert["fingerprint"], "status": alert["state"], "severity": alert["severity"],
        "title": alert["title"], "text": alert["text"], "link": alert.get("link", ""), "at": alert["changed_at"],
        "fields": {name: str(alert[name]) for name in names if alert.get(name)},
    }  # fmt: skip


class _Line:
    """The queue in front of one sink."""

    def __init__(self, sink: Sink, done: Any) -> None:
        self._sink, self._done = sink, done
        self._queue: queue.SimpleQueue[tuple[str, dict[str, Any]] | None] = queue.SimpleQueue()
        self._stop, self._idle = threading.Event(), threading.Event()
        self._idle.set()
        self._open = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"sink-{sink.name}", daemon=True)
        self._thread.start()

    def put(self, key: str, document: dict[str, Any]) -> None:
        with self._lock:
            self._open += 1
            self._idle.clear()
        self._queue.put((key, document))

    def flush(self, seconds: float) -> None:
        self._idle.wait(seconds)

    def close(self) -> None:
        self._idle.wait(2.0)
        self._stop.set()
        self._queue.put(None)
        self._thread.join(2.0)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                self._deliver(*item)
            except Exception as error:  # the store may be closing; the outbox still says waiting
                _LOG.warning("notification_not_marked", sink=self._sink.name, error=str(error))
            with self._lock:
                self._open -= 1
                if not self._open:
                    self._idle.set()

    def _deliver(self, key: str, document: dict[str, Any]) -> None:
        notification = Notification(**document["message"])
        wait = FIRST_WAIT
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._sink.send(notification)
            except Exception as error:  # what a sink did not foresee is tried again too
                if not getattr(error, "retryable", True) or attempt == ATTEMPTS:
                    _LOG.error("notification_dead", sink=self._sink.name, title=notification.title, error=str(error))
                    self._done(key, {**document, "attempts": attempt}, DEAD, str(error))
                    return
                if self._stop.wait(wait):
                    return
                wait = min(wait * 2, LONGEST_WAIT)
            else:
                self._done(key, {**document, "attempts": attempt}, SENT, "")
                return
