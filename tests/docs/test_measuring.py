"""A guide is one program from top to bottom, and prints what stands below each block."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from choirmaster.layout import Task
from tests.docs.readme import TOP, examples

PAGE = (TOP / "docs" / "measuring.md").read_text(encoding="utf-8")
END = "----- end of a block -----"


@pytest.mark.parametrize("name", ["measuring.md", "fusion.md"])
def test_the_page_prints_what_it_shows(name: str, tmp_path: Path):
    told = examples((TOP / "docs" / name).read_text(encoding="utf-8"))
    program = "".join(f"{code}\nprint({END!r})\n" for code, _ in told)
    argv = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(f"{END}\n")[:-1] == [shown for _, shown in told]
    assert list(tmp_path.iterdir()) == []


def test_every_task_has_an_example():
    code = "".join(code for code, _ in examples(PAGE))
    assert set(re.findall(r'cm\.Schema\(\s*"(\w+)"', code)) == set(Task)
