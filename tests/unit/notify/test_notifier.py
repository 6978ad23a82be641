"""Sinks that fail, hang, refuse, and a process that ends before a message is delivered."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from choirmaster.errors import SinkError
from choirmaster.notify import notifier
from choirmaster.notify.notifier import DEAD, OUTBOX, SENT, WAITING, Notifier
from choirmaster.ports import Notification


class Clock:
    """Stands still."""

    def now(self) -> int:
        return 7

    def monotonic(self) -> float:
        return 0.0


class Documents:
    """The part of a store the notifier knows."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    def put_document(self, kind: str, key: str, document, *, at: int) -> None:
        assert (kind, at) == (OUTBOX, 7)
        self.kept[key] = dict(document)

    def documents(self, kind: str, prefix: str = "") -> dict[str, dict[str, Any]]:
        return dict(self.kept)

    @property
    def states(self) -> dict[str, str]:
        return {key: one["state"] for key, one in self.kept.items()}


class Scripted:
    """Fails as the script says, then takes what it gets."""

    def __init__(self, name: str, script: tuple[Exception, ...] = (), gate: threading.Event | None = None) -> None:
        self.name, self.script, self.gate = name, list(script), gate
        self.got: list[Notification] = []
        self.tried = 0

    def send(self, notification: Notification) -> None:
        self.tried += 1
        if self.gate is not None:
            self.gate.wait(10)
        if self.script:
            raise self.script.pop(0)
        self.got.append(notification)


def alert(number: int = 1, state: str = "firing") -> dict[str, Any]:
    return {
        "id": f"f{number}-0", "fingerprint": f"f{number}", "state": state, "severity": "critical", "title": "t",
        "text": "x", "changed_at": 3, "ensemble": "e", "rule": "r", "series": "fused", "feature": "", "segment": "",
        "metric": "roc_auc",
    }  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(notifier, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(notifier, "LONGEST_WAIT", 0.002)


def retry() -> SinkError:
    return SinkError("busy", retryable=True)


def test_a_sink_that_hangs_delays_nobody() -> None:
    gate, store = threading.Event(), Documents()
    stuck, quick_one = Scripted("stuck", gate=gate), Scripted("quick")
    told = Notifier({"stuck": stuck, "quick": quick_one}, store, Clock())
    for number in range(3):
        told.send(alert(number), ["stuck", "quick"])
    told._lines["quick"].flush(5)
    assert [one.fingerprint for one in quick_one.got] == ["f0", "f1", "f2"]
    assert stuck.got == []
    gate.set()
    told.close()
    assert len(stuck.got) == 3
    assert set(store.states.values()) == {SENT}


def test_a_failure_that_may_pass_is_tried_again() -> None:
    store, sink = Documents(), Scripted("s", (retry(), retry()))
    told = Notifier({"s": sink}, store, Clock())
    told.send(alert(), ["s"])
    told.flush(5)
    assert (sink.tried, len(sink.got)) == (3, 1)
    assert store.kept["s/f1-0/firing"]["attempts"] == 3
    told.close()


def test_what_a_sink_did_not_foresee_is_tried_again() -> None:
    store, sink = Documents(), Scripted("s", (OSError("network is down"),))
    told = Notifier({"s": sink}, store, Clock())
    told.send(alert(), ["s"])
    told.flush(5)
    assert len(sink.got) == 1
    told.close()


@pytest.mark.parametrize(("script", "tried"), [((SinkError("no such page", retryable=False),), 1),
                                               (tuple(retry() for _ in range(30)), notifier.ATTEMPTS)])  # fmt: skip
def test_a_message_dies_and_the_next_one_lives(script: tuple[Exception, ...], tried: int) -> None:
    store, sink = Documents(), Scripted("s", script)
    told = Notifier({"s": sink}, store, Clock())
    told.send(alert(1), ["s"])
    told.flush(5)
    assert (sink.tried, store.states) == (tried, {"s/f1-0/firing": DEAD})
    sink.script = []
    told.send(alert(2), ["s"])
    told.flush(5)
    assert [one.fingerprint for one in sink.got] == ["f2"]
    told.close()


def test_what_waits_outlives_the_process_and_what_is_dead_stays_dead() -> None:
    store = Documents()
    first = Scripted("s", tuple(retry() for _ in range(99)), gate=threading.Event())
    told = Notifier({"s": first}, store, Clock())
    told._lines["s"]._stop.set()  # the process ends before the first attempt comes back
    told.send(alert(1), ["s"])
    assert first.gate is not None
    first.gate.set()
    told.close()
    assert store.states == {"s/f1-0/firing": WAITING}
    store.kept["s/f9-0/firing"] = {**store.kept["s/f1-0/firing"], "state": DEAD}
    second = Scripted("s")
    again = Notifier({"s": second}, store, Clock())
    again.flush(5)
    again.close()
    assert [one.fingerprint for one in second.got] == ["f1"]
    assert store.states == {"s/f1-0/firing": SENT, "s/f9-0/firing": DEAD}


def test_an_alert_for_a_sink_that_is_gone_is_kept_for_nobody() -> None:
    store = Documents()
    told = Notifier({}, store, Clock())
    told.send(alert(), ["gone"])
    assert store.kept == {}
    told.close()
