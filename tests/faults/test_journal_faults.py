"""The journal on a bad disk: no false acknowledgement, and damage costs what it hit and nothing else (A3, A4)."""

import random
import shutil
import sqlite3

import pytest

from choirmaster.errors import JournalError, Unavailable
from choirmaster.stores.journal import Journal
from choirmaster.stores.journal_file import JournalFile, JournalFolder, connect
from tests.backends.events import NOON, ids, predictions


def journal(folder, **options):
    return Journal(folder, "0", now=lambda: NOON, **options)


def filled(folder, count=12):
    """A closed journal of some batches, all in the main file."""
    one = journal(folder)
    for start in range(count):
        one.append(predictions(ids(40, start * 40)))
    one.close()
    return folder / "0.sqlite"


def served(path):
    one = JournalFile(path)
    try:
        parts = list(one.parts(0, 10_000))
        return [part.batch.rows.column("id").to_pylist() for part in parts], sum(one.damaged.values())
    finally:
        one.close()


def test_a_payload_with_a_flipped_bit_is_put_aside_and_counted(tmp_path):
    path = filled(tmp_path)
    link = sqlite3.connect(path)
    payload = bytearray(link.execute("SELECT payload FROM batches WHERE sequence = 5").fetchone()[0])
    payload[len(payload) // 2] ^= 1
    link.execute("UPDATE batches SET payload = ? WHERE sequence = 5", (bytes(payload),))
    link.commit()
    link.close()
    one = journal(tmp_path)
    assert [part.sequence for part in one.parts(0)] == [1, 2, 3, 4, *range(6, 13)]
    assert one.damaged == 1
    assert [part.sequence for part in one.parts(0)] == [1, 2, 3, 4, *range(6, 13)]
    assert one.append(predictions(["new"])).id.endswith(":13")
    one.close()


def test_bits_flipped_at_random_never_serve_damage_and_the_journal_starts(tmp_path):
    path = filled(tmp_path / "good")
    want, none = served(path)
    assert none == 0
    bytes_ = path.read_bytes()
    rng, lost = random.Random(7), []
    for number in range(40):
        folder = tmp_path / f"bad{number}"
        folder.mkdir()
        damaged = bytearray(bytes_)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        (folder / "0.sqlite").write_bytes(damaged)
        one = journal(folder)  # starts by itself, always
        got = [part.batch.rows.column("id").to_pylist() for part in one.parts(0, 10_000)]
        assert all(rows in want for rows in got)
        lost.append(len(want) - len(got))
        acknowledged = one.append(predictions(["after"])).id
        assert [part.id for part in one.parts(0, 10_000)][-1] == acknowledged
        one.close()
        shutil.rmtree(folder)
    assert sum(one > 1 for one in lost) <= 6  # only a hit on SQLite's own pages costs more than one batch


def test_a_torn_tail_of_the_write_ahead_log_is_cut_off(tmp_path):
    live = tmp_path / "live"
    one = journal(live)
    for start in range(6):
        one.append(predictions(ids(5, start * 5)))
    wal = (live / "0.sqlite-wal").read_bytes()
    for cut in random.Random(3).sample(range(1, 4096), 10):
        copy = tmp_path / f"cut{cut}"
        copy.mkdir()
        shutil.copy(live / "0.sqlite", copy / "0.sqlite")
        (copy / "0.sqlite-wal").write_bytes(wal[:-cut])
        again = journal(copy)
        rows = [part.batch.rows.column("id").to_pylist() for part in again.parts(0)]
        assert rows == [ids(5, start * 5) for start in range(5)]  # the torn one is gone, the others are whole
        again.append(predictions(["after"]))
        again.close()
    one.close()


class Faulty:
    """A connection whose commits fail when told to."""

    def __init__(self, path, orders):
        self._link, self._orders = connect(path), orders

    def execute(self, statement, *values):
        if statement == "COMMIT" and self._orders:
            raise sqlite3.OperationalError(self._orders.pop(0))
        return self._link.execute(statement, *values)

    def __getattr__(self, name):
        return getattr(self._link, name)


def test_a_failed_sync_is_no_acknowledgement_and_the_file_is_not_synced_again(tmp_path):
    orders = []
    one = journal(tmp_path, opener=lambda path: Faulty(path, orders))
    first = one.append(predictions(["a"]))
    orders.append("disk I/O error")
    with pytest.raises(JournalError, match="did not take"):
        one.append(predictions(["b"]))
    after = one.append(predictions(["c"]))
    assert after.id.split(":")[0] != first.id.split(":")[0]
    assert sorted(path.name for path in tmp_path.glob("*.sqlite")) == ["0-1.sqlite", "0.sqlite"]
    folder = JournalFolder(tmp_path)
    found = [row for each in folder() for part in each.parts(0) for row in part.batch.rows.column("id").to_pylist()]
    assert sorted(found) == ["a", "c"]
    folder.close()
    one.close()


def test_a_full_disk_refuses_and_recovers_in_the_same_file(tmp_path):
    orders = []
    one = journal(tmp_path, opener=lambda path: Faulty(path, orders))
    orders.append("database or disk is full")
    with pytest.raises(JournalError):
        one.append(predictions(["a"]))
    assert one.append(predictions(["a"])).accepted == 1
    assert [part.batch.rows.column("id").to_pylist() for part in one.parts(0)] == [["a"]]
    one.close()


def test_a_full_journal_refuses_until_the_store_has_drained(tmp_path):
    one = journal(tmp_path, max_bytes=30_000)
    accepted = 0
    with pytest.raises(Unavailable, match="full"):
        while True:
            one.append(predictions(ids(20, accepted * 20)))
            accepted += 1
    assert accepted == len(list(one.parts(0)))
    one.forget(accepted)
    assert one.append(predictions(["after"])).id.endswith(f":{accepted + 1}")
    one.close()
