"""``window: auto`` from the command line: ingest, monitor, metrics, show, report, over a real store on a data clock."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from choirmaster.app.services import Services
from choirmaster.cli.main import main
from tests.faults.served import ENSEMBLE, installation

FIRST = datetime(2026, 1, 5, tzinfo=UTC)
BUSY, QUIET, FALL, END = 96, 9, 10, 38  # rows a day; days at which traffic falls and the stream ends
WINDOW = "window: auto, precision: 0.12"


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=n)
    return x, np.where(rng.uniform(size=n) < x, "late", "ontime")


def events(folder) -> None:
    times = [FIRST + timedelta(days=day, seconds=86_400 * (at + 0.5) / per_day)
             for day in range(END) for per_day in [BUSY if day < FALL else QUIET] for at in range(per_day)]  # fmt: skip
    x, truth = drawn(len(times), 3)
    rows = [{"id": f"r{number}", "time": at.isoformat(), "x.x": x[number], "x.carrier": "aa", "m.up.p.late": x[number],
             "m.down.p.late": 1.0 - x[number], "y.p.late": x[number]} for number, at in enumerate(times)]  # fmt: skip
    labels = [{"id": f"r{number}", "value": str(truth[number]), "known_at": (at + timedelta(hours=3)).isoformat(),
               "revision": 0} for number, at in enumerate(times)]  # fmt: skip
    for name, what in (("rows", rows), ("labels", labels)):
        (folder / f"{name}.ndjson").write_text("".join(json.dumps(one) + "\n" for one in what))


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    config = installation(tmp_path)
    text = config.read_text().replace("window: 1h", WINDOW)
    config.write_text(
        text.replace("    answer:", "    fusion: {rule: weighted_mean, weights: {up: 1, down: 0}}\n    answer:")
    )
    x, truth = drawn(1_000, 1)
    rows = {"x": x, "carrier": ["aa", "bb"] * 500, "label": truth}
    pq.write_table(pa.table(rows), tmp_path / "reference.parquet")
    monkeypatch.syspath_prepend(str(tmp_path))
    events(tmp_path)

    def call(*argv, code: int | None = 0):
        found = main([*argv, "--config", str(config), "--json"], Services)
        out, err = capsys.readouterr()
        assert code in (None, found), err
        return json.loads(out or err)

    yield call
    sys.modules.pop("tiny_members", None)


def days(one: dict) -> float:
    start, end = (datetime.fromisoformat(one[name]) for name in ("window_start", "window_end"))
    return (end - start) / timedelta(days=1)


def test_traffic_that_falls_to_a_tenth(run, tmp_path) -> None:
    assert run("check")
    for name, kind in (("rows", "predictions"), ("labels", "labels")):
        assert run("ingest", str(tmp_path / f"{name}.ndjson"), "--ensemble", ENSEMBLE, "--kind", kind)["refused"] == 0
    looked = run("monitor", code=None)
    assert [one for one in looked["alerts"] if one["rule"].startswith("quality")] == []

    told = run("metrics", ENSEMBLE, "--metric", "roc_auc", "--series", "fused")
    assert [days(one) for one in told[:FALL]] == [1.0] * FALL
    assert max(days(one) for one in told) >= 7
    assert {days(one) for one in run("metrics", ENSEMBLE, "--metric", "row_count")} == {1.0}
    assert {days(one) for one in run("metrics", ENSEMBLE, "--metric", "roc_auc", "--window", "1d")} == {1.0}

    longer = next(one for one in told if days(one) >= 7)
    inside = f"r{FALL * BUSY + round((datetime.fromisoformat(longer['window_end']) - FIRST).days - FALL) * QUIET - 1}"
    shown = run("show", ENSEMBLE, inside)
    assert shown["window"] == f"[{longer['window_start']}, {longer['window_end']})"

    report = tmp_path / "out.html"
    run("report", ENSEMBLE, "--out", str(report))
    page = report.read_text(encoding="utf-8")
    assert "What was chosen, and why" in page
    assert "1d, because no labelled row lies in the 14 days before" in page  # the reference tells no times
    assert "0.12 is asked" in page or "0.12 needs about" in page


def test_a_precision_that_is_none_is_refused_with_its_path(run, tmp_path) -> None:
    (config,) = tmp_path.glob("*.yaml")
    config.write_text(config.read_text().replace("precision: 0.12", "precision: 12"))
    said = json.dumps(run("check", code=2))
    assert "precision out of range" in said
    assert "monitor.precision" in said
