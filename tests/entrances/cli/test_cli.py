"""The command line over fake services: arguments arrive, answers and errors have one form, codes mean one thing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from choirmaster.cli.init import TEMPLATE
from choirmaster.cli.main import COMMANDS, GROUPS, main
from choirmaster.config import parse
from choirmaster.config.schema_file import load_schema
from choirmaster.errors import NotFound, StoreError
from choirmaster.schema import Output
from choirmaster.sources.files import open_files

ALERT = {"rule": "auc-drop", "severity": "warning", "title": "AUC fell", "text": "0.7", "state": "firing"}


class FakeMeasured:
    def __init__(self, alerts):
        self.metrics = pa.table({"metric": ["roc_auc"], "value": [0.75]})
        self.alerts, self.notes = alerts, ["2 rows skipped"]
        self.choices = pa.table({"what": ["window"], "name": ["1d"], "why": ["1d has about 900 labelled rows"]})

    def to_html(self, path):
        Path(path).write_text("<html>")

    def to_pdf(self, path):
        Path(path).write_text("%PDF")

    def to_csv(self, path):
        Path(path).write_text("metric,value")


class FakeServices:
    """Remembers what was asked, answers from a table."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def __getattr__(self, name):
        def call(*args, **keywords):
            self.asked.append((name, args, keywords))
            if keywords.get("progress"):
                keywords["progress"]("reading", 1, 2, "a file")
            answer = self.answers.get(name, {})
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return call

    def sample(self, data, rows):
        return open_files(data).sample(rows)

    def config(self, path, overrides):
        return parse(Path(path).read_text(), env={}, read_file=str)


def _run(capsys, *argv, **answers):
    fake = FakeServices(**answers)
    code = main(argv, lambda: fake)
    out, err = capsys.readouterr()
    return code, out, err, fake.asked


EVERY = [(name,) for name, _, _ in COMMANDS] + [(group, name) for group, _, inner in GROUPS for name, _, _ in inner]


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_every_command_has_help_with_an_example_that_names_it(capsys, command):
    code, out, _, asked = _run(capsys, *command, "--help")
    assert code == 0
    assert asked == []
    assert f"Example: choirmaster {' '.join(command)}" in out


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_every_command_answers_machines(capsys, command):
    if command == ("serve",):
        return
    _, out, _, _ = _run(capsys, *command, "--help")
    assert "--json" in out


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["monitr"], 2, 'Did you mean "monitor"'),
        (["monitor", "--colour", "red"], 2, "--colour"),
        (["train"], 2, "data"),
        (["monitor", "--once", "--follow"], 2, "--once and --follow"),
        (["monitor", "a.csv", "--once"], 2, "a file is measured at once"),
        (["monitor", "--window", "1d"], 2, "belongs to measuring a file"),
        (["monitor", "--metrics", "all"], 2, "belongs to measuring a file"),
        (["monitor", "--engine", "spark"], 2, "belongs to measuring a file"),
        (["monitor", "a.csv", "--metrics", "roc_ac"], 2, "roc_auc"),
        (["monitor", "a.csv", "--exact", "perhaps"], 2, "--exact"),
        (["monitor", "a.csv", "--report", "a.docx"], 2, "allowed: .html, .pdf, .csv"),
        (["monitor", "a.csv", "--schema", "nowhere.yaml"], 2, "choirmaster init --from"),
        (["check", "--config", "nowhere.yaml"], 3, "nowhere.yaml"),
    ],
)
def test_wrong_usage_is_told_and_costs_nothing(capsys, tmp_path, monkeypatch, argv, code, said):
    monkeypatch.chdir(tmp_path)
    got, out, err, asked = _run(capsys, *argv)
    assert (got, out, asked) == (code, "", [])
    assert said in err
    assert "error: " in err


@pytest.mark.parametrize(("error", "code"), [(NotFound("no such id", got='"7"'), 3), (StoreError("store is closed"), 3),
                                             (KeyboardInterrupt(), 3), (ZeroDivisionError("x"), 3)])  # fmt: skip
def test_errors_of_services_have_one_form(capsys, error, code):
    got, _, err, _ = _run(capsys, "show", "e", "7", show=error)
    assert got == code
    assert "error: " in err
    got, _, err, _ = _run(capsys, "show", "e", "7", "--json", show=error)
    assert json.loads(err.strip().splitlines()[-1])["error"]["what"]


