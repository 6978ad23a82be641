"""Several server processes on one port: all answer, one that is killed is started again, and all end in order."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from choirmaster.app.ensembles import layout_of
from choirmaster.app.files import journal_folder, read_config
from choirmaster.app.installation import Installation
from choirmaster.exporters.workers import joined
from choirmaster.stores.journal_file import JournalFolder
from choirmaster.times import MINUTE, SECOND
from tests.faults.ledger import missing_and_twice
from tests.faults.served import ADDRESS, ENSEMBLE, Connection, Served, installation

pytestmark = [pytest.mark.slow, pytest.mark.end_to_end, pytest.mark.timeout(240)]
START = 1_767_225_600 * SECOND


class Several(Served):
    """The server with three processes."""

    def arguments(self):
        return ["--workers", "3"]


class Asking(threading.Thread):
    """Asks on a new connection each time, and notes what was answered."""

    def __init__(self, server, name):
        super().__init__(daemon=True)
        self.server, self.name, self.answered, self.refused = server, name, [], []
        self.ending = threading.Event()

    def run(self):
        number = 0
        while not self.ending.is_set():
            name, number, link = f"{self.name}-{number}", number + 1, Connection()
            body = {"rows": [{"x": 0.5, "carrier": "aa"}], "ids": [name], "times": [START + number * MINUTE]}
            got = link.call(self.server.address, "POST", f"/api/predict/{ENSEMBLE}", json.dumps(body))
            link.close()
            if got is not None:  # None: the process that had the connection was killed
                (self.answered if got[0] == 200 else self.refused).append(name if got[0] == 200 else got)
            time.sleep(0.005)


def workers_of(pid):
    """Return the child processes that serve."""
    out = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return {int(line.split()[0]) for line in out.stdout.splitlines() if "choirmaster.app.worker" in line}


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    assert met


def page(server):
    link = Connection()
    status, text = link.call(server.address, "GET", "/metrics")
    link.close()
    assert status == 200
    return text


def test_several_processes_serve_as_one(tmp_path):
    config = installation(tmp_path / "site", record="durable, deadline: 20s")  # a busy machine refuses none
    with Several(config) as server:
        server.spawn().listening()
        before = workers_of(server.process.pid)
        assert len(before) == 3
        clients = [Asking(server, f"c{one}") for one in range(3)]
        for one in clients:
            one.start()
        counted = re.compile(r'choirmaster_requests_total\{worker="(\d)",.*predict.*status="200"\}')
        until(lambda: {found[1] for found in counted.finditer(page(server))} == {"0", "1", "2"})
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len(workers_of(server.process.pid)) == 3 and min(before) not in workers_of(server.process.pid))
        seen = [len(one.answered) for one in clients]
        until(lambda: all(len(one.answered) > count + 5 for one, count in zip(clients, seen, strict=True)))
        for one in clients:
            one.ending.set()
        for one in clients:
            one.join()
        after = workers_of(server.process.pid)
        code, _ = server.stop()
        assert code == 0 and not any(_runs(pid) for pid in after)
    assert [one.refused for one in clients] == [[], [], []]
    files = JournalFolder(journal_folder(read_config(config), config))
    assert files.waiting() == 0  # drained at the end
    files.close()
    site = Installation(config)
    site.store.open_ensemble(ENSEMBLE, layout_of(site.config.ensembles[ENSEMBLE]))
    stored = site.store.rows(ENSEMBLE).column("id").to_pylist()
    site.close()
    answered = {name: 0.0 for one in clients for name in one.answered}
    assert missing_and_twice(answered, stored) == ([], [])


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_end_with_the_process_that_started_them(tmp_path):
    with Several(installation(tmp_path / "site")) as server:
        server.spawn().listening()
        pids = workers_of(server.process.pid)
        assert len(pids) == 3
        server.kill()
        until(lambda: not any(_runs(pid) for pid in pids), 30.0)


@pytest.mark.parametrize(("workers", "said"), [("0", "workers out of range"), ("3", "a worker does not start")])
def test_what_cannot_start_says_why_and_leaves_nothing(workers, said, tmp_path):
    config = installation(tmp_path / "site")
    (config.parent / "tiny_members.py").unlink()
    command = [sys.executable, "-m", "choirmaster", "serve", str(config), "--workers", workers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode != 0 and said in done.stdout + done.stderr
    assert ADDRESS.search(done.stdout) is None


def test_pages_are_joined_family_by_family():
    one = '# HELP a A.\n# TYPE a counter\na{x="y"} 1.0\n# TYPE b histogram\nb_bucket{le="+Inf"} 2.0\nb_sum 3.0\n'
    two = '# HELP a A.\n# TYPE a counter\na{x="z"} 4.0\n'
    text = joined([(0, one), (1, two)])
    assert text.splitlines() == [
        "# HELP a A.", "# TYPE a counter", 'a{worker="0",x="y"} 1.0', 'a{worker="1",x="z"} 4.0',
        "# TYPE b histogram", 'b_bucket{worker="0",le="+Inf"} 2.0', 'b_sum{worker="0"} 3.0',
    ]  # fmt: skip
    from prometheus_client.parser import text_string_to_metric_families

    samples = {(s.name, s.labels["worker"]): s.value for f in text_string_to_metric_families(text) for s in f.samples}
    assert samples["a_total" if ("a_total", "0") in samples else "a", "1"] == 4.0 and samples["b_sum", "0"] == 3.0
