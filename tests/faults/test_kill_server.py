"""SIGKILL of the real server during ingest over HTTP: no acknowledged event is lost, none is counted twice (A1).

The client is another process than the server. It keeps what was acknowledged in a ledger that is synced before it
counts, and sends again, under the same ids, whatever it got no answer for.
"""

import json
import random
import threading
import time

import pytest

from choirmaster.times import HOUR, MINUTE, SECOND
from tests.faults.audit import differences, stored_labels
from tests.faults.ledger import Ledger, missing_and_twice
from tests.faults.served import ENSEMBLE, Connection, Served, installation, lines

KILLS = 20
SEED = 2020
START = 1_767_225_600 * SECOND  # 2026-01-01
ROWS = 8
STEP = 10 * MINUTE  # between two batches of a client, so that windows of an hour pass


def prediction(name, number):
    """Return the one content that an id has."""
    rng = random.Random(name)
    x = round(rng.random(), 6)
    features = {"x": x, "carrier": rng.choice(["aa", "bb", "cc"])}
    answers = {"up": x, "down": 1.0 - x}
    return {"id": name, "time": START + number * STEP, "features": features, "members": answers, "fused": 0.5}


class Client(threading.Thread):
    """Sends without a pause; one batch is sent until it is acknowledged."""

    def __init__(self, place, name, said, truth):
        super().__init__(daemon=True)
        self.place, self.name, self.said, self.truth = place, name, said, truth
        self.ending = threading.Event()
        self.refused = []
        self.again = 0
        self._link = Connection()

    def run(self):
        number = 0
        while not self.ending.is_set():
            self.step(number)
            number += 1
        self._link.close()

    def send(self, path, body, kind="application/json"):
        """Send until it is acknowledged; returns the answer."""
        while True:
            address = self.place.address
            got = None if address is None else self._link.call(address, "POST", path, body, kind)
            if got is not None and got[0] == 200:
                return got[1]
            if got is not None and got[0] != 503:
                self.refused.append(got)
                self.ending.set()
                return None
            self.again += address is not None
            time.sleep(0.02)


class Ingesting(Client):
    """Predictions, their labels, and every third label corrected."""

    def step(self, number):
        names = [f"{self.name}-{number}-{row}" for row in range(ROWS)]
        batch = [*(prediction(one, number) for one in names), prediction("shared", 0)]  # one id comes in every batch
        if self.send("/api/ingest/predictions", lines(batch), "application/x-ndjson") is not None:
            self.said.write(names)
        labels = [{"id": one, "value": "late" if row % 2 else "ontime", "known_at": START + number * STEP + HOUR}
                  for row, one in enumerate(names)]  # fmt: skip
        corrected = [one | {"value": "ontime" if one["value"] == "late" else "late", "revision": 1}
                     for one in labels[::3]]  # fmt: skip
        for some in (labels, corrected):
            if self.send("/api/ingest/labels", lines(some), "application/x-ndjson") is not None:
                self.truth.write([json.dumps([one["id"], one["value"]]).replace(" ", "") for one in some])


class Asking(Client):
    """Asks for answers that are recorded durably; the ids are its own, so a second try is the same event."""

    def step(self, number):
        name = f"{self.name}-{number}"
        row = prediction(name, number)
        body = {"rows": [row["features"]], "ids": [name], "times": [row["time"]]}
        answer = self.send(f"/api/predict/{ENSEMBLE}", json.dumps(body))
        if answer is not None:
            assert answer["recorded"] == "durable", answer
            self.said.write([name])


@pytest.mark.slow
@pytest.mark.end_to_end
@pytest.mark.timeout(400)
def test_twenty_kills_of_the_server_lose_nothing_and_count_nothing_twice(tmp_path):
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    config = installation(tmp_path / "site")
    said, truth = Ledger(tmp_path / "said"), Ledger(tmp_path / "truth")
    with Served(config) as server:
        server.spawn().listening()
        clients = [Ingesting(server, f"i{one}", said, truth) for one in range(4)]
        clients.append(Asking(server, "a", said, truth))
        for one in clients:
            one.start()
        for kill in range(KILLS):
            if kill % 5 == 4:  # during the start, or what a start heals
                time.sleep(rng.uniform(0.0, 2.0))
            else:
                if kill:
                    server.listening()
                before = said.count
                until = time.monotonic() + 20.0
                while said.count == before and time.monotonic() < until:
                    time.sleep(0.005)
                late = 4.0 if kill in (6, 13) else float(kill % 3 == 1)  # when the drainer and the monitor are at work
                time.sleep(late + rng.uniform(0.0, 1.0 + late / 4))
            server.kill()
            server.spawn()
        server.listening()
        for one in clients:
            one.ending.set()
        for one in clients:
            one.join(60)
        assert server.stop()[0] == 0
        measured = json.loads(server.run("monitor", "--once", "--config", str(config), "--json"))
    assert [one.refused for one in clients] == [[]] * len(clients)
    acknowledged = said.ids()
    labels = dict(json.loads(one) for one in truth.ids())
    said.close()
    truth.close()
    check(config, acknowledged, labels)
    again = sum(one.again for one in clients)
    print("measured at the end:", {name: measured[name] for name in ("rows", "windows", "values")})
    print(f"{KILLS} kills, {len(acknowledged)} acknowledged, {len(labels)} labels, {again} tries without an answer")
    assert len(acknowledged) > 20 * KILLS
    assert again > 0
    assert measured["windows"] > 1


def check(config, acknowledged, labels):
    """Compare what the clients know with what the store holds, and its states with a count of all rows."""
    rows, wrong = differences(config)
    missing, twice = missing_and_twice(acknowledged, rows.column("id").to_pylist())
    assert (missing, twice) == ([], [])
    assert set(rows.column("id").to_pylist()) - set(acknowledged) <= {"shared"}
    current = stored_labels(rows)
    assert {name: value for name, value in labels.items() if current.get(name) != value} == {}
    assert wrong == []
