"""No registry hosts, no machine's paths, nothing left open, no giants; vendored files are what the table says."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.architecture.floors import FLOORS
from tests.architecture.house import MAX_LINES, complaints

TOP = Path(__file__).parents[2]
OWN_FOLDERS = ("src", "tests", "docs", "scripts", "benchmarks", "changes", "examples", ".ci")
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".sh", ".html", ".css", ".js", ".cfg", ".txt", ".jinja", ""}
VENDORED_ROOTS = ("src/choirmaster/dashboard/static", "src/choirmaster/demo/data")


def project_files() -> list[Path]:
    """Return the files under version control, or, in an unpacked archive, those of the project's own folders."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=TOP, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode == 0:
        return [TOP / line for line in listed.stdout.splitlines() if (TOP / line).is_file()]
    found = [path for folder in OWN_FOLDERS for path in (TOP / folder).rglob("*") if path.is_file()]
    return [path for path in found if "__pycache__" not in path.parts] + [
        path for path in TOP.iterdir() if path.is_file()
    ]


FILES = project_files()
TEXTS = [path for path in FILES if path.suffix in TEXT and path.name != "uv.lock"]


def third_party() -> dict[str, str]:
    """Return file -> sha256 of the table in THIRD_PARTY.md."""
    rows = re.findall(
        r"^\|\s*`([^`]+)`\s*\|.*\|\s*`([0-9a-f]{64})`\s*\|\s*$", (TOP / "THIRD_PARTY.md").read_text(), re.MULTILINE
    )
    return dict(rows)


def test_files_hold_nothing_that_does_not_belong():
    vendored = set(third_party())
    wrong = [
        line
        for path in TEXTS
        if (name := path.relative_to(TOP).as_posix()) not in vendored
        for line in complaints(name, path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


HOST = "pypi" + ".org"


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("docs/a.md", f"see https://{HOST}/simple", "registry host"),
        ("Makefile", "x:\n\tcp /" + "work/main/a .", "path of one machine"),
        ("src/choirmaster/a.py", "HOME = '/" + "root/.cache'", "path of one machine"),
        ("src/choirmaster/a.py", "# TO" + "DO: later", "leaves something open"),
        ("src/choirmaster/a.py", "x = f()  # type: " + "ignore", "needs its code and a reason"),
        ("src/choirmaster/a.py", "x = f()  # type: " + "ignore[arg-type]", "needs its code and a reason"),
        ("src/choirmaster/a.py", "x = 1\n" * (MAX_LINES + 1), "two ideas"),
    ],
)
def test_each_complaint_can_be_made(name: str, text: str, complaint: str):
    assert any(complaint in line for line in complaints(name, text))


@pytest.mark.parametrize(
    "text",
    [
        "x = f()  # type: " + "ignore[arg-type]  # the stubs lack this argument",
        f"route = '/api/{'work'}/rooted'",
        f"https://example.org/{'work'}/x",
        "frame/working",
        "x = 1\n" * MAX_LINES,
    ],
)
def test_what_is_fine_passes(text: str):
    assert complaints("src/choirmaster/a.py", text) == []


def test_vendored_files_are_what_the_table_says():
    table = third_party()
    here = {
        path.relative_to(TOP).as_posix()
        for path in FILES
        if path.relative_to(TOP).as_posix().startswith(VENDORED_ROOTS) and is_vendored(path)
    }
    assert here - set(table) == set(), "vendored without a row in THIRD_PARTY.md"
    assert set(table) - {path.relative_to(TOP).as_posix() for path in FILES} == set(), "rows without a file"
    wrong = {name for name, digest in table.items() if hashlib.sha256((TOP / name).read_bytes()).hexdigest() != digest}
    assert wrong == set()


def is_vendored(path: Path) -> bool:
    """Tell whether a file in a folder with vendored files came from outside: data, and uPlot's own files."""
    return path.suffix in {".parquet", ".csv", ".gz"} or path.name.lower().startswith("uplot")


def test_make_help_lists_every_target():
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    listed = subprocess.run(["make", "-s", "help"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    for target in phony.group(1).split():
        assert re.search(rf"^  make {target} +\S", listed, re.MULTILINE), target


def test_lock_is_of_this_project():
    lock = tomllib.loads((TOP / "uv.lock").read_text(encoding="utf-8"))
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = next(package for package in lock["package"] if package["name"] == project["name"])
    locked = {entry["name"] for entry in own["dependencies"]}
    declared = {re.split(r"[<>=!;\[ ]", line)[0].lower() for line in project["dependencies"]}
    assert locked == declared
    assert set(own["optional-dependencies"]) | {"all"} == set(project["optional-dependencies"])


def test_readme_names_the_two_commands():
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    fenced = "\n".join(re.findall(r"^```.*?^```", readme, re.MULTILINE | re.DOTALL))
    for command in ("make demo", "make test"):
        assert re.search(rf"^{command}\b", fenced, re.MULTILINE), f"README.md has no fenced line {command!r}"


def test_architecture_page_shows_the_floors_that_are_enforced():
    page = (TOP / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = {
        name: int(floor)
        for floor, cell in re.findall(r"^\| (\d) \w+ \| ([^|]+) \|", page, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cell)
    }
    assert shown == FLOORS


def test_decisions_are_all_there_and_every_mention_has_one():
    page = (TOP / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    decided = {int(number) for number in re.findall(r"^## D(\d+) ", page, re.MULTILINE)}
    mentioned = {
        int(number) for path in (TOP / "docs").rglob("*.md") for number in re.findall(r"\bD(\d+)\b", path.read_text())
    }
    assert decided >= set(range(1, 26)) | mentioned
