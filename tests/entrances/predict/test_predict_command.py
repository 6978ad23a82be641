"""``choirmaster predict`` and ``choirmaster show`` as a user runs them, with a server and without one."""

from __future__ import annotations

import json

import pytest

from tests.faults.served import Served, installation

pytestmark = [pytest.mark.slow, pytest.mark.end_to_end, pytest.mark.timeout(240)]

ROWS = "id,x,carrier\n" + "".join(f"r{n},{n / 40},aa\n" for n in range(40)) + "odd,much,bb\n"


def test_a_file_is_answered_by_the_members_and_by_a_server(tmp_path):
    config = installation(tmp_path / "site", record="durable")
    data = tmp_path / "rows.csv"
    data.write_text(ROWS)
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    with Served(config) as server:
        asked = ["predict", str(data), "--ensemble", "delays", "--rows", "7", "--config", str(config), "--json"]
        counts = json.loads(server.run(*asked, "--out", str(here)))
        host, port = server.spawn().listening().address
        told = json.loads(server.run(*asked, "--out", str(there), "--url", f"http://{host}:{port}"))
        shown = json.loads(server.run("show", "delays", "r7", "--config", str(config), "--json"))
        server.stop()
    same = {"rows": 41, "answered": 40, "unanswered": 0, "degraded": 0, "rejected": 1}
    assert {name: counts[name] for name in same} == {name: told[name] for name in same} == same
    assert here.read_bytes() == there.read_bytes() and here.read_text().count("\n") == 41
    (aside,) = [json.loads(line) for line in (tmp_path / "there.csv.rejects.jsonl").read_text().splitlines()]
    assert aside == {"reason": 'column "x": expected a number, got "much"', "row": 40, "id": "odd"}
    assert shown["features"] == {"x": 7 / 40, "carrier": "aa"} and shown["present"] == ["up", "down"]
    assert shown["members"][0]["answer"]["late"] == 7 / 40
