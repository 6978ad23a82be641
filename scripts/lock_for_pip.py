"""Write what pip needs to install this project at the lock file's versions: requirements and constraints.

Used by scripts/setup.sh where uv cannot run. Only the standard library, since nothing is installed yet.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any


def requirements(project: dict[str, Any], extras: list[str], group: str) -> list[str]:
    """Return the requirement lines of the chosen extras, and of the development tools for the group `test`."""
    optional = project["project"]["optional-dependencies"]
    lines = [line for extra in extras for line in optional[extra]]
    if group == "test":
        lines += [line for line in project["dependency-groups"]["dev"] if isinstance(line, str)]
    return lines


def constraints(lock: dict[str, Any]) -> list[str]:
    """Return one `name==version` line for each locked package; a package locked twice carries its markers."""
    lines = []
    for package in lock["package"]:
        if "registry" not in package["source"]:
            continue
        pin = f"{package['name']}=={package['version']}"
        markers = package.get("resolution-markers", [])
        lines += [f"{pin} ; {' or '.join(f'({marker})' for marker in markers)}"] if markers else [pin]
    return lines


def main() -> None:
    """Read pyproject.toml and uv.lock from the current folder and write the two files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("extras", nargs="*")
    parser.add_argument("--group", required=True)
    parser.add_argument("--requirements", type=Path, required=True)
    parser.add_argument("--constraints", type=Path, required=True)
    args = parser.parse_args()
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    lock = tomllib.loads(Path("uv.lock").read_text(encoding="utf-8"))
    args.requirements.write_text("\n".join(requirements(project, args.extras, args.group)) + "\n", encoding="utf-8")
    args.constraints.write_text("\n".join(constraints(lock)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
