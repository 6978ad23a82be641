"""From a CSV that nobody prepared to a report, in three commands as a user types them; and what bad input becomes."""

from __future__ import annotations

import csv
import html
import json
import os
import random
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from choirmaster.__main__ import main as _entry  # noqa: F401  the console script's own module must import
from choirmaster.app.services import Services
from choirmaster.cli.main import main
from choirmaster.reports.words import number

ROWS = 10_000
FIRST = ["init", "--from", "flights export.csv"]
SECOND = ["monitor", "flights export.csv", "--schema", "schema.yaml"]
THIRD = [*SECOND, "--reference", "first 30%", "--report", "out.html"]


def unprepared(path: Path, rows: int = ROWS) -> None:
    """Write strings as labels, naive times, a column of classes beside probabilities, ids, junk cells, odd names."""
    rng = random.Random(7)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(
            ["Order ID", "placed at", "carrier", "wind (kt)", "load", "outcome", "rules", "logit_score", "p_net"]
        )
        for at in range(rows):
            stormy = at > 0.7 * rows
            wind = rng.gauss(25 if stormy else 12, 5)
            p = min(max(wind / 40, 0.01), 0.99)
            moment = f"2026-03-{1 + at * 28 // rows:02d} {at % 24:02d}:{at % 60:02d}:00"
            cell = "n/a" if at % 97 == 5 else "gusts" if at % 499 == 3 else f"{wind:.2f}"
            broken = {77: "oops", 78: "-0.5", 79: "1.5", 80: ""}.get(at)
            label = "" if at % 50 == 0 else "late" if rng.random() < (0.9 - p if stormy else p) else "on time"
            out.writerow([f"A-{at:06d}", moment, rng.choice(["AA", "DL", "UA"]), cell, f"{rng.random():.4f}", label,
                          "late" if p > 0.4 else "on time", broken if broken is not None else f"{p:.5f}",
                          f"{min(max(p + rng.gauss(0, 0.1), 0), 1):.5f}"])  # fmt: skip


