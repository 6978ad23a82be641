"""References, longer windows and other times from the command line, over a real store."""

from __future__ import annotations

import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from choirmaster.app.services import Services
from choirmaster.cli.main import main
from tests.faults.served import ENSEMBLE, installation

HOURS, DAYS = 24, 5


def events(folder):
    """One row an hour, each with a label a day later; the labels of the second day are corrected on the fifth."""
    stamp = "2026-01-{:02d}T{:02d}:30:00Z".format
    rows, labels = [], []
    for number in range(HOURS * DAYS):
        day, hour, x = 1 + number // HOURS, number % HOURS, number % 97 / 97
        rows.append({"id": f"r{number}", "time": stamp(day, hour), "features": {"x": x, "carrier": "aa"},
                     "members": {"up": x, "down": 1.0 - x}, "fused": 0.5})  # fmt: skip
        truth = "late" if x > 0.5 else "ontime"
        labels.append({"id": f"r{number}", "value": truth, "known_at": stamp(day + 1, hour), "revision": 0})
        if day == 2:
            labels.append({"id": f"r{number}", "value": "late", "known_at": stamp(5, hour), "revision": 1})
    for name, what in (("rows", rows), ("labels", labels)):
        (folder / f"{name}.ndjson").write_text("".join(json.dumps(one) + "\n" for one in what))


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    config = installation(tmp_path)
    config.write_text(config.read_text().replace("window: 1h", "window: 1d"))
    monkeypatch.syspath_prepend(str(tmp_path))
    events(tmp_path)

    def call(*argv, code: int | None = 0):
        found = main([*argv, "--config", str(config), "--json"], Services)
        out, err = capsys.readouterr()
        assert code in (None, found), err
        return json.loads(out or err)

    yield call
    sys.modules.pop("tiny_members", None)


def test_a_reference_is_set_listed_and_shown_and_values_follow(run, tmp_path) -> None:
    for name, kind in (("rows", "predictions"), ("labels", "labels")):
        took = run("ingest", str(tmp_path / f"{name}.ndjson"), "--ensemble", ENSEMBLE, "--kind", kind)
        assert took["refused"] == 0
    run("monitor", code=None)
    first = run("reference", "list", ENSEMBLE)
    assert [one["current"] for one in first] == [True]
    found = run("reference", "set", ENSEMBLE, "--from-window", "2026-01-01..2026-01-03", "--since", "2026-01-03",
                "--who", "joe", "--cause", "trial")  # fmt: skip
    assert (found["rows"], found["windows"], found["since"]) == (48, 3, "2026-01-03T00:00:00Z")
    listed = run("reference", "list", ENSEMBLE)
    assert [(one["id"], one["who"], one["current"]) for one in listed] == [
        (found["id"], "joe", True), (first[0]["id"], "", False)]  # fmt: skip
    shown = run("reference", "show", ENSEMBLE, first[0]["id"])
    assert (shown["rows"], shown["series"]) == (400, ["up", "down", "fused"])
    assert {one["name"] for one in shown["features"]} == {"x", "carrier"}
    assert run("reference", "show", ENSEMBLE, "nothing", code=3)["error"]["code"] == "not_found"
    days = run("metrics", ENSEMBLE, "--metric", "log_loss", "--series", "up")
    assert [one["reference"] for one in days] == [first[0]["id"]] * 2 + [found["id"]] * 3
    (whole,) = run("metrics", ENSEMBLE, "--metric", "log_loss", "--series", "up", "--window", "all")
    assert (whole["window_start"], whole["window_end"]) == ("2026-01-01T00:00:00Z", "2026-01-06T00:00:00Z")
    mixed = run("metrics", ENSEMBLE, "--metric", "psi", "--feature", "x", "--window", "1mo")
    assert [one["reason"] for one in mixed] == ["mixed_references"]
    assert run("metrics", ENSEMBLE, "--window", "5h", code=2)["error"]["code"] == "config"
    again = run("reference", "set", ENSEMBLE, "--from", str(tmp_path / "reference.parquet"), "--since", "2026-01-01")
    assert again["id"] == first[0]["id"]  # the same content has the same id
    assert run("reference", "set", ENSEMBLE, "--first", "1d", "--since", "2026-01-05")["rows"] == HOURS
    for wrong in (["--first", "1d", "--from", "x"], ["--from-window", "2026"], ["--from", "nowhere.parquet"]):
        assert run("reference", "set", ENSEMBLE, *wrong, code=2)["error"]["what"]


