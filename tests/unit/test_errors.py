"""Errors that name what to install."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import choirmaster
from choirmaster.cli.main import main
from choirmaster.errors import EXTRA_OF, MissingExtra

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
PULLED_IN = {"onnx"}  # comes with skl2onnx


@pytest.mark.parametrize(("package", "extra"), sorted(set(EXTRA_OF.values())))
def test_the_extra_that_is_named_brings_the_package(package: str, extra: str) -> None:
    assert package in PULLED_IN or any(line.startswith(package) for line in EXTRAS[extra])


def test_a_command_without_its_extra_says_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    def services() -> object:
        raise ModuleNotFoundError("No module named 'starlette'", name="starlette")

    assert main(["check"], services) == 3
    shown = capsys.readouterr().err
    assert 'pip install "choirmaster[serve]"' in shown
    assert "Traceback" not in shown


def test_a_name_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: str) -> object:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")

    monkeypatch.delitem(vars(choirmaster), "Ensemble", raising=False)
    monkeypatch.setattr("importlib.import_module", absent)
    with pytest.raises(MissingExtra, match="choirmaster\\[train\\]"):
        choirmaster.Ensemble  # noqa: B018 - asking is the test
