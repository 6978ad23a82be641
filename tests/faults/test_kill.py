"""SIGKILL of journal and drainer alone: every acknowledged event is stored, and none twice.

Few kills by default, because each hits a drain into Delta; the whole server is killed in ``test_kill_server.py``.
"""

import time
from pathlib import Path

import pytest

from choirmaster.record.drainer import Drainer
from choirmaster.stores.journal_file import JournalFolder
from choirmaster.stores.lake.store import EmbeddedStore
from tests.backends.events import LAYOUT
from tests.faults.ledger import Killed, Ledger, missing_and_twice, python
from tests.faults.served import environment


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [6, pytest.param(60, marks=pytest.mark.soak)])
def test_kills_lose_nothing_and_count_nothing_twice(tmp_path, kills):
    ledger = Ledger(tmp_path / "ledger")
    command = python(Path(__file__).with_name("ingesting.py"), tmp_path)
    killed = Killed(command, ledger, seed=20, environment=environment(tmp_path))
    for _ in range(kills):
        killed.run(most=0.6)
    acknowledged = ledger.ids()
    ledger.close()
    store = EmbeddedStore(tmp_path / "store")
    store.open_ensemble("delays", LAYOUT)
    folder = JournalFolder(tmp_path / "journal")
    drain_the_rest(store, folder)
    stored = store.rows("delays", columns=["id"]).column("id").to_pylist()
    missing, twice = missing_and_twice(acknowledged, stored)
    print(f"{kills} kills, {len(acknowledged)} acknowledged, {len(stored)} stored")
    assert (missing, twice) == ([], [])
    assert len(acknowledged) >= kills * 5
    assert "r0shared" in stored
    pending = store.pending("delays", max_rows=10**9)
    assert pending.predictions.num_rows == len(stored)  # the index and the rows agree
    folder.close()
    store.close()


def drain_the_rest(store, folder):
    class Clock:
        def now(self):
            return time.time_ns() // 1000 + 3_600_000_000  # the killed one's lease has run out

        def monotonic(self):
            return time.monotonic()

    drainer = Drainer(store, folder, Clock(), "after")
    drainer.drain()
    assert all(not list(one.parts(0)) for one in folder())


def test_the_ledger_sees_what_is_missing_and_what_is_twice():
    assert missing_and_twice(["a", "b"], ["b", "c", "c"]) == (["a"], ["c"])
