"""The real server as a process of its own, on a folder that outlives it, and connections that speak to it."""

import http.client
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MODULE = """\
import numpy as np


def up(rows):
    late = rows["x"].to_numpy()
    return np.column_stack([1.0 - late, late])


def down(rows):
    late = 1.0 - rows["x"].to_numpy()
    return np.column_stack([1.0 - late, late])
"""
CONFIG = """\
store: ./data
ensembles:
  delays:
    task: binary
    classes: [ontime, late]
    positive: late
    members:
      up: {{callable: "tiny_members:up", classes: [ontime, late], features: [x]}}
      down: {{callable: "tiny_members:down", classes: [ontime, late], features: [x]}}
    features: {{numeric: [x], categorical: [carrier]}}
    answer: {{record: {record}}}
    monitor:
      {{window: 1h, grace: 0s, every: 1s, clock: data, segments: [carrier], reference: {{file: reference.parquet}}}}
access: {{listen: "127.0.0.1:0"}}
"""
ADDRESS = re.compile(r"listens on http://([\d.]+):(\d+)")
ENSEMBLE = "delays"


def installation(folder, *, record="durable"):
    """Write a small configuration with two members and a reference; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny_members.py").write_text(MODULE)
    rng = np.random.default_rng(1)
    x = rng.uniform(size=400)
    rows = {"x": x, "carrier": rng.choice(["aa", "bb"], 400), "label": np.where(x > 0.5, "late", "ontime")}
    pq.write_table(pa.table(rows), folder / "reference.parquet")
    path = folder / "choirmaster.yaml"
    path.write_text(CONFIG.format(record=record))
    return path


BYTECODE = Path(tempfile.gettempdir()) / f"choirmaster-bytecode-{os.getuid()}"


def environment(folder):
    """Return the variables of a program; what it compiles of Python is kept, since it starts again and again."""
    out = dict(os.environ)
    out["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, [out.get("PYTHONPATH", "")])])
    out["PYTHONUNBUFFERED"] = "1"
    if out.pop("PYTHONDONTWRITEBYTECODE", ""):
        out["PYTHONPYCACHEPREFIX"] = str(BYTECODE)
    return out


class Served:
    """``choirmaster serve`` on one configuration, started and killed as often as wanted."""

    def __init__(self, config):
        self.config = Path(config)
        self._environment = environment(self.config.parent)
        self.process, self.address, self.lines = None, None, []
        self._found = queue.Queue()
        self._reader = None

    def arguments(self):
        """Return what else the command is told."""
        return []

    def spawn(self):
        """Start; the address comes later."""
        self._found = queue.Queue()
        command = [sys.executable, "-m", "choirmaster", "serve", str(self.config), *self.arguments()]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self._environment
        )
        self._reader = threading.Thread(target=self._read, args=(self.process, self._found))
        self._reader.start()
        return self

    def listening(self, seconds=60.0):
        """Wait until it listens."""
        self.address = self._found.get(timeout=seconds)
        assert self.address is not None, f"the server ended: {self.lines[-20:]}"
        return self

    def _read(self, process, found):
        for line in process.stdout:
            self.lines.append(line.rstrip())
            match = ADDRESS.search(line)
            if match:
                found.put((match[1], int(match[2])))
        found.put(None)

    def kill(self):
        """End it with SIGKILL."""
        self.address = None
        self._end(signal.SIGKILL)

    def stop(self):
        """End it with SIGTERM; returns its exit code and the seconds that took."""
        start = time.monotonic()
        code = self._end(signal.SIGTERM)
        return code, time.monotonic() - start

    def _end(self, sign):
        if self.process is None:
            return None
        self.process.send_signal(sign)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        self.process, self.address = None, None
        return code

    def run(self, *arguments, seconds=100):
        """Run another command of choirmaster to its end; returns what it wrote."""
        command = [sys.executable, "-m", "choirmaster", *arguments]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=seconds, check=False
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr  # 1: there is something to tell
        return done.stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.kill()


class Connection:
    """One connection that is kept open; a new one after the server went away."""

    def __init__(self):
        self._link, self._address = None, None

    def call(self, address, method, path, body=None, kind="application/json"):
        """Send and return (status, answer); None where no whole answer came."""
        try:
            if self._link is None or self._address != address:
                self.close()
                self._link, self._address = http.client.HTTPConnection(*address, timeout=10), address
            self._link.request(method, path, body, {"Content-Type": kind})
            answer = self._link.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return None
        return answer.status, json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text.decode()

    def close(self):
        if self._link is not None:
            self._link.close()
        self._link = None


def lines(records):
    """Return records as JSON lines."""
    return "".join(json.dumps(one) + "\n" for one in records)
