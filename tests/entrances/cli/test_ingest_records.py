"""``choirmaster ingest`` takes the records that the HTTP route takes, from a file."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from choirmaster.app.services import Services
from choirmaster.cli.main import main
from tests.faults.served import ENSEMBLE, installation

START = datetime(2026, 1, 5, tzinfo=UTC)


def record(number: int) -> dict:
    at = (START + timedelta(minutes=number)).isoformat()
    members = {"up": 0.25 if number % 2 else {"late": 0.25, "ontime": 0.75}, "down": 0.75}
    return {"id": number, "time": at, "features": {"x": number / 8, "carrier": "aa"}, "members": members, "fused": 0.5}


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    config = installation(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def call(*argv: str, code: int = 0):
        found = main([*argv, "--config", str(config), "--json"], Services)
        out, err = capsys.readouterr()
        assert found == code, err
        return json.loads(out or err)

    yield call
    sys.modules.pop("tiny_members", None)


def test_nested_records_of_a_file_keep_all_they_hold(run, tmp_path) -> None:
    records = [record(number) for number in range(8)]
    bad = [{**record(8), "members": "up"}, {**record(9), "time": None}]
    (tmp_path / "rows.ndjson").write_text("".join(json.dumps(one) + "\n" for one in records + bad))
    took = run("ingest", str(tmp_path / "rows.ndjson"), "--ensemble", ENSEMBLE, code=1)
    assert (took["rows"], took["accepted"], took["refused"]) == (10, 8, 2)
    assert took["reasons"] == {"missing_time": 1, "wrong_type": 1}
    for number in (3, 4):
        shown = run("show", ENSEMBLE, str(number))
        assert shown["features"] == {"x": number / 8, "carrier": "aa"}
        assert [(one["member"], one["answer"]["late"]) for one in shown["members"]] == [("up", 0.25), ("down", 0.75)]
