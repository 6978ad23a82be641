"""What holds for every test: nothing leaves this machine, skips are listed, examples are drawn the same way."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_GUARD = Path(__file__).parent / "guard" / "sitecustomize.py"

settings.register_profile(
    "dev", max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "soak", max_examples=2000, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("dev")


def _install_guard() -> Path:
    """Put the hook into this process, and into every Python process that inherits its environment."""
    handle, name = tempfile.mkstemp(prefix="egress-", suffix=".log")
    os.close(handle)
    os.environ["CHOIRMASTER_TEST_EGRESS_LOG"] = name  # of this process: each worker has its own
    inherited = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    if str(_GUARD.parent) not in inherited:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(_GUARD.parent), *inherited])
    spec = importlib.util.spec_from_file_location("egress_guard", _GUARD)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # A worker started by the main test process carries the hook already; a second one would only repeat it.
    if not hasattr(sys.modules.get("sitecustomize"), "EgressBlocked"):
        sys.addaudithook(module.hook)
    return Path(name)


EGRESS_LOG = _install_guard()


@pytest.fixture(autouse=True)
def _nothing_leaves_this_machine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test during which anything tried to reach another machine."""
    before = EGRESS_LOG.stat().st_size
    yield
    with EGRESS_LOG.open(encoding="utf-8") as file:
        file.seek(before)
        tried = file.read()
    if tried and not request.node.get_closest_marker("egress_expected"):
        pytest.fail(f"reached for another machine:\n{tried}", pytrace=False)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long runs to `make soak`, and Spark to `make test-spark`."""
    asked = config.getoption("-m") or ""
    soak = os.environ.get("CHOIRMASTER_SOAK") == "1" or "soak" in asked
    elsewhere = {name for name, wanted in (("soak", soak), ("spark", "spark" in asked)) if not wanted}
    left = [item for item in items if elsewhere & {mark.name for mark in item.iter_markers()}]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List every skip with its reason, the same reason once."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[text.removeprefix("Skipped: ")] += 1
    terminalreporter.section(f"skipped: {sum(reasons.values())}")
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count} x {reason}")


def pytest_unconfigure() -> None:
    """Remove the log of this process."""
    EGRESS_LOG.unlink(missing_ok=True)
