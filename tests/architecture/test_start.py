"""Importing the package and asking for help stay cheap: no heavy library, no more CPU than twice importing pyarrow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "numba", "sklearn", "scipy", "sqlalchemy", "deltalake", "starlette", "reportlab", "onnxruntime", "pandas", "polars",
)  # fmt: skip
MAIN = Path(__file__).parents[2] / "src" / "choirmaster" / "__main__.py"
IMPORT = "import choirmaster"
# What the console script does, with the exit turned into an ordinary end so that the modules can be listed.
HELP = """
import contextlib, io, sys
sys.argv = ["choirmaster", "--help"]
out = io.StringIO()
with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
    from choirmaster.__main__ import main
    main()
assert "demo" in out.getvalue(), out.getvalue()
"""
REPORT = "\nimport json, sys, time\nprint('@', json.dumps([time.process_time(), sorted(sys.modules)]))"
RUNS = 5


def measure(code: str) -> tuple[float, set[str]]:
    """Run code in a fresh interpreter; return its CPU seconds, start-up included, and its top-level modules."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-c", code + REPORT], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    seconds, modules = json.loads(done.stdout.rpartition("@ ")[2])
    return seconds, {name.partition(".")[0] for name in modules}


def fastest(code: str, runs: int = RUNS) -> float:
    return min(measure(code)[0] for _ in range(runs))


def over_budget(code: str, runs: int = RUNS) -> str | None:
    """Say by how much code costs more CPU than twice importing pyarrow; None where it does not."""
    nothing = fastest("pass")
    bound = 2 * (fastest("import pyarrow") - nothing)
    spent = fastest(code, runs) - nothing
    return None if spent <= bound else f"{spent:.3f} s of CPU, allowed {bound:.3f} s"


def cheap(code: str) -> None:
    """Fail when code costs too much, three measurements in a row: another program on the machine is no reason."""
    said = [over_budget(code)]
    while said[-1] and len(said) < 3:
        said.append(over_budget(code))
    assert said[-1] is None, said


def test_import_loads_nothing_heavy():
    assert measure(IMPORT)[1].isdisjoint(HEAVY), sorted(measure(IMPORT)[1] & set(HEAVY))


def test_import_is_cheap():
    cheap(IMPORT)


@pytest.mark.skipif(not MAIN.exists(), reason="the command line is not there yet")
def test_help_loads_nothing_heavy():
    assert measure(HELP)[1].isdisjoint(HEAVY), sorted(measure(HELP)[1] & set(HEAVY))


@pytest.mark.skipif(not MAIN.exists(), reason="the command line is not there yet")
def test_help_is_cheap():
    cheap(HELP)


def test_a_heavy_import_is_seen():
    assert not measure("import scipy")[1].isdisjoint(HEAVY)


def test_a_dear_import_is_seen():
    assert over_budget("import pyarrow\nx = [i * i for i in range(10**7)]", runs=1) is not None
