"""The text on the screen is true: python blocks print what stands below them, commands exist, facts have one place."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from choirmaster.cli.main import COMMANDS, GROUPS, build
from tests.docs.readme import TOP, blocks, commands, examples

PAGES = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md")), *sorted((TOP / "examples").rglob("*.md"))]
README = (TOP / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
KNOWN = {name for name, _, _ in COMMANDS} | {group for group, _, _ in GROUPS}


def of(pages, find):
    return [
        pytest.param(found, id=f"{page.relative_to(TOP)}:{at}")
        for page in pages
        for at, found in enumerate(find(page.read_text(encoding="utf-8")))
    ]


@pytest.mark.parametrize("example", of([TOP / "README.md", TOP / "docs" / "getting-started.md"], examples))
def test_python_prints_what_stands_below_it(tmp_path: Path, example):
    code, shown = example
    argv = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == shown
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", of(PAGES, commands))
def test_commands_exist_with_their_options(line: str):
    words = shlex.split(line.partition(" | ")[0], comments=True)
    if words[0] == "make":
        makefile = (TOP / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{re.escape(words[1])}:", makefile, re.MULTILINE), line
    elif words[0] == "choirmaster":
        names = [words[1]] if words[1] not in {group for group, _, _ in GROUPS} else words[1:3]
        app = build(names)
        for one in names:
            app = app[one]
        known = {name for one in app.assemble_argument_collection() for name in one.names}
        asked = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert asked <= known | {"--help"}, line
    else:
        assert words[:2] == ["pip", "install"], line


def test_a_command_that_is_not_there_is_noticed():
    with pytest.raises(KeyError):
        build(["monitr"])["monitr"]
    with pytest.raises(AssertionError):
        test_commands_exist_with_their_options("choirmaster monitor data.csv --colour red")
    with pytest.raises(AssertionError):
        test_commands_exist_with_their_options("make everything")


def test_the_oldest_python_is_that_of_the_project():
    (oldest,) = re.findall(r">=(3\.\d+)", PROJECT["requires-python"])
    assert re.findall(r"Python (3\.\d+) or newer", README) == [oldest]


def test_extras_are_those_of_the_project():
    table = set(re.findall(r"^\| `(\w+)` \|", README.partition("## Install")[2].partition("\n## ")[0], re.MULTILINE))
    assert table == set(PROJECT["optional-dependencies"])
    named = {one for found in re.findall(r"choirmaster\[([\w,]+)\]", README) for one in found.split(",")}
    assert named <= set(PROJECT["optional-dependencies"])


def test_first_screen_shows_what_the_project_is_about():
    code, shown = examples(README)[0]
    assert README.index(code) < 400
    assert len(code.strip().splitlines()) <= 24
    for word in ("fused: ", "drift: ", "alert: "):
        assert word in shown
    assert len(re.findall(r"!\[", README)) <= 3  # badges


def test_the_build_finds_its_two_commands():
    fenced = "\n".join(body for _, body in blocks(README))
    for command in ("make demo", "make test"):
        assert re.search(rf"^{command}\b", fenced, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_links_lead_somewhere(page: Path):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target or target.startswith("#"):
            continue
        assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


def test_every_page_of_the_docs_can_be_reached():
    seen, todo = set(), [TOP / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or not page.is_file():
            continue
        seen.add(page)
        if page.suffix == ".md":
            found = re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8"))
            todo += [Path(os.path.normpath(page.parent / one)) for one in found if "://" not in one]
    assert set((TOP / "docs").rglob("*.md")) - seen == set()


def test_every_command_named_anywhere_is_known():
    lines = [line for page in PAGES for line in commands(page.read_text(encoding="utf-8"))]
    assert {line.split()[1] for line in lines if line.startswith("choirmaster")} <= KNOWN