def clean(folder: Path) -> dict[str, str]:
    """Return the environment of somebody who has never run this: no caches, no compiled bytecode, no HOME in use."""
    (folder / "home").mkdir()
    kept = {
        name: os.environ[name] for name in ("PATH", "PYTHONPATH", "CHOIRMASTER_TEST_EGRESS_LOG") if name in os.environ
    }
    return {**kept, "HOME": str(folder / "home"), "CHOIRMASTER_CACHE_DIR": str(folder / "cache"),
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONWARNINGS": "error"}  # fmt: skip


@pytest.mark.end_to_end
def test_three_commands_from_a_csv_that_nobody_prepared(tmp_path: Path, capsys):
    place = tmp_path / "place"
    place.mkdir()
    unprepared(place / "flights export.csv")
    environment = clean(tmp_path)
    told = []

    def run(argv: list[str]) -> subprocess.CompletedProcess[str]:
        wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [str(Path(sys.executable).with_name("choirmaster")), *argv]
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        told.append(f"choirmaster {argv[0]}: {cpu:.1f} s of CPU, {time.perf_counter() - wall:.1f} s")
        return done

    guessed = run(FIRST)
    assert guessed.returncode == 0, guessed.stderr
    for line in ("label: outcome, ", "task: binary, ", "members: rules is rules: classes, ", "time: placed at, ",
                 "members: logit is logit_score: probabilities, ", "members: net is p_net: probabilities, ",
                 "id: Order ID, ", "positive: late, "):  # fmt: skip
        assert f"\n{line}" in f"\n{guessed.stdout}"
    assert "by the name and values in [0, 1] but for 2" in guessed.stdout  # two broken cells change no meaning
    command = "next: choirmaster monitor 'flights export.csv' --schema schema.yaml"
    assert f'{command} --reference "first 30%" --report out.html' in guessed.stdout
    schema = (place / "schema.yaml").read_text(encoding="utf-8")
    assert "\n# outcome, by its name\n" in schema
    assert "\nlabel: outcome\n" in schema

    looked = run(SECOND)
    assert looked.returncode == 0, looked.stderr  # nothing to compare with, so nothing found
    assert re.search(r"^\d+ values, 0 alerts$", looked.stdout, re.MULTILINE)
    assert "drift: no reference" in looked.stderr
    stages = [line.split()[0].rstrip(":") for line in looked.stderr.splitlines()]
    for stage in ("open", "reference", "measure", "values", "done"):
        assert stage in stages
    assert 'column "logit_score": 1 not a number, such as oops' in looked.stderr
    assert 'column "logit_score": 2 not a probability, such as -0.5, 1.5' in looked.stderr
    assert re.search(r'column "wind \(kt\)": \d+ not a number, such as gusts', looked.stderr)

    found = run(THIRD)
    assert found.returncode == 1, found.stderr  # the storm is found
    assert "critical: " in found.stdout
    assert found.stdout.splitlines()[-1] == "report: out.html"
    with capsys.disabled():
        print("\n" + "; ".join(told), f"({ROWS} rows; the second compiles the kernels)")

    page = (place / "out.html").read_text(encoding="utf-8")
    assert re.findall(r"""(?:href|src|action)\s*=\s*["']?(?:https?:)?//|@import|url\(""", page) == []
    assert "<script" not in page or "src=" not in page.partition("<script")[2].partition(">")[0]
    machine = run([*SECOND, "--reference", "first 30%", "--json"])
    answer = json.loads(machine.stdout)
    assert (machine.returncode, machine.stderr) == (1, "")
    assert_numbers(page, answer)
    assert not list((tmp_path / "home").iterdir())


def assert_numbers(page: str, answer: dict) -> None:
    """Check that values and alerts of the JSON stand in the page as people read them."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", page))
    shown = [row for row in answer["metrics"]
             if row["metric"] == "f1" and not row["segment"] and row["value"] is not None]  # fmt: skip
    assert {row["series"] for row in shown} == {"fused", "rules", "logit", "net"}
    listed = sorted({row["window_start"] for row in shown})[-14:]  # a report lists the newest windows
    for row in shown:
        assert row["window_start"] not in listed or number(row["value"]) in text, row
    assert answer["alerts"]
    for alert in answer["alerts"]:
        assert alert["title"].split(": ", 1)[1] in text or alert["text"].split(" is ")[0] in text, alert["title"]


# --- bad input, in this process


HEAD = "ts,y,p,c\n"
GOOD = [
    f"2026-01-01 {at % 24:02d}:00:00,{'yes' if at % 3 else 'no'},{(at % 10) / 10},{'ab'[at % 2]}" for at in range(60)
]
SCHEMA = "task: binary\nlabel: y\npositive: 'yes'\nclasses: ['no', 'yes']\nmembers: {a: p}\ntime: ts\nfeatures: [c]\n"


def text(*lines: str, head: str = HEAD) -> str:
    return head + "\n".join([*GOOD, *lines]) + "\n"


BAD = {
    # name: (file, content, exit code, what is said, rows that keep a label and an answer)
    "missing column": ("a.csv", text(head="ts,y,q,c\n"), 2, 'column is missing, $.members.a: got "p"', None),
    "empty file": ("a.csv", "", 3, "a CSV file needs a line of column names, a.csv", None),
    "header only": ("a.csv", HEAD, 0, "rows: there is none to measure in a.csv", 0),
    "unknown file type": ("a.xlsx", "x", 3, 'unknown kind of file, a.xlsx: got "xlsx"; allowed: csv, ', None),
    "two columns of one name": ("a.csv", text(head="ts,y,y,c\n"), 3, "two columns share a name, a.csv, line 1", None),
    "no Parquet": ("a.parquet", "PAR1", 3, "cannot read a Parquet file, a.parquet", None),
    "no text": ("a.csv", "\x00\x01\x02", 3, "cannot read a CSV file, a.csv", None),
    "no time readable": ("a.csv", text().replace("2026-", "soon-"), 2, "cannot read a column of times", None),
    "one time": ("a.csv", text("whenever,yes,0.5,a"), 0, 'column "ts": 1 not a time, such as whenever', 61),
    "a label outside": ("a.csv", text("2026-01-01,maybe,0.5,a"), 0, '"y": 1 not among the classes, such as maybe', 60),
    "negative": ("a.csv", text("2026-01-01,yes,-0.5,a"), 0, 'column "p": 1 not a probability, such as -0.5', 60),
    "above one": ("a.csv", text("2026-01-01,yes,1.5,a"), 0, 'column "p": 1 not a probability, such as 1.5', 60),
    "no number": ("a.csv", text("2026-01-01,yes,high,a"), 0, 'column "p": 1 not a number, such as high', 60),
    "wrong type": ("a.csv", text().replace(",0.", ",zero"), 0, 'column "p": 60 not a number', 0),
    "infinite": ("a.csv", text("2026-01-01,yes,inf,a"), 0, "", 60),
    "ragged": ("a.csv", text("1,2"), 0, "1 rows with the wrong number of cells, skipped, such as line 62 of a.csv", 60),
    "no JSON": ("a.jsonl", '{"ts":"2026-01-01","y":"yes","p":0.2,"c":"a"}\nno\n', 0, "1 lines that are no JSON", 1),
    "one row": ("a.csv", HEAD + GOOD[0] + "\n", 0, "", 1),
    # A feature that is always missing is an alert.
    "nothing in a column": ("a.csv", re.sub(r",[ab]\n", ",\n", text()), 1, "", 60),
}  # fmt: skip


def watched(argv, capsys) -> tuple[int, str, str]:
    code = main(argv, Services)
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert "unexpected" not in err
    return code, out, err


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_an_error_or_counted_and_good_rows_are_kept(tmp_path, monkeypatch, capsys, name):
    file, content, expected, said, kept = BAD[name]
    monkeypatch.chdir(tmp_path)
    Path("schema.yaml").write_text(SCHEMA, encoding="utf-8")
    Path(file).write_text(content, encoding="utf-8")
    code, out, err = watched(["monitor", file, "--schema", "schema.yaml", "--window", "all"], capsys)
    assert code == expected, err
    assert said in err
    if kept is None:
        assert err.splitlines()[-1].startswith("error: ")
        return
    assert re.search(rf"^\d+ values, {code} alerts$", out, re.MULTILINE)
    _, out, _ = watched(["monitor", file, "--schema", "schema.yaml", "--window", "all", "--json"], capsys)
    counted = {row["metric"]: row for row in json.loads(out)["metrics"]}
    for row in counted.values():
        assert (row["value"] is None) == (row["reason"] is not None)
    assert counted.get("accuracy", {"n": 0})["n"] == kept


def test_ten_thousand_categories_are_no_feature_unless_declared(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [
        f"2026-01-01 {at % 24:02d}:00:00,{'yes' if at % 3 else 'no'},{(at % 10) / 10},city {at}" for at in range(10_000)
    ]
    Path("a.csv").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    for declared, said in ((SCHEMA.replace("features: [c]\n", ""), 'column "c" is left out'), (SCHEMA, "")):
        Path("schema.yaml").write_text(declared, encoding="utf-8")
        argv = ["monitor", "a.csv", "--schema", "schema.yaml", "--reference", "first 50%"]
        code, out, err = watched(argv, capsys)
        assert code in (0, 1)
        assert said in err
        assert " values, " in out


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["--window", "1 hr"], 2, 'cannot read a window length, window: expected a length such as "1d", got "1 hr"'),
        (["--window", "0"], 2, "a window of rows must be positive"),
        (["--reference", "first 130%"], 3, 'cannot read a reference, reference: expected "first 30%"'),
        (["--reference", "first 14x"], 2, "cannot read a duration, reference"),
        (["--reference", "nowhere.csv"], 3, 'no such file: got "nowhere.csv"'),
        (["--report", "a.csv/out.html"], 2, "cannot write a report, a.csv/out.html"),
        (["--report", "out.docx"], 2, "unknown kind of report, out.docx"),
    ],
)
def test_bad_options_name_the_place(tmp_path, monkeypatch, capsys, argv, code, said):
    monkeypatch.chdir(tmp_path)
    Path("schema.yaml").write_text(SCHEMA, encoding="utf-8")
    Path("a.csv").write_text(text(), encoding="utf-8")
    got, _, err = watched(["monitor", "a.csv", "--schema", "schema.yaml", *argv], capsys)
    assert got == code
    assert f"error: {said}" in err


@pytest.mark.parametrize("argv", [FIRST, THIRD], ids=["init", "monitor"])
def test_commands_on_files_never_load_pandas(tmp_path, argv):
    unprepared(tmp_path / "flights export.csv", 300)
    if argv is THIRD:
        assert main([*FIRST[:2], str(tmp_path / FIRST[2]), "--out", str(tmp_path / "schema.yaml")], Services) == 0
    code = (
        "import sys\nfrom choirmaster.__main__ import main\n"
        f"sys.argv = ['choirmaster', *{argv!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert 'numba' in sys.modules or 'init' in sys.argv\n"
        "assert not {'pandas', 'sklearn', 'reportlab', 'sqlalchemy'} & set(sys.modules)\n"
        "import pandas, pyarrow as pa\n"
        "assert pa.table({'a': [1]}).to_pandas().a.tolist() == [1]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
