"""``schema.yaml``: which column of a file plays which role. Text in, text out; errors carry the path and line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from choirmaster.config.problems import ConfigProblems
from choirmaster.config.read import SYNONYMS
from choirmaster.config.yaml_text import NUMBER, Document, load
from choirmaster.errors import ChoirmasterError, ConfigError, SchemaError, nearest, unknown
from choirmaster.schema import Schema, Task

KEYS = (
    "task", "label", "members", "prediction", "fused", "fusion", "weights", "output", "classes", "positive", "cutoff",
    "time", "timezone", "id", "segments", "features", "numeric", "categorical", "value",
    "costs",
)  # fmt: skip
_LISTS = ("classes", "segments", "features", "numeric", "categorical")
_TEXTS = ("task", "label", "fusion", "output", "time", "timezone", "id", "value")
_NOTED = {"timezone": "IANA name in which naive times are meant", "cutoff": "score from which a row counts as positive"}
_EMPTY: dict[str, str] = {
    "cutoff": "0.5", "timezone": "UTC", "segments": "[carrier]", "value": "amount", "label": "y", "time": "ts",
    "id": "id",
}  # fmt: skip


def load_schema(text: str, *, name: str = "schema.yaml") -> Schema:
    r"""Read a schema; raises ``ConfigProblems`` with every problem, or the ``SchemaError`` of the declaration.

    >>> load_schema("task: binary\nlabel: y\nmembers: {a: p_a}").label
    'y'
    """
    document = load(text, name=name)
    problems: list[ChoirmasterError] = list(document.problems)
    data = document.data
    if not isinstance(data, Mapping):
        raise ConfigError("cannot read a schema", where=name, expected="a mapping of keys such as task and members")
    problems += _problems(data, document, name)
    if problems:
        raise ConfigProblems(problems, name=name)
    rest = {str(key): value for key, value in data.items() if value is not None}
    try:
        return Schema(rest.pop("task"), **rest)
    except ChoirmasterError as error:
        raise _placed(error, document, name) from None


def _problems(data: Mapping[Any, Any], document: Document, name: str) -> list[ChoirmasterError]:
    out: list[ChoirmasterError] = []
    for key, value in data.items():
        where = _where(f"$.{key}", document, name)
        if key not in KEYS:
            meant = SYNONYMS.get(str(key).lower())
            if meant in KEYS and nearest(str(key), KEYS) is None:
                fix = f'say "{meant}" in place of "{key}"'
                out.append(ConfigError("unknown key", where=where, got=f'"{key}"', fix=fix))
            else:
                out.append(unknown("key", str(key), KEYS, where=where))
        elif key in _LISTS and not (_is_segments(value) if key == "segments" else _is_list(value)):
            out.append(ConfigError("wrong value", where=where, expected="a list", got=f"{value!r}"[:80]))
        elif key in _TEXTS and not isinstance(value, str | None) and not _is_mapped(key, value):
            out.append(ConfigError("wrong value", where=where, expected="a text", got=f"{value!r}"[:80]))
        elif key == "weights" and not _is_weights(value):
            out.append(ConfigError("wrong value", where=where, expected="{member: number}", got=f"{value!r}"[:80]))
        elif key == "cutoff" and not _is_cutoff(value):
            out.append(ConfigError("wrong value", where=where, expected='a number, {series: number} or "auto"',
                                   got=f"{value!r}"[:80]))  # fmt: skip
    if "task" not in data:
        out.append(ConfigError("a key is missing", where=name, expected=f'"task": {", ".join(Task)}'))
    return out


def _is_list(value: Any) -> bool:
    return value is None or (isinstance(value, list) and not any(isinstance(one, dict | list) for one in value))


def _is_segments(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(one, str) or _is_list(one) for one in value))


def _is_mapped(key: str, value: Any) -> bool:
    """Say whether a key that usually holds a text may hold this mapping."""
    return (key == "label" and _is_columns(value)) or (key == "fusion" and isinstance(value, Mapping))


def _is_columns(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_weights(value: Any) -> bool:
    return value is None or (isinstance(value, Mapping) and all(map(_is_number, value.values())))


def _is_cutoff(value: Any) -> bool:
    return value is None or value == "auto" or _is_number(value) or (bool(value) and _is_weights(value))


def _where(path: str, document: Document, name: str) -> str:
    line = document.lines.get(path)
    return f"{path} ({name} line {line})" if line else f"{path} of {name}"


def _placed(error: ChoirmasterError, document: Document, name: str) -> ChoirmasterError:
    """Return the same error with the file and line behind its path."""
    path = error.where
    while path and path != "$" and path not in document.lines:
        path = path.rpartition(".")[0]
    line = document.lines.get(path) if path else None
    where = f"{error.where} ({name} line {line})" if line else f"{error.where or '$'} of {name}"
    kind = SchemaError if isinstance(error, SchemaError) else ConfigError
    return kind(error.what, where=where, expected=error.expected, got=error.got, allowed=error.allowed, fix=error.fix)


def dump_schema(schema: Schema, *, source: str = "", notes: Sequence[str] | None = None) -> str:
    """Write a schema with each note as a comment above the key it explains; ``load_schema`` reads it back.

    >>> print(dump_schema(Schema("binary", prediction="p", label="y", notes=["label: y, by its name"])), end="")
    task: binary
    <BLANKLINE>
    # y, by its name
    label: y
    <BLANKLINE>
    members:
      model: {output: probability, columns: p}
    """
    by_role: dict[str, list[str]] = {}
    for note in schema.notes if notes is None else notes:
        role, _, why = note.partition(": ")
        by_role.setdefault(role, []).append(why)
    data = schema.as_dict()
    blocks = []
    if source:
        blocks.append(f"# Guessed from {source}. Please check each line; every comment says why.")
    for key in KEYS:
        comments = [f"# {line}" for line in by_role.pop(key, [])]
        if key in data:
            blocks.append("\n".join([*comments, _block(key, data[key])]))
        elif comments or (source and key in _EMPTY):
            hint = f"# {key}: {_EMPTY.get(key, '...')}"
            blocks.append("\n".join([*comments, hint + (f"  # {_NOTED[key]}" if key in _NOTED else "")]))
    blocks += ["\n".join(f"# {role}: {why}" for why in whys) for role, whys in by_role.items()]
    return "\n\n".join(blocks) + "\n"


def _block(key: str, value: Any) -> str:
    if key == "members" and isinstance(value, Mapping):
        return "\n".join(["members:", *(f"  {_flow(name)}: {_flow(one)}" for name, one in value.items())])
    return f"{key}: {_flow(value)}"


class _Dumper(yaml.SafeDumper):
    """Quotes what this project's reader takes for a number, beside what YAML 1.1 does."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", NUMBER, list("-+.0123456789"))


def _flow(value: Any) -> str:
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("...").rstrip("\n")
