"""The journal on a good disk."""

import sqlite3
import threading

import pytest

from choirmaster.errors import JournalError
from choirmaster.stores.journal import Journal
from choirmaster.stores.journal_file import JournalFile, JournalFolder
from tests.backends.events import NOON, ids, labels, predictions


@pytest.fixture
def journal(tmp_path):
    one = Journal(tmp_path, "0", now=lambda: NOON)
    yield one
    one.close()


def test_parts_come_back_as_they_went_in(journal):
    batches = [predictions(ids(7)), labels([("a", None, NOON, "desk", 2)]), predictions([])]
    receipts = [journal.append(one) for one in batches]
    parts = list(journal.parts(0))
    assert [one.id for one in parts] == [one.id for one in receipts] == [f"{journal.identity}:{n}" for n in (1, 2, 3)]
    assert [one.accepted for one in receipts] == [7, 1, 0]
    for part, batch in zip(parts, batches, strict=True):
        assert part.batch.kind is batch.kind
        assert part.batch.rows.equals(batch.rows)
        assert part.received_at == NOON
    assert [one.sequence for one in journal.parts(1, 1)] == [2]


def test_sequences_are_never_used_again(tmp_path, journal):
    journal.append(predictions(["a"]))
    journal.forget(1)
    identity = journal.identity
    journal.close()
    again = Journal(tmp_path, "0", now=lambda: NOON)
    assert again.append(predictions(["b"])).id == f"{identity}:2"
    again.close()


def test_concurrent_appends_share_commits(tmp_path):
    commits = []

    class Slow(sqlite3.Connection):
        def execute(self, statement, *values):
            if statement == "COMMIT":
                commits.append(1)
                threading.Event().wait(0.02)
            return super().execute(statement, *values)

    def opener(path):
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Slow)

    one = Journal(tmp_path, "0", now=lambda: NOON, opener=opener)
    receipts = []
    threads = [
        threading.Thread(target=lambda n=n: receipts.append(one.append(predictions([f"a{n}"])))) for n in range(40)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len({each.id for each in receipts}) == 40
    assert len(commits) < 20
    one.close()


def test_commits_are_synced(tmp_path, journal):
    assert journal._writer.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_slot_has_one_owner_and_any_number_of_readers(tmp_path, journal):
    with pytest.raises(JournalError, match="another process"):
        Journal(tmp_path, "0", now=lambda: NOON)
    other = Journal(tmp_path, "1", now=lambda: NOON)
    journal.append(predictions(["a"]))
    other.append(predictions(["b"]))
    other.close()  # an orphan now
    folder = JournalFolder(tmp_path)
    found = {one.path.name: len(list(one.parts(0))) for one in folder()}
    assert found == {"0.sqlite": 1, "1.sqlite": 1}
    assert [id(one) for one in folder()] == [id(one) for one in folder()]
    (tmp_path / "2.sqlite").write_bytes(b"no database at all" * 100)
    assert len(folder()) == 2
    assert list(folder.unreadable) == ["2.sqlite"]
    folder.close()


def test_an_unreadable_file_is_moved_aside_at_the_start(tmp_path):
    (tmp_path / "0.sqlite").write_bytes(b"no database at all" * 100)
    one = Journal(tmp_path, "0", now=lambda: NOON)
    assert one.moved_aside == 1
    assert (tmp_path / "0.1.damaged").exists()
    one.append(predictions(["a"]))
    one.close()


def test_a_closed_journal_takes_nothing(tmp_path, journal):
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append(predictions(["a"]))


def test_reading_from_elsewhere_while_the_owner_writes(tmp_path, journal):
    reader = JournalFile(tmp_path / "0.sqlite")
    for number in range(5):
        journal.append(predictions([f"a{number}"]))
        assert len(list(reader.parts(number))) == 1
        reader.forget(number)
    reader.close()
