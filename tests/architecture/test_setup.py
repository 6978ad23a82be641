"""The set-up says plainly what is missing, and the pip road installs what the lock names."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).parents[2]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = tomllib.loads((TOP / "uv.lock").read_text(encoding="utf-8"))


def load_lock_for_pip():
    spec = importlib.util.spec_from_file_location("lock_for_pip", TOP / "scripts" / "lock_for_pip.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lock_for_pip = load_lock_for_pip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with only what the set-up reads; no environment in it."""
    for name in ("uv.lock", "pyproject.toml"):
        shutil.copy(TOP / name, tmp_path / name)
    shutil.copytree(TOP / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def set_up(clone: Path, group: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(clone), "NO_UV": "1", **environment}
    return subprocess.run(
        ["sh", "scripts/setup.sh", group],
        cwd=clone, env=clean, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def python_that(clone: Path, fails_at: str) -> str:
    return str(
        program(clone, "python-stand-in", f'case "$*" in *{fails_at}*) exit 1;; esac\nexec {sys.executable} "$@"')
    )


def test_unknown_group_is_a_usage_error(clone):
    assert set_up(clone, "everything").returncode == 2


def test_missing_interpreter_is_named(clone):
    done = set_up(clone, "demo", PY="python-of-tomorrow")
    assert done.returncode == 3
    assert "no python-of-tomorrow found" in done.stderr


def test_old_interpreter_is_refused(clone):
    done = set_up(clone, "demo", PY=python_that(clone, "version_info"))
    assert done.returncode == 3
    assert "Python 3.11 or newer is needed" in done.stderr


def test_missing_venv_module_gives_the_line_to_type(clone):
    done = set_up(clone, "demo", PY=python_that(clone, "ensurepip"))
    assert done.returncode == 3
    assert "apt-get install -y python3-venv" in done.stderr
    assert not (clone / ".venv").exists()


def test_nothing_is_done_twice(clone):
    python = sys.executable
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").symlink_to(python)
    probe = f'cat uv.lock pyproject.toml scripts/setup.sh; pwd; {python} -c "import sys; print(sys.version)"'
    stamp = subprocess.run(
        ["sh", "-c", f"{{ {probe}; }} | cksum"], cwd=clone, capture_output=True, text=True, check=True
    )
    (clone / ".venv" / ".ok-test").write_text(stamp.stdout, encoding="utf-8")
    done = set_up(clone, "demo", PY=python)
    assert (done.returncode, done.stdout) == (0, "")
    (clone / "uv.lock").write_text("", encoding="utf-8")
    assert set_up(clone, "demo", PY=python).returncode != 0


@pytest.mark.parametrize(("installed", "wanted", "code"), [
    ("spark", "demo", 0), ("spark", "test", 0), ("test", "demo", 0), ("test", "spark", 3), ("demo", "test", 3),
])  # fmt: skip
def test_a_larger_set_is_enough_and_a_smaller_one_is_not(clone, installed, wanted, code):
    failing = python_that(clone, "ensurepip")  # where something would be installed, this stops it
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    probe = f'cat uv.lock pyproject.toml scripts/setup.sh; pwd; {failing} -c "import sys; print(sys.version)"'
    stamp = subprocess.run(
        ["sh", "-c", f"{{ {probe}; }} | cksum"], cwd=clone, capture_output=True, text=True, check=True
    )
    (clone / ".venv" / f".ok-{installed}").write_text(stamp.stdout, encoding="utf-8")
    assert set_up(clone, wanted, PY=failing).returncode == code


def test_every_requirement_is_pinned_to_a_version_it_allows():
    extras = sorted(set(PROJECT["project"]["optional-dependencies"]) - {"all"})
    wanted = [*PROJECT["project"]["dependencies"], *lock_for_pip.requirements(PROJECT, extras, "test")]
    pins = [Requirement(line) for line in lock_for_pip.constraints(LOCK)]
    here = {canonicalize_name(pin.name): pin for pin in pins if pin.marker is None or pin.marker.evaluate()}
    for line in wanted:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            version = str(here[canonicalize_name(requirement.name)].specifier).removeprefix("==")
            assert requirement.specifier.contains(version, prereleases=True), line


def test_each_package_has_one_pin_on_this_machine():
    pins = [Requirement(line) for line in lock_for_pip.constraints(LOCK)]
    names = [canonicalize_name(pin.name) for pin in pins if pin.marker is None or pin.marker.evaluate()]
    assert len(names) == len(set(names))


def test_development_tools_come_with_the_test_group_only():
    assert "pytest>=8.4" not in lock_for_pip.requirements(PROJECT, ["serve"], "demo")
    assert "pytest>=8.4" in lock_for_pip.requirements(PROJECT, ["serve"], "test")


def test_a_package_locked_twice_carries_its_markers():
    lock = {
        "package": [
            {
                "name": "a",
                "version": "1",
                "source": {"registry": "x"},
                "resolution-markers": ["python_version < '3.12'"],
            },
            {"name": "a", "version": "2", "source": {"registry": "x"}},
            {"name": "own", "version": "0", "source": {"editable": "."}},
        ]
    }
    assert lock_for_pip.constraints(lock) == ["a==1 ; (python_version < '3.12')", "a==2"]


def test_make_targets_never_call_a_package_manager():
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")
    assert "apt" not in makefile.replace("adapt", "")
    assert os.access(TOP / ".ci" / "run", os.X_OK)
