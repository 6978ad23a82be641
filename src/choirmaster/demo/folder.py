"""The folder a demo writes to: made fresh, and nothing in it is removed that an earlier demo did not write."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from choirmaster.errors import ConfigError

MARK = "demo.json"
OURS = ("choirmaster.yaml", "server.log", "monitor.log", "alerts.jsonl", "summary.json", "metrics.csv", "report.pdf",
        "report.csv", "data", "models", "journal")  # fmt: skip


def prepare(folder: Path) -> Path:
    """Return the folder, empty but for files that are none of ours.

    Raises
    ------
    ConfigError
        It is not ours to clear, or a demo still runs in it.
    """
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            "cannot make the folder of the demo", where=str(folder), got=error.strerror or str(error)
        ) from None
    found = [name for name in OURS if os.path.lexists(folder / name)]
    if found:
        _refuse_foreign(folder, found)
        for name in found:
            _remove(folder / name)
    mark(folder, 0)
    return folder


def mark(folder: Path, process: int) -> None:
    """Write down that this folder is a demo's, and which server works in it (0: none)."""
    (folder / MARK).write_text(
        json.dumps({"written_by": "choirmaster demo", "server": process}) + "\n", encoding="utf-8"
    )


def _refuse_foreign(folder: Path, found: list[str]) -> None:
    try:
        earlier = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        earlier = {}
    if not isinstance(earlier, dict) or earlier.get("written_by") != "choirmaster demo":
        raise ConfigError("this folder holds files that no demo wrote", where=str(folder), got=", ".join(found),
                          fix="choose another folder with --out")  # fmt: skip
    process = earlier.get("server", 0)
    if isinstance(process, int) and process > 0 and _alive(process):
        raise ConfigError("a demo still runs in this folder", where=str(folder), got=f"its server is process {process}",
                          fix="end it with Ctrl-C, or choose another folder with --out")  # fmt: skip


def _alive(process: int) -> bool:
    """Return whether a process runs; where the system tells, whether it is a server of ours."""
    try:
        return b"choirmaster" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        if Path("/proc/self").exists():
            return False
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
