"""The asynchronous recorder: bounded, quick, every drop counted."""

import threading

import pytest

from choirmaster.errors import JournalError, Unavailable
from choirmaster.record.queue import AsyncRecorder, DurableRecorder, joined
from choirmaster.records import Receipt
from tests.backends.events import LAYOUT, NUMBERS, ids, labels, predictions


class Fake:
    identity = "f" * 32

    def __init__(self, *errors):
        self.batches, self.errors, self.gate = [], list(errors), threading.Event()
        self.gate.set()

    def append(self, batch):
        self.gate.wait(10)
        if self.errors:
            raise self.errors.pop(0)
        self.batches.append(batch)
        return Receipt("x", batch.rows.num_rows)


def test_what_is_queued_arrives_joined_and_in_order():
    journal = Fake()
    recorder = AsyncRecorder(journal)
    assert {recorder(predictions([one])) for one in ids(50)} == {"queued"}
    recorder.close()
    assert [row["id"] for batch in journal.batches for row in batch.rows.to_pylist()] == ids(50)
    assert len(journal.batches) < 50
    assert recorder(predictions(["late"])) == "dropped"
    assert recorder.dropped == {"closed": 1}


def test_a_full_queue_drops_and_counts():
    journal = Fake()
    journal.gate.clear()
    recorder = AsyncRecorder(journal, max_rows=10)
    states = [recorder(predictions(ids(4, start))) for start in range(0, 20, 4)]
    assert states == ["queued", "queued", "dropped", "dropped", "dropped"]
    journal.gate.set()
    assert recorder.flush()
    recorder.close()
    assert recorder.dropped == {"queue_full": 12}
    assert sum(batch.rows.num_rows for batch in journal.batches) == 8


@pytest.mark.parametrize(
    ("errors", "dropped"),
    [
        ([JournalError("x")], {}),
        ([JournalError("x"), JournalError("x")], {"journal_error": 3}),
        ([Unavailable("full")], {"journal_full": 3}),
    ],
)
def test_a_journal_that_fails_is_tried_once_more_then_counted(errors, dropped):
    recorder = AsyncRecorder(Fake(*errors))
    recorder(predictions(ids(3)))
    recorder.close()
    assert recorder.dropped == dropped


def test_durable_means_after_the_journal():
    journal = Fake()
    assert DurableRecorder(journal)(predictions(["a"])) == "durable"
    assert len(journal.batches) == 1


def test_joining_keeps_kinds_ensembles_and_columns_apart():
    batches = [
        predictions(["a"]),
        labels([("a", "late")]),
        predictions(["b"]),
        predictions(["n"], layout=NUMBERS, ensemble="hours"),
    ]
    found = joined(batches)
    assert [(one.kind, one.ensemble, one.rows.column("id").to_pylist()) for one in found] == [
        ("prediction", "delays", ["a", "b"]), ("label", "delays", ["a"]), ("prediction", "hours", ["n"])]  # fmt: skip
    assert found[0].rows.schema.equals(LAYOUT.arrow())
