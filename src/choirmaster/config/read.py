"""Plain data into the configuration's types, with every problem noted under its path."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Union

import msgspec

from choirmaster.config.scalars import SCALARS
from choirmaster.errors import ChoirmasterError, ConfigError, nearest, unknown

# What users type, and the key that is meant.
SYNONYMS = {
    "threshold": "cutoff", "cut_off": "cutoff", "truth": "label", "ground_truth": "label", "actual": "label",
    "models": "members", "experts": "members", "learners": "members", "combiner": "fusion", "aggregation": "fusion",
    "aggregator": "fusion", "baseline": "reference", "training": "reference", "interval": "every", "period": "window",
    "bucket": "window", "granularity": "window", "tz": "timezone", "time_zone": "timezone", "min_members": "quorum",
    "sla": "deadline", "budget_ms": "deadline", "path": "file", "model": "file", "endpoint": "url", "address": "listen",
    "bind": "listen", "port": "listen", "host": "listen", "slices": "segments", "groups": "segments", "kpis": "metrics",
    "channels": "sinks", "receivers": "sinks", "notifiers": "sinks", "handlers": "sinks", "database": "store",
    "storage": "store", "greater_than": "above", "max": "above", "upper": "above", "less_than": "below", "min": "below",
    "lower": "below", "type": "kind", "delay": "grace", "checksum": "sha256", "hash": "sha256", "auth": "access",
    "security": "access", "targets": "classes", "labels_names": "classes", "certificate": "cert", "alerting": "alerts",
    "team": "owner", "positive_class": "positive", "pos_label": "positive", "timeout_seconds": "timeout",
    "weight": "weights", "method": "rule", "strategy": "rule", "level": "severity", "rows": "max_rows",
}  # fmt: skip


@dataclass(slots=True)
class Reading:
    """One pass over plain data.

    Attributes
    ----------
    problems : list of ChoirmasterError
    place : callable
        Turns a path into the text shown, such as path and line.
    given : dict
        Paths of values that were given, in the order read.
    """

    problems: list[ChoirmasterError] = field(default_factory=list)
    place: Callable[[str], str] = lambda path: path
    given: dict[str, None] = field(default_factory=dict)

    def note(self, problem: ChoirmasterError) -> None:
        """Keep a problem and go on."""
        self.problems.append(problem)

    def wrong(self, path: str, expected: str, value: Any) -> None:
        """Note a value of the wrong type."""
        self.note(ConfigError("wrong value", where=self.place(path), expected=expected, got=shown(value)))


_BAD = object()  # stands for a value that has been noted as a problem


def read(kind: type[msgspec.Struct], data: Any, reading: Reading, path: str = "$") -> Any:
    """Return ``data`` as ``kind``, or None when any problem was noted."""
    value = _read(kind, data, path, reading)
    return None if value is _BAD or reading.problems else value


def shown(value: Any) -> str:
    """Write a value for a message: short, and texts in quotes."""
    if isinstance(value, str):
        return f'"{value[:80]}"'
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list) else f"{value!r}"[:80].lower() if value is None else f"{value!r}"[:80]


def type_name(kind: Any) -> str:
    """Say in words what a type takes.

    >>> type_name(float | None), type_name(Literal["a", "b"])
    ('a number', 'a or b')
    """
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(one) for one in typing.get_args(kind) if one is not type(None))
    if origin is Literal:
        return " or ".join(str(one) for one in typing.get_args(kind))
    if origin is tuple:
        return f"a list, each {type_name(typing.get_args(kind)[0])}"
    if origin is dict or (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return "a mapping"
    return {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}.get(
        kind, "a " + getattr(kind, "__name__", "value").lower()
    )


def _read(kind: Any, value: Any, path: str, reading: Reading) -> Any:
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        return _read_union(kind, value, path, reading)
    if origin is Literal:
        return _read_literal(kind, value, path, reading)
    if origin is tuple:
        return _read_list(typing.get_args(kind)[0], value, path, reading)
    if origin is dict:
        return _read_dict(typing.get_args(kind)[1], value, path, reading)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _read_struct(kind, value, path, reading)
    return _read_scalar(kind, value, path, reading)


def _read_scalar(kind: Any, value: Any, path: str, reading: Reading) -> Any:
    reading.given[path] = None
    if kind in SCALARS:
        try:
            return kind.read(value, reading.place(path))
        except ChoirmasterError as problem:
            reading.note(problem)
            return _BAD
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
        return float(value)
    if kind in (str, int, bool) and type(value) is kind:
        return value
    reading.wrong(path, type_name(kind), value)
    return _BAD


def _read_literal(kind: Any, value: Any, path: str, reading: Reading) -> Any:
    reading.given[path] = None
    allowed = typing.get_args(kind)
    if isinstance(value, str) and value in allowed:
        return value
    reading.note(ConfigError("unknown value", where=reading.place(path), got=shown(value), allowed=allowed))
    return _BAD


def _read_union(kind: Any, value: Any, path: str, reading: Reading) -> Any:
    choices = typing.get_args(kind)
    if value is None and type(None) in choices:
        reading.given[path] = None
        return None
    choices = tuple(one for one in choices if one is not type(None))
    fitting = [one for one in choices if _shape_fits(one, value)]
    if len(choices) == 1 or len(fitting) == 1:
        return _read((fitting or choices)[0], value, path, reading)
    for one in fitting:  # several texts may fit, such as a fixed word and a name
        trial = Reading(place=reading.place)
        found = _read(one, value, path, trial)
        if not trial.problems:
            reading.given |= trial.given
            return found
    reading.wrong(path, type_name(kind), value)
    return _BAD


def _shape_fits(kind: Any, value: Any) -> bool:
    origin = typing.get_origin(kind)
    if origin is tuple:
        return isinstance(value, list)
    if origin is dict or (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return isinstance(value, Mapping)
    if origin is Literal or kind is str:
        return isinstance(value, str)
    if kind in (float, int):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return not isinstance(value, Mapping | list)


def _read_list(kind: Any, value: Any, path: str, reading: Reading) -> Any:
    reading.given[path] = None
    if not isinstance(value, list):
        reading.wrong(path, type_name(tuple[kind, ...]), value)
        return _BAD
    items = [_read(kind, item, f"{path}[{index}]", reading) for index, item in enumerate(value)]
    return _BAD if any(item is _BAD for item in items) else tuple(items)


def _read_dict(kind: Any, value: Any, path: str, reading: Reading) -> Any:
    reading.given[path] = None
    if not isinstance(value, Mapping):
        reading.wrong(path, "a mapping", value)
        return _BAD
    items = {str(key): _read(kind, item, f"{path}.{key}", reading) for key, item in value.items()}
    return _BAD if any(item is _BAD for item in items.values()) else items


def _read_struct(kind: type[msgspec.Struct], value: Any, path: str, reading: Reading) -> Any:
    if not isinstance(value, Mapping):
        reading.wrong(path, "a mapping", value)
        return _BAD
    hints = typing.get_type_hints(kind)
    private = getattr(kind, "PRIVATE", ())
    fields = {one.encode_name: one for one in msgspec.structs.fields(kind) if one.name not in private}
    found: dict[str, Any] = {}
    bad = False
    for key, item in value.items():
        if key not in fields:
            reading.note(_unknown_key(str(key), tuple(fields), reading.place(path)))
            bad = True
            continue
        name = fields[key].name
        found[name] = _read(hints[name], item, f"{path}.{key}", reading)
        bad = bad or found[name] is _BAD
    for key, one in fields.items():
        if one.required and one.name not in found:
            where = reading.place(path)
            reading.note(
                ConfigError("a key is missing", where=where, expected=f'"{key}": {type_name(hints[one.name])}')
            )
            bad = True
    return _BAD if bad else kind(**found)


def _unknown_key(key: str, known: tuple[str, ...], where: str) -> ChoirmasterError:
    meant = SYNONYMS.get(key.lower())
    if meant in known and nearest(key, known) is None:
        return ConfigError("unknown key", where=where, got=f'"{key}"', fix=f'say "{meant}" in place of "{key}"')
    return unknown("key", key, known, where=where)
