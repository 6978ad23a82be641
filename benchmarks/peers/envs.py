"""An environment for each peer, with pinned packages, beside ours and never in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PEERS = ("evidently", "nannyml", "whylogs")
INSTALL_SECONDS = 900


def version(peer: str) -> str:
    """Return the pinned version of a peer."""
    lines = (HERE / "requirements" / f"{peer}.txt").read_text(encoding="utf-8").splitlines()
    return next(line.split("==")[1] for line in lines if line.startswith(f"{peer}=="))


def python(peer: str, folder: Path) -> tuple[Path | None, str]:
    """Return the peer's interpreter, or None and the reason why there is none."""
    home = folder / peer
    pinned = HERE / "requirements" / f"{peer}.txt"
    stamp, wanted = home / "installed.txt", pinned.read_text(encoding="utf-8")
    found = home / "bin" / "python"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return found, ""
    print(f"peers: installing {peer} {version(peer)} into {home}", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    for command in _commands(home, found, pinned):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        except subprocess.CalledProcessError as error:
            return None, f"does not install: {(error.stderr.strip().splitlines() or ['no message'])[-1][:200]}"
        except (OSError, subprocess.TimeoutExpired) as error:
            return None, f"does not install: {error}"
    stamp.write_text(wanted, encoding="utf-8")
    return found, ""


def _commands(home: Path, found: Path, pinned: Path) -> list[list[str]]:
    uv = Path(".tools/bin/uv")
    if uv.exists():
        return [
            [str(uv), "venv", "-q", "-p", sys.executable, str(home)],
            [str(uv), "pip", "install", "-q", "-p", str(found), "-r", str(pinned)],
        ]
    return [
        [sys.executable, "-m", "venv", str(home)],
        [str(found), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(pinned)],
    ]