@pytest.mark.parametrize("alerts", [[], [ALERT]])
def test_monitor_a_file(capsys, tmp_path, alerts):
    schema = tmp_path / "schema.yaml"
    schema.write_text("task: binary\nlabel: y\nprediction: p\n")
    argv = ["monitor", "a.csv", "--schema", str(schema), "--window", "500", "--reference", "first 30%"]
    argv += ["--report", str(tmp_path / "r" / "out.html"), "--report", str(tmp_path / "out.csv")]
    code, out, err, asked = _run(capsys, *argv, monitor_files=FakeMeasured(alerts))
    assert code == len(alerts)
    ((name, args, keywords),) = asked
    assert (name, args) == ("monitor_files", ("a.csv",))
    assert (keywords["window"], keywords["reference"], keywords["schema"].label) == (500, "first 30%", "y")
    assert (tmp_path / "r" / "out.html").exists()
    assert (tmp_path / "out.csv").exists()
    assert "1 values" in out
    assert "2 rows skipped" in err
    assert "window 1d: 1d has about 900 labelled rows" in err
    assert "reading 50 %: a file" in err
    assert ("AUC fell" in out) is bool(alerts)


@pytest.mark.parametrize(
    ("argv", "metrics", "exact", "engine"),
    [
        ([], "auto", "auto", "local"),
        (["--metrics", "all", "--exact", "yes"], "all", True, "local"),
        (["--metrics", "roc_auc", "psi", "--exact", "no", "--engine", "spark"], ["roc_auc", "psi"], False, "spark"),
        (["--metrics", "f1", "--metrics", "ks"], ["f1", "ks"], "auto", "local"),
    ],
)
def test_what_to_measure_of_a_file_and_how_is_passed_on(capsys, argv, metrics, exact, engine):
    code, _, _, asked = _run(capsys, "monitor", "a.parquet", *argv, monitor_files=FakeMeasured([]))
    ((name, _, keywords),) = asked
    assert (code, name) == (0, "monitor_files")
    assert (keywords["metrics"], keywords["exact"], keywords["engine"]) == (metrics, exact, engine)
    assert keywords["window"] == "auto"


def test_monitor_a_file_for_machines(capsys):
    code, out, err, _ = _run(capsys, "monitor", "a.csv", "--json", monitor_files=FakeMeasured([ALERT]))
    answer = json.loads(out)
    assert (code, err) == (1, "")
    assert answer["metrics"] == [{"metric": "roc_auc", "value": 0.75}]
    assert answer["alerts"] == [ALERT]


