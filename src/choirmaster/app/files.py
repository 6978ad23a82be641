"""Reading the configuration and what it names, relative to the file that names it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from choirmaster.app.unserved import unserved
from choirmaster.config import Config, ConfigProblems, parse
from choirmaster.errors import ConfigError


def read_config(path: Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read ``choirmaster.yaml``; raises ConfigError, or ConfigProblems with every problem in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError("cannot read the configuration", where=str(path), got=error.strerror or str(error),
                          fix="choirmaster init writes one") from None  # fmt: skip
    folder = path.parent

    def read_file(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    def list_files(pattern: str) -> list[str]:
        return sorted(str(one.relative_to(folder)) for one in folder.glob(pattern))

    config = parse(
        text, env=os.environ, read_file=read_file, list_files=list_files, overrides=overrides, name=path.name
    )
    problems = unserved(config)
    if problems:
        raise ConfigProblems(problems, name=path.name)
    return config


def beside(config_path: Path, name: str) -> Path:
    """Return a path of the configuration, relative to its folder."""
    return (config_path.parent / name).resolve()


def content_of(path: Path) -> str:
    """Return a 128-bit hash of a file's bytes as hex; '' where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return ""


def store_folder(config: Config, config_path: Path) -> Path:
    """Return the folder of the embedded store."""
    return beside(config_path, config.store.reveal())


def journal_folder(config: Config, config_path: Path) -> Path:
    """Return the folder of the journal."""
    return beside(config_path, config.journal) if config.journal else store_folder(config, config_path) / "journal"
