"""What the package costs: start-up against importing pyarrow twice, and the size of what it pulls in."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.metadata import Distribution, distribution, requires
from typing import Any

from packaging.requirements import Requirement

RUNS = 5


def main() -> dict[str, Any]:
    """Print process seconds of imports and of ``choirmaster --help``, and megabytes on disk."""
    found: dict[str, Any] = {
        "import_pyarrow": _cpu("-c", "import pyarrow"),
        "import_choirmaster": _cpu("-c", "import choirmaster"),
        "help": _cpu("-m", "choirmaster", "--help"),
        "core_mb": round(sum(_size(one) for one in _closure("choirmaster")) / 2**20),
    }
    print(f"start, CPU seconds: import choirmaster {found['import_choirmaster']:.3f}, --help {found['help']:.3f}, "
          f"import pyarrow {found['import_pyarrow']:.3f}; core install {found['core_mb']} MB", flush=True)  # fmt: skip
    return found


def _cpu(*arguments: str) -> float:
    import resource

    best = float("inf")
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        time.sleep(0.05)
    return round(best, 3)


def _closure(name: str) -> list[Distribution]:
    """Return a distribution and all it requires, extras left out."""
    seen: dict[str, Distribution] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop().lower().replace("_", "-")
        if one in seen:
            continue
        seen[one] = distribution(one)
        for text in requires(one) or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                waiting.append(need.name)
    return list(seen.values())


def _size(one: Distribution) -> int:
    total = 0
    for file in one.files or []:
        path = one.locate_file(file)
        try:
            total += 0 if str(path).endswith(".pyc") else path.stat().st_size  # type: ignore[attr-defined]  # a real path
        except OSError:
            continue
    return total
