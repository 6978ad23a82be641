"""The small demo, started as a user starts it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("choirmaster")
MARCH, LABELLED = 28_834, 27_902


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("whole") / "demo"
    command = [str(PROGRAM), "demo", "--no-serve", "--quick", "--out", str(out), "--port", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
    return out, ended.stdout, json.loads((out / "summary.json").read_text(encoding="utf-8"))


@pytest.mark.timeout(700)
def test_the_small_demo_from_start_to_end(done):
    out, told, summary = done
    (march,) = summary["months"]
    # every flight of March was asked for and counted once, and those without a label as such
    assert (march["month"], march["flights"], march["labelled"]) == ("2013-03", MARCH, LABELLED)
    assert march["never_labelled"] == MARCH - LABELLED == summary["counts"]["never_labelled"]
    assert summary["counts"]["degraded"] == 0
    assert summary["counts"]["single_row_requests"] == 200
    assert 0 < summary["latency"]["p50_ms"] <= summary["latency"]["p99_ms"]
    # six candidates were judged, at least four became members, naive Bayes did not
    assert len(summary["candidates"]) == 6
    assert len(summary["members"]) >= 4
    assert "naive_bayes" in summary["not_picked"]
    assert "onnx" in summary["formats"].values()
    # the cutoff was chosen, and is not the usual half
    assert 0.05 < summary["cutoff"]["value"] < 0.45
    assert "out-of-fold" in summary["cutoff"]["source"]
    assert march["f1"]["fused"] > 0.35
    # the fused answer is of use, and it is warmer than in winter while the timetable is the same
    assert march["auc"]["fused"] > 0.68
    assert march["psi"]["temp"] > 0.5 > 0.1 > march["psi"]["sched_minute"]
    # the storm of 8 March was noticed by the default rules, and told with its link
    assert any(one["rule"] == "quality_drop_sudden" and one["window_start"] for one in summary["alerts"])
    line = next(one for one in told.splitlines() if "8 Mar" in one and "quality drop sudden" in one)
    assert "http://127.0.0.1:" in line
    assert "dashboard: http://127.0.0.1:" in told
    # files
    assert (out / "report.pdf").read_bytes()[:5] == b"%PDF-"
    with (out / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    daily = [row for row in rows if row["metric"] == "label_share" and row["series"] == "fused"]
    assert len(daily) == 31
    assert sum(int(row["n"]) for row in daily) == MARCH


def test_the_server_has_ended(done):
    _, _, summary = done
    import httpx

    with pytest.raises(httpx.ConnectError):
        httpx.get(summary["address"], trust_env=False)
