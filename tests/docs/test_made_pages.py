"""Pages that follow from declarations are up to date, and every declared thing stands in them."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import msgspec
import pytest

from choirmaster.cli.main import COMMANDS, GROUPS
from choirmaster.config import model
from choirmaster.fusion import CALIBRATIONS, RULES
from choirmaster.http.routes import ROUTES
from choirmaster.metrics import METRICS
from choirmaster.values import VALUE_COLUMNS, Reason

TOP = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("make_docs", TOP / "scripts" / "make_docs.py")
assert _SPEC is not None and _SPEC.loader is not None
make_docs = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(make_docs)


def page(name: str) -> str:
    return (TOP / "docs" / name).read_text(encoding="utf-8")


def first_cells(text: str) -> list[str]:
    return re.findall(r"^\| (?:\w+ )?`([^`]+)`", text, re.MULTILINE)


@pytest.mark.parametrize("name", make_docs.PAGES_OF_DOCS)
def test_pages_are_up_to_date(name: str):
    assert page(name) == make_docs.PAGES_OF_DOCS[name](), "run: python scripts/make_docs.py"


def test_an_old_page_is_noticed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_docs, "DOCS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["make_docs.py", "--check"])
    assert make_docs.main() == 1
    assert "docs/cli.md is out of date" in capsys.readouterr().out


@pytest.mark.parametrize("kind", model.TYPES, ids=lambda kind: kind.__name__)
def test_every_key_of_the_configuration_is_explained(kind):
    rows = {}
    for section in page("configuration.md").split("\n## ")[1:]:
        if (kind.__doc__ or "").splitlines()[0] in section.splitlines():
            lines = [line for line in section.splitlines() if line.startswith("| `")]
            rows = {cells[1].strip(" `"): cells for cells in (re.split(r"(?<!\\)\|", line) for line in lines)}
    private = model.Config.PRIVATE if kind is model.Config else ()
    assert set(rows) == {one.encode_name for one in msgspec.structs.fields(kind) if one.name not in private}
    plain = {"segment", "feature", "target", "severity", "runbook", "format", "every"}  # say it themselves
    assert [name for name, cells in rows.items() if not cells[4].strip() and name not in plain] == []


def test_every_metric_rule_and_reason_is_listed():
    cells = first_cells(page("metrics.md"))
    assert set(cells) >= {one.name for one in (*METRICS, *RULES, *CALIBRATIONS)} | {str(one) for one in Reason}


def test_every_command_is_listed():
    named = re.findall(r"^## choirmaster (.+)$", page("cli.md"), re.MULTILINE)
    assert named == sorted(
        [name for name, _, _ in COMMANDS] + [f"{group} {name}" for group, _, inner in GROUPS for name, _, _ in inner]
    )


def test_every_argument_of_a_command_has_words():
    rows = [re.split(r"(?<!\\)\|", line) for line in page("cli.md").splitlines() if line.startswith("| `")]
    assert [cells[1] for cells in rows if not cells[3].strip()] == []


def test_every_route_is_listed_with_its_roles():
    lines = page("http.md").splitlines()
    for one in ROUTES:
        (line,) = [text for text in lines if text.startswith(f"| {one.method} `{one.path}` |")]
        opened = [cell.strip() == "yes" for cell in line.split("|")[3:-1]]
        assert opened[0] == ("*" in one.roles)
        assert opened[-1]


def test_every_column_of_values_is_explained():
    assert tuple(first_cells(page("formats/values.md"))) == VALUE_COLUMNS
