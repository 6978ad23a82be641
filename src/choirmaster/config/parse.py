"""``choirmaster.yaml`` into ``Config``: include, defaults, variables, overrides, types, then what types cannot say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from choirmaster.config.checks import check
from choirmaster.config.model import Config
from choirmaster.config.problems import ConfigProblems
from choirmaster.config.read import Reading, read
from choirmaster.config.substitute import Substitution
from choirmaster.config.yaml_text import load
from choirmaster.errors import ChoirmasterError, ConfigError, nearest, unknown

ENVIRONMENT_PREFIX = "CHOIRMASTER__"
_MERGED = ("ensembles", "sinks")


def parse(
    text: str,
    *,
    env: Mapping[str, str],
    read_file: Callable[[str], str],
    list_files: Callable[[str], Sequence[str]] | None = None,
    overrides: Mapping[str, Any] | None = None,
    name: str = "choirmaster.yaml",
) -> Config:
    """Read a configuration; raises ``ConfigProblems`` with all that is wrong.

    Parameters
    ----------
    text : str
        The file's text.
    env : Mapping
        Environment variables: those named in ``${NAME}``, and ``CHOIRMASTER__ACCESS__LISTEN`` for ``$.access.listen``.
    read_file : callable
        Returns the text of a file, by a path relative to the configuration.
    list_files : callable, optional
        Returns the files that match a pattern of ``include``.
    overrides : Mapping, optional
        Values of the command line by dotted path, such as ``{"access.listen": "127.0.0.1:9000"}``; they win.

    Examples
    --------
    >>> parse("store: ${WHERE:-./data}", env={}, read_file=str).store
    ./data
    """
    gathering = _Gathering(env, read_file, list_files or (lambda pattern: [pattern]))
    data = gathering.document(text, name)
    gathering.override(data, _from_environment(env), "environment")
    gathering.override(data, dict(overrides or {}), "command line")
    problems: list[ChoirmasterError] = list(gathering.problems)
    reading = Reading(place=gathering.place)
    config = read(Config, data, reading)
    problems += reading.problems
    if config is not None:
        problems += check(config, place=gathering.place)
    if problems or config is None:
        raise ConfigProblems(problems, name=name)
    origins = {path: gathering.origin(path, name) for path in reading.given}
    found: Config = msgspec.structs.replace(config, origins=origins)
    return found


class _Gathering:
    """Puts one mapping together from the file, what it includes, and its defaults."""

    def __init__(
        self,
        env: Mapping[str, str],
        read_file: Callable[[str], str],
        list_files: Callable[[str], Sequence[str]],
    ) -> None:
        self.env, self.read_file, self.list_files = env, read_file, list_files
        self.problems: list[ChoirmasterError] = []
        self.origins: dict[str, str] = {}
        self.lines: dict[str, str] = {}

    def place(self, path: str) -> str:
        """Return a path with the line it stands at, or that of the nearest parent."""
        outer = path
        while outer not in self.lines and outer != "$":
            outer = outer[: max(outer.rfind("."), outer.rfind("["))]
        line = self.lines.get(outer)
        return f"{path} ({line})" if line else path

    def origin(self, path: str, name: str) -> str:
        """Return where a value came from: the nearest path that is known."""
        outer = path
        while outer not in self.origins and outer not in ("$", ""):
            outer = outer[: max(outer.rfind("."), outer.rfind("["))]
        return self.origins.get(outer, name)

    def document(self, text: str, name: str, *, main: bool = True) -> dict[str, Any]:
        """Read one file, included ones first come first."""
        try:
            document = load(text, name=name)
        except ConfigError as problem:
            self.problems.append(problem)
            return {}
        self.problems += document.problems
        if not isinstance(document.data, dict | None):
            self.problems.append(ConfigError("cannot read the configuration", where=name, expected="a mapping of keys"))
            return {}
        filling = Substitution(self.env, self.read_file)
        data: dict[str, Any] = filling.apply({str(key): value for key, value in (document.data or {}).items()})
        self.problems += filling.problems
        self.lines |= {path: f"{name} line {line}" for path, line in document.lines.items() if path != "$"}
        self.origins |= {path: name for path in document.lines if path != "$"} | filling.origins
        if main:
            self._include(data)
        self._defaults(data)
        return data

    def _include(self, data: dict[str, Any]) -> None:
        patterns = data.pop("include", None) or []
        if not isinstance(patterns, list) or not all(isinstance(one, str) for one in patterns):
            self.problems.append(ConfigError("wrong value", where=self.place("$.include"), expected="a list of paths"))
            return
        for pattern in patterns:
            files = list(self.list_files(pattern))
            if not files:
                self.problems.append(
                    ConfigError("nothing to include", where=self.place("$.include"), got=f'"{pattern}"')
                )
            for file in files:
                self._merge(data, file)

    def _merge(self, data: dict[str, Any], file: str) -> None:
        try:
            text = self.read_file(file)
        except (OSError, UnicodeError) as error:
            got = f"{file}: {type(error).__name__}"
            self.problems.append(ConfigError("cannot read a file", where="$.include", got=got))
            return
        for key, value in self.document(text, file, main=False).items():
            if key in _MERGED and isinstance(value, dict) and isinstance(data.setdefault(key, {}), dict):
                for name, one in value.items():
                    if name in data[key]:
                        self.problems.append(ConfigError("given in two files", where=f"$.{key}.{name}", got=file))
                    data[key][name] = one
            else:
                self.problems.append(unknown("key of an included file", key, _MERGED, where=file))

    def _defaults(self, data: dict[str, Any]) -> None:
        """Lay ``defaults`` below every ensemble."""
        defaults = data.pop("defaults", None)
        if defaults is None:
            return
        if not isinstance(defaults, dict):
            self.problems.append(ConfigError("wrong value", where=self.place("$.defaults"), expected="a mapping"))
            return
        ensembles = data.get("ensembles")
        if not isinstance(ensembles, dict) or not ensembles:
            return
        for name, one in ensembles.items():
            if isinstance(one, dict):
                ensembles[name] = self._below(one, defaults, f"$.ensembles.{name}")

    def _below(self, given: dict[str, Any], defaults: Mapping[str, Any], path: str) -> dict[str, Any]:
        out = dict(given)
        for key, value in defaults.items():
            inner = f"{path}.{key}"
            if key not in out:
                out[key] = value
                self.origins[inner] = "defaults"
            elif isinstance(value, dict) and isinstance(out[key], dict):
                out[key] = self._below(out[key], value, inner)
        return out

    def override(self, data: dict[str, Any], values: Mapping[str, Any], source: str) -> None:
        """Put single values over the file's, by dotted path."""
        for dotted, value in values.items():
            parts = dotted.split(".")
            if parts[0] not in Config.__struct_fields__:
                guess = nearest(parts[0], Config.__struct_fields__)
                self.problems.append(ConfigError("unknown key", where=source, got=f'"{dotted}"',
                                                 fix=f'did you mean "{guess}"?' if guess else ""))  # fmt: skip
                continue
            inner = data
            for part in parts[:-1]:
                below = inner.setdefault(part, {})
                if not isinstance(below, dict):
                    below = inner[part] = {}
                inner = below
            inner[parts[-1]] = value
            self.origins["$." + dotted] = source


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    """Return ``{"access.listen": ...}`` of ``CHOIRMASTER__ACCESS__LISTEN``; values are read as YAML."""
    out: dict[str, Any] = {}
    for name in sorted(env):
        if name.startswith(ENVIRONMENT_PREFIX):
            dotted = name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
            out[dotted] = load(env[name], name=f"environment {name}").data
    return out
