"""The folder, the configuration, the server process, the events and the months of the demo."""

from __future__ import annotations

import json
import os
import socket
import sys

import pytest

from choirmaster.config import parse
from choirmaster.demo import flights, folder, results, setting
from choirmaster.demo.events import Events
from choirmaster.demo.server import ServerProcess, free_port
from choirmaster.errors import ConfigError, Unavailable

# -- folder -----------------------------------------------------------------------------------------------------------


def test_what_an_earlier_demo_left_is_replaced_and_nothing_else(tmp_path):
    out = folder.prepare(tmp_path / "demo")
    (out / "data").mkdir()
    (out / "data" / "x").write_text("old")
    (out / "summary.json").write_text("{}")
    (out / "mine.txt").write_text("keep me")
    assert folder.prepare(out) == out
    assert sorted(one.name for one in out.iterdir()) == [folder.MARK, "mine.txt"]


def test_files_of_somebody_else_are_refused_and_kept(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").write_text("x")
    with pytest.raises(ConfigError, match="no demo wrote"):
        folder.prepare(tmp_path)
    assert (tmp_path / "data" / "precious").exists()


def test_a_folder_where_a_demo_still_runs_is_refused(tmp_path, monkeypatch):
    out = folder.prepare(tmp_path)
    (out / "data").mkdir()
    folder.mark(out, os.getpid())
    monkeypatch.setattr(folder, "_alive", lambda process: process == os.getpid())
    with pytest.raises(ConfigError, match="still runs"):
        folder.prepare(out)
    assert (out / "data").exists()


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    out = folder.prepare(tmp_path / "demo")
    (out / "data").symlink_to(elsewhere)
    folder.prepare(out)
    assert (elsewhere / "precious").exists()
    assert not (out / "data").is_symlink()


# -- configuration ----------------------------------------------------------------------------------------------------


def test_both_configurations_are_right(tmp_path):
    members = {
        "logit": {"file": "logit.onnx", "sha256": "a" * 64, "trusted_types": []},
        "knn": {"file": "knn.skops", "sha256": "b" * 64, "trusted_types": ["a.B"]},
    }
    before = parse(setting.place_only(0), env={}, read_file=str)
    assert not before.ensembles
    one = parse(setting.with_ensemble(0, members, 0.21), env={}, read_file=str).ensembles["delays"]
    assert one.members["knn"].trusted_types == ("a.B",)
    assert (one.cutoff, one.monitor.clock, one.positive) == (0.21, "data", "late")
    assert set(one.features.numeric) | set(one.features.categorical) == set(flights.feature_names())
    path = tmp_path / "choirmaster.yaml"
    setting.write(path, "a")
    setting.write(path, "b")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("choirmaster.yaml", "b")]


# -- server process ---------------------------------------------------------------------------------------------------


def test_a_server_that_ends_at_once_is_named_with_its_last_words(tmp_path):
    command = (sys.executable, "-c", "import sys; print('port is taken', file=sys.stderr); sys.exit(3)")
    with (
        pytest.raises(Unavailable, match=r"exit code 3.*port is taken"),
        ServerProcess(tmp_path / "c.yaml", tmp_path / "log", command),
    ):
        pass


def test_a_server_is_ended_with_the_block(tmp_path):
    talk = "import time; print('choirmaster listens on http://127.0.0.1:1 (dashboard)', flush=True); time.sleep(60)"
    with ServerProcess(tmp_path / "c.yaml", tmp_path / "log", (sys.executable, "-c", talk)) as server:
        assert server.address == "http://127.0.0.1:1"
        server.check()
    assert not server.running()
    with pytest.raises(Unavailable, match="has ended"):
        server.check()


def test_a_port_that_is_taken_is_not_insisted_on():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert free_port(taken) == 0
    assert free_port(taken) == taken


# -- events -----------------------------------------------------------------------------------------------------------


def alert(name: str, *, rule: str = "quality_drop_sudden", over: int = 0):
    return {
        "id": f"{rule}-{name}", "state": "resolved" if over else "firing", "rule": rule, "severity": "critical",
        "series": name, "feature": "", "segment": "", "metric": "log_loss", "value": {"value": 1.25}, "baseline": 0.5,
        "since": "2013-04-22T04:00:00Z", "window_start": "2013-04-22T04:00:00Z",
        "resolved_at": f"2013-04-{over:02d}T04:00:00Z" if over else None,
        "link": "http://127.0.0.1:1/ensembles/delays",
    }  # fmt: skip


def test_an_event_is_told_once_for_all_it_touches():
    events = Events(None, print)
    fired = [alert("logit"), alert("fused")]
    (line,) = events.fresh(fired)
    assert line.startswith(
        "22 Apr  critical: quality drop sudden of fused and logit (log loss of fused is 1.25, 0.5 in"
    )
    assert line.endswith("http://127.0.0.1:1/ensembles/delays")
    assert events.fresh(fired) == []
    (over,) = events.fresh([alert("logit", over=24), alert("fused", over=24)])
    assert over.startswith("24 Apr  over: quality drop sudden of fused and logit, since 22 Apr")
    assert events.fresh([alert("logit", over=24)]) == []


def test_what_came_and_went_between_two_looks_is_one_line():
    (line,) = Events(None, print).fresh([alert("logit", over=24)])
    assert line.startswith("22 Apr  critical: quality drop sudden of logit (log loss")
    assert ", over by 24 Apr  http" in line


def test_an_event_without_a_link_gets_the_page():
    (line,) = Events(None, print, "http://here/").fresh([{**alert("logit"), "link": ""}])
    assert line.endswith("  http://here/")


def test_different_rules_have_lines_of_their_own():
    assert len(Events(None, print).fresh([alert("a"), alert("a", rule="member_failing")])) == 2


# -- results ----------------------------------------------------------------------------------------------------------


def test_months_are_put_together_from_the_pages():
    cell = {"value": 0.5}
    row = {"month": "2013-03", "n": 10, "labelled": 8, "series.fused": {"value": 0.7}, "series.logit": cell}
    tables = {"maturity": [{"month": "2013-03", "n": 10, "labelled": 8, "open": 2}]}
    tables |= {f"months-{metric}": [row] for metric in results.SHOWN_METRICS}
    (month,) = results.months(tables, {"drift-months": [{"month": "2013-03", "x.temp": 1.5, "x.sched_minute": 0.01}]})
    assert (month["flights"], month["labelled"], month["never_labelled"]) == (10, 8, 2)
    assert month["auc"] == {"fused": 0.7, "logit": 0.5}
    assert month["fused_wins"]
    assert json.dumps(month["psi"]) == '{"temp": 1.5, "sched_minute": 0.01}'


def test_a_tie_is_no_win():
    assert not results.wins({"fused": 0.7, "logit": 0.7})
    assert not results.wins({"fused": None, "logit": 0.7})
