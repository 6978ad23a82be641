"""The page about clients: its programs ask a real server and print what stands below them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from choirmaster.http.app import build_app
from choirmaster.http.settings import AccessSettings
from choirmaster.layout import Layout, SeriesSpec, Task
from tests.docs.readme import TOP, examples
from tests.entrances.http.kit import Fake, runner, served, services

PAGE = (TOP / "docs" / "clients.md").read_text(encoding="utf-8")
FREE = AccessSettings(listen="127.0.0.1:0")
LAYOUT = Layout(
    Task.BINARY, (SeriesSpec("logit"), SeriesSpec("forest"), SeriesSpec("fused")), classes=("ontime", "late"),
    positive="late", numeric=("dep_delay",), categorical=("carrier",),
)  # fmt: skip


def by_delay(features):
    late = np.where(np.asarray(features["dep_delay"]) > 0, 0.75, 0.25)
    return np.column_stack([1.0 - late, late])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    members = {name: Fake(name, by_delay, ("ontime", "late"), LAYOUT.features) for name in ("logit", "forest")}
    app = build_app(services(runners={"delays": runner(members, LAYOUT)}), FREE)
    with served(app, FREE) as (_, url):
        yield url.removeprefix("http://")


@pytest.mark.parametrize("example", examples(PAGE), ids=lambda pair: pair[0].splitlines()[-1][:40])
def test_it_prints_what_stands_below_it(address: str, example, tmp_path):
    code, shown = example
    assert "127.0.0.1:8080" in code
    argv = [sys.executable, "-W", "error", "-c", code.replace("127.0.0.1:8080", address)]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout == shown
