"""A ledger of acknowledged ids, and the kill test that holds a program against it.

The program under test acknowledges by printing one line a batch, ``ack <id> <id> ...``, after they are durable (a
client of a server writes the same lines itself with :meth:`Ledger.write`). ``Killed`` starts it, lets it run for a
random time, kills it with SIGKILL, and keeps what it had acknowledged by then.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path


class Ledger:
    """Acknowledged ids, in a file that is synced before it counts."""

    def __init__(self, path):
        self._file = Path(path).open("a+", encoding="utf-8")  # noqa: SIM115 - open as long as the ledger
        self._lock = threading.Lock()
        self.count = 0

    def write(self, ids):
        with self._lock:
            self.count += 1
            self._file.write("".join(f"{one}\n" for one in ids))
            self._file.flush()
            os.fsync(self._file.fileno())

    def ids(self):
        with self._lock:
            self._file.seek(0)
            return self._file.read().split()

    def close(self):
        self._file.close()


class Killed:
    """Runs a program again and again, each time until a SIGKILL at a random moment."""

    def __init__(self, command, ledger, *, seed, environment=None):
        self._command, self._ledger, self._rng = command, ledger, random.Random(seed)
        self._environment = environment
        self.runs = 0
        print(f"seed {seed}")

    def run(self, *, least=0.0, most=0.3, start_seconds=60.0):
        """Start, wait for the first acknowledgement, kill after ``least`` to ``most`` seconds more."""
        self.runs += 1
        command = [*self._command, str(self.runs)]
        program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self._environment)
        first = threading.Event()
        reader = threading.Thread(target=self._read, args=(program.stdout, first))
        reader.start()
        try:
            assert first.wait(start_seconds), "the program acknowledged nothing"
            time.sleep(self._rng.uniform(least, most))
        finally:
            program.send_signal(signal.SIGKILL)
            program.wait()
            reader.join()
            program.stdout.close()

    def _read(self, lines, first):
        for line in lines:
            if line.startswith("ack ") and line.endswith("\n"):  # half a line is no acknowledgement
                self._ledger.write(line.split()[1:])
                first.set()


def missing_and_twice(acknowledged, stored):
    """Return the acknowledged ids that are not stored, and the stored ids that are there more than once."""
    counts = Counter(stored)
    return sorted(set(acknowledged) - counts.keys()), sorted(one for one, count in counts.items() if count > 1)


def python(script, *arguments):
    """Return the command that runs a script with this interpreter."""
    return [sys.executable, str(script), *map(str, arguments)]
