"""The recipe of a trained ensemble: all it takes to say where it came from, and that its files are unchanged."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from choirmaster.errors import ConfigError, MemberError

RECIPE_FILE, SNIPPET_FILE = "recipe.yaml", "members.yaml"
FORMAT = "choirmaster-recipe/1"
LIBRARIES = ("choirmaster", "numpy", "scipy", "scikit-learn", "pyarrow", "skops", "onnxruntime", "skl2onnx")


def library_versions(names: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """Return the versions of Python and of the libraries that are installed."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def write_yaml(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document with its keys in the order given."""
    path.write_bytes(msgspec.yaml.encode(dict(document)))


def read_recipe(folder: str | Path) -> dict[str, Any]:
    """Return the recipe of a folder.

    Raises
    ------
    ConfigError
        There is none, or it is of another format.
    """
    path = Path(folder) / RECIPE_FILE
    try:
        document = msgspec.yaml.decode(path.read_bytes())
    except OSError as error:
        raise ConfigError("cannot read a recipe", where=str(path), got=error.strerror or str(error)) from None
    except msgspec.DecodeError as error:
        raise ConfigError("cannot read a recipe", where=str(path), expected="YAML", got=str(error)) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        got = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise ConfigError("cannot read a recipe", where=str(path), expected=FORMAT, got=str(got))
    return document


def verify(folder: str | Path) -> dict[str, Any]:
    """Return the recipe of a folder once every model file in it has the sha256 it names.

    Raises
    ------
    MemberError
        A file is missing or another one.
    """
    recipe = read_recipe(folder)
    for name, member in recipe["members"].items():
        path = Path(folder) / member["file"]
        got = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
        if got != member["sha256"]:
            raise MemberError("a model file is not the one that was trained", where=f'member "{name}", {path}',
                              expected=f"sha256 {member['sha256']}", got=got)  # fmt: skip
    return recipe