@pytest.mark.parametrize(
    ("argv", "method", "expected"),
    [
        (["demo", "--no-serve", "--quick", "--out", "d"], "demo", {"serve": False, "quick": True, "out": Path("d")}),
        (["demo", "--port", "0"], "demo", {"serve": True, "quick": False, "port": 0}),
        (["serve", "--listen", "[::1]:9"], "serve", {"overrides": {"access.listen": "[::1]:9"}, "monitor": True}),
        (["serve", "--no-monitor", "--wait"], "serve", {"overrides": {}, "monitor": False, "wait": True}),
        (["ingest", "l.csv", "--ensemble", "e", "--kind", "labels"], "ingest", {"kind": "labels", "schema": None}),
        (["predict", "a.csv", "--ensemble", "e", "--out", "b.csv"], "predict", {"out": Path("b.csv")}),
        (["monitor", "--follow", "--ensemble", "a", "--ensemble", "b"], "monitor_follow", {"ensembles": ["a", "b"]}),
        (["monitor"], "monitor_once", {"ensembles": []}),
        (["show", "e", "7"], "show", {"ensemble": "e", "identity": "7"}),
        (["report", "e", "--out", "x.pdf"], "report", {"ensemble": "e", "out": Path("x.pdf"), "start": None}),
        (["alerts", "list", "e", "--state", "all"], "alerts", {"ensemble": "e", "state": "all"}),
        (["reference", "list", "e"], "references", {"ensemble": "e"}),
        (["reference", "set", "e", "--from-window", "2013-03-01..2013-03-15"], "set_reference",
         {"ensemble": "e", "window": "2013-03-01..2013-03-15", "file": None, "first": None}),
        (["reference", "show", "e", "r"], "reference", {"ensemble": "e", "reference": "r"}),
        (["warm"], "warm", {}),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)  # fmt: skip
def test_arguments_arrive(capsys, argv, method, expected):
    code, _, _, asked = _run(capsys, *argv)
    ((name, _, keywords),) = asked
    assert (code, name) == (0, method)
    assert expected.items() <= keywords.items()


def test_refused_rows_and_firing_alerts_are_found_something(capsys):
    assert _run(capsys, "ingest", "a.csv", "--ensemble", "e", ingest={"accepted": 3, "refused": 1})[0] == 1
    assert _run(capsys, "alerts", "list", alerts=[ALERT])[0] == 1
    assert _run(capsys, "monitor", "--once", monitor_once={"windows": 3, "alerts": [ALERT]})[0] == 1


def test_stored_values_as_table_and_json(capsys):
    table = pa.table({"metric": ["auc", "f1"], "value": [0.5, None], "reason": [None, "no_rows"], "segment": ["", ""]})
    code, out, _, asked = _run(capsys, "metrics", "e", "--metric", "auc", metrics=table)
    assert code == 0
    assert out.splitlines() == ["metric\tvalue\treason", "auc\t0.5\t", "f1\t\tno_rows"]
    assert asked[0][2]["segments"] == [""]
    assert json.loads(_run(capsys, "metrics", "e", "--json", metrics=table)[1])[1]["value"] is None


def test_check_lists_values_and_problems(capsys, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(TEMPLATE)
    code, out, err, _ = _run(capsys, "check", str(path), check=[])
    assert code == 0
    assert "$.ensembles.mine.answer.deadline\t1s\tchoirmaster.yaml" in out
    assert _run(capsys, "check", str(path), check=[StoreError("no folder")])[0] == 2
    path.write_text("stor: x")
    code, out, err, _ = _run(capsys, "check", str(path))
    assert code == 2
    assert 'did you mean "store"?' in err
    assert json.loads(_run(capsys, "check", "--json-schema")[1])["title"] == "choirmaster.yaml"


def test_tokens_are_long_and_only_their_hash_is_kept(capsys):
    import hashlib

    code, out, _, _ = _run(capsys, "token", "new", "scorer", "--role", "score", "--role", "ingest", "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["sha256"] == hashlib.sha256(answer["token"].encode()).hexdigest()
    assert len(answer["token"]) >= 43
    code, out, _, _ = _run(capsys, "token", "new", "scorer", "--role", "score")
    line = out.splitlines()[-1].strip()
    assert parse(f"access:\n  tokens:\n    {line}\n", env={}, read_file=str).access.tokens[0].roles == ("score",)


# -- init -----------------------------------------------------------------------------------------------------------
NASTY = "\ufeffFlight ID;Scheduled;Airline;Dep delay;Arrived late;p_boost;tree\n" + "".join(
    f"F{i};{1 + i % 28:02d}.04.2013 {i % 24:02d}:00;{['AA', 'UA', ''][i % 3]};{'n.a.' if i == 7 else i / 7:};"
    f"{['late', 'ontime', 'ontime', ''][i % 4]};{(i % 97) / 97};{['late', 'ontime'][i % 2]}\n"
    for i in range(400)
) + "F999;half"  # fmt: skip


def test_init_from_a_file_that_nobody_prepared(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text(NASTY, encoding="utf-8")
    code, out, _, _ = _run(capsys, "init", "--from", "data.csv")
    assert code == 0
    assert 'choirmaster monitor data.csv --schema schema.yaml --reference "first 30%" --report out.html' in out
    text = Path("schema.yaml").read_text()
    schema = load_schema(text)
    assert (schema.label, schema.time, schema.id, schema.positive) == ("Arrived late", "Scheduled", "Flight ID", "late")
    assert list(schema.members) == ["boost", "tree"]
    assert schema.members["tree"].output is Output.CLASS
    for line in ("# Guessed from data.csv", "100 of 400 cells are empty", "probabilities, by the name"):
        assert line in text
    code, _, err, _ = _run(capsys, "init", "--from", "data.csv")
    assert code == 2
    assert "--force" in err
    assert _run(capsys, "init", "--from", "data.csv", "--force")[0] == 0


def test_init_takes_what_is_said(capsys, tmp_path):
    data, out_file = tmp_path / "d.csv", tmp_path / "s.yaml"
    data.write_text("a,b,y\n0.1,0.2,0\n0.3,0.4,1\n")
    argv = ["init", "--from", str(data), "--out", str(out_file)]
    code, _, err, _ = _run(capsys, *argv)
    assert code == 2
    assert "--member a" in err
    code, out, _, _ = _run(capsys, *argv, "--member", "a", "--member", "second=b", "--json")
    assert code == 0
    assert list(load_schema(out_file.read_text()).members) == ["a", "second"]
    assert json.loads(out)["schema"]["label"] == "y"


def test_init_without_a_file_writes_a_configuration_that_parses(capsys, tmp_path):
    path = tmp_path / "choirmaster.yaml"
    assert _run(capsys, "init", "--out", str(path))[0] == 0
    assert parse(path.read_text(), env={}, read_file=str).ensembles["mine"].task == "binary"


@pytest.mark.parametrize("rows", ["", "x\n", "a,b\n1,2\n"])
def test_init_from_what_holds_nothing_is_one_error(capsys, tmp_path, rows):
    data = tmp_path / "d.csv"
    data.write_text(rows)
    code, _, err, _ = _run(capsys, "init", "--from", str(data), "--out", str(tmp_path / "s.yaml"))
    assert code in (2, 3)
    assert err.startswith("error: ")
    assert "Traceback" not in err


def test_started_as_a_user_would(tmp_path):
    data = tmp_path / "data.csv"
    data.write_text(NASTY, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV_")}
    argv = [sys.executable, "-m", "choirmaster", "init", "--from", "data.csv"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "schema.yaml").exists()
