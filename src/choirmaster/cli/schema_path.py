"""Reading ``schema.yaml`` from disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from choirmaster.errors import ConfigError, nearest

if TYPE_CHECKING:
    from choirmaster.schema import Schema


def read_schema(path: Path) -> Schema:
    """Return a schema of a file, or say why there is none."""
    from choirmaster.config.schema_file import load_schema

    return load_schema(read_text(path, "schema"), name=str(path))


def read_text(path: Path, what: str) -> str:
    """Return a file's text."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        folder = path.parent
        close = nearest(path.name, [one.name for one in folder.iterdir()]) if folder.is_dir() else None
        fix = f'did you mean "{folder / close}"?' if close else "choirmaster init --from data.csv writes one"
        raise ConfigError(f"no such {what}", got=f'"{path}"', fix=fix) from None
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"cannot read a {what}", where=str(path), got=type(error).__name__) from None
