"""Programs that a test needs and that may be missing."""

from __future__ import annotations

import glob
import importlib.util
import os
import shutil

import pytest

_OUTSIDE_PATH = ("/usr/lib/postgresql/*/bin", "/usr/sbin", "/usr/local/sbin", "/sbin")
REQUIRED = "REQUIRE_SERVICES"


def find(binary: str) -> str | None:
    """Return the path of a program on PATH or in the folders where Debian hides servers; the newest version first."""
    folders = [folder for pattern in _OUTSIDE_PATH for folder in sorted(glob.glob(pattern), reverse=True)]
    return shutil.which(binary) or shutil.which(binary, path=os.pathsep.join(folders))


def require(binary: str, install_line: str) -> str:
    """Return the path of a program, or skip the test and say how to install it.

    With REQUIRE_SERVICES=1 a missing program fails the test instead.
    """
    path = find(binary)
    if path is not None:
        return path
    reason = f"service: {binary} is not installed; install it with: {install_line}"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason} ({REQUIRED}=1)", pytrace=False)
    pytest.skip(reason)


def require_package(module: str, install_line: str) -> None:
    """Skip the test where a Python package is missing, or fail it with REQUIRE_SERVICES=1."""
    if importlib.util.find_spec(module) is not None:
        return
    reason = f"service: the package {module} is not installed; install it with: {install_line}"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason} ({REQUIRED}=1)", pytrace=False)
    pytest.skip(reason)
