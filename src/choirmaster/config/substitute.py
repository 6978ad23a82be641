"""``${NAME}`` from the environment, ``${NAME:-default}``, and ``${file:path}`` for secrets; ``$${`` writes ``${``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from choirmaster.errors import ConfigError

_PLACE = re.compile(r"\$\$\{|\$\{(?P<file>file:)?(?P<name>[^}:]*)(?P<default>:-(?P<text>[^}]*))?\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Substitution:
    """Replaces the places in texts of plain data.

    Parameters
    ----------
    env : Mapping
        Names and values.
    read_file : callable
        Returns the text of a file.

    Attributes
    ----------
    origins : dict
        Path -> ``environment NAME`` or ``file path`` of every value that was filled in.
    problems : list of ConfigError
    """

    def __init__(self, env: Mapping[str, str], read_file: Callable[[str], str]) -> None:
        self.env, self.read_file = env, read_file
        self.origins: dict[str, str] = {}
        self.problems: list[ConfigError] = []

    def apply(self, data: Any, path: str = "$") -> Any:
        """Return a copy of plain data with every place filled in.

        >>> Substitution({"A": "1"}, str).apply({"x": "${A}-${B:-2}"})
        {'x': '1-2'}
        """
        if isinstance(data, Mapping):
            return {key: self.apply(value, f"{path}.{key}") for key, value in data.items()}
        if isinstance(data, list):
            return [self.apply(value, f"{path}[{index}]") for index, value in enumerate(data)]
        if isinstance(data, str) and "${" in data:
            return _PLACE.sub(lambda match: self._fill(match, path), data)
        return data

    def _fill(self, match: re.Match[str], path: str) -> str:
        if match[0] == "$${":
            return "${"
        return self._file(match["name"], path) if match["file"] else self._variable(match, path)

    def _file(self, name: str, path: str) -> str:
        try:
            text = self.read_file(name).strip()
        except (OSError, UnicodeError) as error:
            self.problems.append(ConfigError("cannot read a file", where=path, got=f"{name}: {type(error).__name__}"))
            return ""
        self.origins[path] = f"file {name}"
        return text

    def _variable(self, match: re.Match[str], path: str) -> str:
        name = match["name"]
        if not _NAME.fullmatch(name):
            expected = "${NAME} or ${file:path}"
            self.problems.append(ConfigError("bad variable", where=path, got=match[0][:80], expected=expected))
            return ""
        if self.env.get(name):
            self.origins[path] = f"environment {name}"
            return self.env[name]
        if match["default"] is not None:
            return match["text"] or ""
        self.problems.append(ConfigError("environment variable is not set", where=path, got=f"${{{name}}}",
                                         fix=f"set {name}, or write ${{{name}:-default}}"))  # fmt: skip
        return ""
