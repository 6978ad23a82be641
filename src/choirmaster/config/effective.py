"""Every value of a configuration and where it came from, for ``choirmaster check``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from choirmaster.config.model import Config
from choirmaster.config.scalars import Secret
from choirmaster.errors import redact


def effective(config: Config) -> list[tuple[str, str, str]]:
    """Return (path, value, source) of every value; secrets are masked, what nobody set has the source ``default``.

    >>> effective(Config())[0]
    ('$.store', './data', 'default')
    """
    return [
        (path, text, config.origins.get(path, _nearest(config.origins, path))) for path, text in _leaves(config, "$")
    ]


def plain(value: Any) -> Any:
    """Return a value as plain data that may be shown: durations as text, secrets masked."""
    if isinstance(value, msgspec.Struct):
        private = getattr(value, "PRIVATE", ())
        fields = [one for one in msgspec.structs.fields(value) if one.name not in private]
        return {one.encode_name: plain(getattr(value, one.name)) for one in fields}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Secret):
        return value.shown()
    if isinstance(value, str):
        return redact(str(value))
    if isinstance(value, int) and type(value) not in (int, bool):
        return str(value)
    return value


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    shown = plain(value)
    yield from _walk(shown, path)


def _walk(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _walk(item, f"{path}.{key}")
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}[{index}]")
    else:
        yield path, _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value) if value != {} else "none"


def _nearest(origins: Mapping[str, str], path: str) -> str:
    """Return the source of a list or mapping that holds this path whole, else ``default``."""
    outer = path[: path.rfind("[")] if path.endswith("]") else ""
    return origins.get(outer, "default")
