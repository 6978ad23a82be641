"""The program that is killed: eight threads append to one journal, a drainer moves it to the store all the while."""

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from choirmaster.record.drainer import Drainer
from choirmaster.stores.journal import Journal
from choirmaster.stores.journal_file import JournalFolder
from choirmaster.stores.lake.store import EmbeddedStore
from tests.backends.events import LAYOUT, predictions


class Real:
    def now(self):
        return time.time_ns() // 1000

    def monotonic(self):
        return time.monotonic()


def main(folder, run):
    journal = Journal(folder / "journal", "0", now=Real().now)
    store = EmbeddedStore(folder / "store")
    store.open_ensemble("delays", LAYOUT)
    drainer = Drainer(store, JournalFolder(folder / "journal"), Real(), f"run{run}", group_rows=200, lease_seconds=0.5)
    said = threading.Lock()

    def ingest(thread):
        count = 0
        while True:
            names = [f"r{run}t{thread}n{count + one}" for one in range(5)]
            batch = predictions([*names, "r0shared"])  # one id comes in every batch and must be stored once
            journal.append(batch)
            with said:
                print("ack", *names, flush=True)
            count += 5

    for thread in range(8):
        threading.Thread(target=ingest, args=(thread,), daemon=True).start()
    while True:
        drainer.drain()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