def test_values_as_known_then(run, tmp_path) -> None:
    for name, kind in (("rows", "predictions"), ("labels", "labels")):
        run("ingest", str(tmp_path / f"{name}.ndjson"), "--ensemble", ENSEMBLE, "--kind", kind)
    run("monitor", code=None)
    ask = ("metrics", ENSEMBLE, "--metric", "prevalence", "--series", "up")
    now = {one["window_start"][:10]: one["value"] for one in run(*ask)}
    then = {one["window_start"][:10]: one["value"] for one in run(*ask, "--as-of", "2026-01-04T12:00:00Z")}
    assert list(then) == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert now["2026-01-02"] == 1.0
    assert then["2026-01-02"] < 1.0
    assert then["2026-01-01"] == now["2026-01-01"]


def test_the_columns_of_a_reference_file_with_members_are_taken_as_they_are(run, tmp_path) -> None:
    table = pq.read_table(tmp_path / "reference.parquet")
    pq.write_table(table.slice(0, 100), tmp_path / "shorter.parquet")
    assert isinstance(table, pa.Table)
    assert run("reference", "set", ENSEMBLE, "--from", str(tmp_path / "shorter.parquet"))["rows"] == 100
    assert [one["since"] for one in run("reference", "list", ENSEMBLE)] == [None]


def test_a_reference_that_is_being_collected_says_how_far(run, tmp_path) -> None:
    (config,) = tmp_path.glob("*.yaml")
    config.write_text(config.read_text().replace(", reference: {file: reference.parquet}", ""))
    few = (tmp_path / "rows.ndjson").read_text().splitlines(keepends=True)[:10]
    (tmp_path / "few.ndjson").write_text("".join(few))
    run("ingest", str(tmp_path / "few.ndjson"), "--ensemble", ENSEMBLE, "--kind", "predictions")
    share = run("monitor")["collecting"][ENSEMBLE]
    (line,) = run("reference", "list", ENSEMBLE)
    assert line["source"] == f"collecting {int(100 * share)} %"
    assert line["source"] in json.dumps(run("reference", "show", ENSEMBLE, code=None))


def test_a_reference_file_of_another_content_is_told_until_a_reference_is_set(run, tmp_path, capsys) -> None:
    run("ingest", str(tmp_path / "rows.ndjson"), "--ensemble", ENSEMBLE, "--kind", "predictions")
    assert run("check")["notices"] == []  # there is no reference yet
    run("monitor", code=None)
    assert run("check")["notices"] == []
    table = pq.read_table(tmp_path / "reference.parquet")
    pq.write_table(table.slice(50), tmp_path / "reference.parquet")
    (notice,) = run("check")["notices"]
    assert notice.startswith(f"{ENSEMBLE}: the reference file reference.parquet holds something else now")
    assert f"; choirmaster reference set {ENSEMBLE} " in notice
    assert run("monitor", code=None)["differs"] == {ENSEMBLE: [notice.partition(": ")[2].partition("; choir")[0]]}
    run("reference", "set", ENSEMBLE, "--since", "2026-01-05")
    assert run("check")["notices"] == []
    assert run("monitor", code=None)["differs"] == {}
    config = tmp_path / "choirmaster.yaml"
    config.write_text(config.read_text().replace("segments: [carrier]", "segments: [x]"))
    (notice,) = run("check")["notices"]
    assert "the segments are with x and without carrier now; what is new is not measured" in notice
    main(["check", "--config", str(config)], Services)
    assert f"notice: {notice}" in capsys.readouterr().err
