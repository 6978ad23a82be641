"""Every source file keeps to its floor; and each rule is shown to fail on a file that breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.floors import FLOORS, ROOT, check, imports

SOURCES = Path(__file__).parents[2] / "src"


def module_of(path: Path) -> tuple[str, bool]:
    parts = list(path.relative_to(SOURCES).with_suffix("").parts)
    is_package = parts[-1] == "__init__"
    return ".".join(parts[:-1] if is_package else parts), is_package


FILES = sorted(SOURCES.rglob("*.py"))
MODULES = {module_of(path)[0] for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCES)))
def test_file_keeps_to_its_floor(path: Path):
    module, is_package = module_of(path)
    assert check(module, path.read_text(encoding="utf-8"), MODULES, is_package) == []


def test_source_tree_was_found():
    assert f"{ROOT}.errors" in MODULES


KNOWN = {ROOT} | {f"{ROOT}.{name}" for name in FLOORS} | {
    "choirmaster.stores.sql", "choirmaster.stores.lake", "choirmaster.stores.postgres", "choirmaster.serve.fanout",
    "choirmaster.demo", "choirmaster.members.onnx", "choirmaster.members.local",
}  # fmt: skip

BROKEN = [
    # an import that points upward, in each way it can be written
    ("states.histogram", "import choirmaster.serve", "floor 1 imports choirmaster.serve of floor 4"),
    ("states.histogram", "from choirmaster import plan", "floor 1 imports choirmaster.plan of floor 2"),
    ("states.histogram", "from choirmaster.serve import fanout", "choirmaster.serve.fanout of floor 4"),
    ("states.histogram", "from .. import api", "choirmaster.api of floor 5"),
    ("states.histogram", "from ..stores.lake import Lake", "choirmaster.stores.lake of floor 3"),
    ("states.histogram", "def f():\n    from choirmaster.engines import local", "choirmaster.engines of floor 3"),
    ("states.histogram", "class A:\n    async def f(self):\n        import choirmaster.cli", "of floor 5"),
    (
        "errors",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from choirmaster.states import x",
        "of floor 1",
    ),
    ("states.histogram", "import importlib\nx = importlib.import_module('choirmaster.http')", "of floor 5"),
    ("values", "from choirmaster.metrics import brier", "floor 0 imports choirmaster.metrics of floor 1"),
    ("config.load", "from choirmaster.members import local", "of floor 3"),
    # adapters do not know each other; services do not know adapters, nor each other
    ("sinks.webhook", "from choirmaster.stores import sql", "floor 3 imports choirmaster.stores.sql of floor 3"),
    ("stores.lake", "from choirmaster.stores import postgres", "imports its sibling"),
    ("members.onnx", "from .local import Local", "imports its sibling"),
    ("engines.local", "from choirmaster import estimators", "of floor 3"),
    ("serve.fanout", "from choirmaster.members import onnx", "floor 4 imports choirmaster.members.onnx of floor 3"),
    ("serve.fanout", "from choirmaster.record import journal", "floor 4 imports choirmaster.record of floor 4"),
    # entrances do not know adapters, nor the composition
    ("http.routes", "from choirmaster.stores import lake", "floor 5 imports choirmaster.stores.lake of floor 3"),
    ("dashboard.pages", "def f():\n    from choirmaster import app", "floor 5 imports choirmaster.app of floor 6"),
    ("cli.serve", "from choirmaster.app import build", "floor 5 imports choirmaster.app of floor 6"),
    ("api", "from choirmaster import app", "outside a function"),
    ("client", "from choirmaster import metrics", "floor 0 only"),
    ("client", "import starlette", "the client imports starlette"),
    ("demo.run", "from choirmaster.stores import lake", "not the public face"),
    ("states.histogram", "import choirmaster", "public face"),
    ("", "from choirmaster.api import monitor", "at its top"),
    ("", "def f():\n    import choirmaster.app", "at its top"),
    # libraries
    ("values", "import numpy", "floor 0 imports numpy"),
    ("states.histogram", "import pandas as pd", "floor 1 imports pandas"),
    ("metrics.auc", "def f():\n    from sklearn.metrics import roc_auc_score", "floor 1 imports sklearn"),
    ("config.load", "import cyclopts", "floor 2 imports cyclopts"),
    ("config.load", "import scipy", "floor 2 imports scipy"),
    ("serve.fanout", "import httpx", "floor 4 imports httpx"),
    ("lifecycle.train", "def f():\n    import sklearn", "floor 4 imports sklearn"),
    ("stores.lake", "import sklearn", "floor 3 imports sklearn"),
    ("sinks.webhook", "import sqlalchemy", "floor 3 imports sqlalchemy"),
    # the world
    ("states.histogram", "import time", "imports time"),
    ("states.histogram", "from time import time", "imports time"),
    ("states.histogram", "import socket", "imports socket"),
    ("states.histogram", "import random", "imports random"),
    ("states.histogram", "from urllib.request import urlopen", "urllib.request"),
    ("states.histogram", "import pyarrow.parquet as pq", "pyarrow.parquet"),
    ("states.histogram", "from pyarrow import parquet", "pyarrow.parquet"),
    ("times", "import datetime\nx = datetime.datetime.now()", "datetime.datetime.now"),
    ("times", "import datetime as dt\nx = dt.datetime.now(dt.UTC)", "datetime.datetime.now"),
    ("times", "from datetime import datetime as d\nx = d.utcnow()", "datetime.datetime.utcnow"),
    ("times", "from datetime import date\nf = date.today", "datetime.date.today"),
    ("config.load", "x = open('a')", "open"),
    ("config.load", "from pathlib import Path\nx = Path('a').read_text()", ".read_text()"),
    ("config.load", "import os\nx = os.environ['HOME']", "os.environ"),
    ("config.load", "from os import environ", "os.environ"),
    ("config.load", "import os\nx = os.getenv('HOME')", "os.getenv"),
    ("weights.hedge", "import numpy as np\nx = np.random.normal()", "numpy.random.normal"),
    ("weights.hedge", "from numpy.random import normal\nx = normal()", "numpy.random.normal"),
    ("weights.hedge", "import numpy as np\nx = np.random.default_rng()", "without a seed"),
    ("ids", "import uuid\nx = uuid.uuid4()", "uuid.uuid4"),
    ("states.histogram", "import numpy as np\nx = np.load('a')", "numpy.load"),
    ("states.histogram", "import io, numpy as np\ndef f(out): np.savez_compressed(out)", "numpy.savez_compressed"),
    # unknown names
    ("helpers", "", "no floor is known"),
    ("states.histogram", "import choirmaster.helpers", "has no floor"),
]

SOUND = [
    ("states.histogram", "import numpy as np\nfrom choirmaster.errors import StateMismatch\nfrom . import moments"),
    ("states.histogram", "from choirmaster.kernels import log"),
    ("stores.lake", "from choirmaster.stores import sql\nimport deltalake"),
    ("stores.postgres.copy", "from choirmaster.stores.postgres import table"),
    ("http.routes", "from choirmaster.serve import fanout\nimport starlette\nimport time"),
    ("api", "def monitor():\n    from choirmaster import app, reports\n    return app, reports"),
    ("__main__", "from choirmaster import app, cli"),
    ("app", "def f():\n    from choirmaster.stores import lake\n    from choirmaster import demo, __version__"),
    ("cli.demo", "def f():\n    from choirmaster import demo"),
    ("demo.run", "import choirmaster as cm\nfrom choirmaster.api import train\nimport time"),
    ("", "def __getattr__(name):\n    from choirmaster.api import monitor"),
    ("weights.hedge", "import numpy as np\ndef f(rng: np.random.Generator): return np.random.default_rng(7)"),
    ("config.load", "import os\ndef f(path: os.PathLike[str]): return os.fspath(path)"),
    ("times", "import datetime as dt\nx = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)"),
    ("states.histogram", "def f(open): return open + 1"),
    ("alerts.rule", "time = 1\nx = time"),
    ("states.a", "import io, numpy as np\nx = np.load(io.BytesIO(b''))\nout = io.BytesIO()\nnp.savez_compressed(out)"),
    ("engines.reference", "from choirmaster.engines.local import states_of"),
]


def judge(name: str, source: str) -> list[str]:
    return check(f"{ROOT}.{name}".rstrip("."), source, KNOWN, is_package=name == "")


@pytest.mark.parametrize(("name", "source", "problem"), BROKEN)
def test_rule_can_fail(name: str, source: str, problem: str):
    wrong = judge(name, source)
    assert any(problem in line for line in wrong), wrong


@pytest.mark.parametrize(("name", "source"), SOUND)
def test_sound_file_passes(name: str, source: str):
    assert judge(name, source) == []


def test_relative_imports_are_resolved_from_packages_and_from_files():
    from_file = imports("choirmaster.stores.lake.table", "from ..sql import x", KNOWN)
    from_package = imports("choirmaster.stores.lake", "from ..sql import x", KNOWN, is_package=True)
    assert from_file[0].target == "choirmaster.stores.sql"
    assert from_package[0].target == "choirmaster.stores.sql"
