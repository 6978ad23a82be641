"""Verbs on real servers under load: no failed and no mixed answer, nothing lost over a restart or to another file."""

import json
import threading
import time

import pytest

from tests.faults.served import ENSEMBLE, Connection, Served, installation

pytestmark = [pytest.mark.slow, pytest.mark.end_to_end, pytest.mark.timeout(900)]

X, ROWS = 0.25, 8
SAYS = {"up": X, "down": 1.0 - X}  # each member's probability of "late" at X
BODY = json.dumps({"rows": [{"x": X, "carrier": "aa"}] * ROWS})


def weighted(folder):
    """Write the small installation with a rule that reads weights."""
    config = installation(folder, record="async, deadline: 30s")  # the machine may be busy
    config.write_text(config.read_text().replace("    answer:", "    fusion: {rule: weighted_mean}\n    answer:"))
    return config


class Several(Served):
    """The server with two processes on one port."""

    def arguments(self):
        return ["--workers", "2"]


class Asking(threading.Thread):
    """Asks one server for one answer after the other, and keeps them."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.answers, self.failed = server, [], []
        self.ending = threading.Event()

    def run(self):
        link = Connection()
        while not self.ending.is_set():
            got = link.call(self.server.address, "POST", f"/api/predict/{ENSEMBLE}", BODY)
            (self.answers.append(got[1]) if got and got[0] == 200 else self.failed.append(got))
        link.close()


class Operator:
    """Sends verbs to a server and remembers what was decided."""

    def __init__(self):
        self.link, self.decided = Connection(), []
        self.weights = {"equal": {"up": 1.0, "down": 1.0}}

    def __call__(self, server, path, **body):
        status, answer = self.link.call(server.address, "POST", path, json.dumps({"reason": "test", **body}))
        assert status == 200, (answer, server.lines[-200:])
        self.decided.append(answer)
        if answer["action"] == "weights.set":
            self.weights[f"decision-{answer['number']}"] = body["weights"]
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()

    def audit(self, server):
        status, rows = self.link.call(server.address, "GET", f"/api/audit?subject={ENSEMBLE}&limit=10000")
        assert status == 200
        return [one for one in rows if one["action"] != "reference.set"]


def stands(server):
    """Return (roles, weight version) that a server answers with now."""
    link = Connection()
    status, answer = link.call(server.address, "POST", f"/api/predict/{ENSEMBLE}", BODY)
    link.close()
    assert status == 200
    return tuple(answer["predictions"][0]["present"]), answer["weight_version"]


def until(check, wanted, seconds=30.0):
    """Wait for something; returns how long it took."""
    start = time.monotonic()
    while (found := check()) != wanted:
        assert time.monotonic() - start < seconds, (found, wanted)
        time.sleep(0.01)
    return time.monotonic() - start


def mixed(answer, weights):
    """Return what of an answer does not fit together, '' where it is whole."""
    rows, given = answer["predictions"], weights[answer["weight_version"]]
    present = rows[0]["present"]
    if any(one["present"] != present for one in rows):
        return f"rows differ: {[one['present'] for one in rows]}"
    wanted = sum(given[name] * SAYS[name] for name in present) / sum(given[name] for name in present)
    wrong = [one["probability"]["late"] for one in rows if abs(one["probability"]["late"] - wanted) > 1e-12]
    return f"{answer['weight_version']} {present}: {wrong} in place of {wanted}" if wrong else ""


@pytest.mark.parametrize("times", [15, pytest.param(100, marks=pytest.mark.soak)])
def test_a_member_out_and_back_and_other_weights_under_load(tmp_path, times):
    config, took = weighted(tmp_path / "site"), []
    with Served(config) as one, Served(config) as two, Operator() as decide:
        servers = [one.spawn(), two.spawn()]
        for server in servers:
            server.listening()
        until(lambda: [stands(each)[0] for each in servers], [("up", "down")] * 2)
        clients = [Asking(server) for server in servers]
        for client in clients:
            client.start()
        for turn in range(times):
            here, there = servers[turn % 2], servers[1 - turn % 2]
            decide(here, f"/api/members/{ENSEMBLE}/up", role="off")
            assert stands(here)[0] == ("down",)
            took.append(until(lambda there=there: stands(there)[0], ("down",)))
            weights = {"up": 1.0 + turn, "down": 2.0}
            version = f"decision-{decide(there, f'/api/weights/{ENSEMBLE}', weights=weights)['number']}"
            decide(here, f"/api/members/{ENSEMBLE}/up", role="voter")
            took.append(until(lambda there=there: stands(there), (("up", "down"), version)))
            until(lambda here=here: stands(here), (("up", "down"), version))
        for client in clients:
            client.ending.set()
        for client in clients:
            client.join()
        entries = decide.audit(one)
    answers = [answer for client in clients for answer in client.answers]
    assert [client.failed for client in clients] == [[], []]
    assert [text for text in (mixed(one, decide.weights) for one in answers) if text] == []
    assert len({answer["weight_version"] for answer in answers}) == times + 1
    keys = ("who", "action", "before", "after")
    assert [tuple(e[k] for k in keys) for e in entries[::-1]] == [tuple(d[k] for k in keys) for d in decide.decided]
    assert len(entries) == 3 * times
    print(f"{len(answers)} answers, {3 * times} decisions; another server followed in {max(took):.3f} s at most")


def test_every_process_on_one_port_follows(tmp_path):
    config = weighted(tmp_path / "site")
    with Several(config) as server, Operator() as decide:
        server.spawn().listening()
        until(lambda: stands(server)[0], ("up", "down"))
        decide(server, f"/api/members/{ENSEMBLE}/up", role="off")
        weights = decide(server, f"/api/weights/{ENSEMBLE}", weights={"up": 2.0, "down": 3.0})
        new = {(("down",), f"decision-{weights['number']}")}  # of 40 connections each process takes some
        until(lambda: {stands(server) for _ in range(40)}, new)
        decide(server, f"/api/undo/{ENSEMBLE}")
        decide(server, f"/api/undo/{ENSEMBLE}")
        until(lambda: {stands(server) for _ in range(40)}, {(("up", "down"), "equal")})


def test_a_decision_outlives_a_restart_and_another_file_and_runs_out_by_itself(tmp_path):
    config = weighted(tmp_path / "site")
    with Served(config) as server, Operator() as decide:
        server.spawn().listening()
        decide(server, f"/api/weights/{ENSEMBLE}", weights={"up": 3.0, "down": 1.0})
        told = json.loads(server.run("member", "set", ENSEMBLE, "down", "--role", "off", "--reason", "by hand",
                                     "--config", str(config), "--json"))  # fmt: skip
        assert told["action"] == "member.set"
        until(lambda: stands(server), (("up",), "decision-1"))
        server.stop()
        config.write_text(config.read_text().replace("weighted_mean}", "weighted_mean, weights: {up: 1, down: 9}}"))
        server.spawn().listening()
        assert stands(server) == (("up",), "decision-1")  # the very first answer
        checked = json.loads(server.run("check", "--config", str(config), "--json"))
        values = {each["path"]: each["value"] for each in checked["values"]}
        assert values[f"$.ensembles.{ENSEMBLE}.fusion.weights.up"] == "3"
        assert values[f"$.ensembles.{ENSEMBLE}.members.down.role"] == "off"
        link = Connection()
        page = link.call(server.address, "GET", "/?format=json")[1]
        link.close()
        (shown,) = [each for each in page["tables"] if each["name"] == "decided"]
        assert {row["what"]: row["now"] for row in shown["rows"]} == {
            "down": "off", "weights": "up 3, down 1 (decision-1)"}  # fmt: skip
        server.run("weights", "clear", ENSEMBLE, "--reason", "trial over", "--url",
                   "http://{}:{}".format(*server.address))  # fmt: skip
        decide(server, f"/api/members/{ENSEMBLE}/down/clear")
        assert stands(server) == (("up", "down"), "configured")
        decide(server, f"/api/members/{ENSEMBLE}/up", role="off", **{"for": "1s"})
        assert stands(server)[0] == ("down",)
        until(lambda: stands(server)[0], ("up", "down"))
        until(lambda: decide.audit(server)[0]["action"], "expire")
        assert decide.audit(server)[0]["before"] == "up: off"
