"""YAML as people mean it: ``yes`` and ``12:30`` stay text, a key given twice is a problem, each path has a line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from choirmaster.errors import ConfigError

NUMBER = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_MAX_NODES = 100_000
_MAX_DEPTH = 60


class _Loader(yaml.SafeLoader):
    """Safe, and with the booleans and numbers of YAML 1.2 only."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
     "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("merge", r"<<", "<"),
):  # fmt: skip
    _firsts = [*_first, *([""] if _tag == "null" else [])]
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _firsts)


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int | str:
    text = str(loader.construct_scalar(node))
    return int(text) if len(text) < 400 else text


def _construct_float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(str(loader.construct_scalar(node)).lower().replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)


@dataclass(slots=True)
class Document:
    """What a YAML text says.

    Attributes
    ----------
    data : object
        Plain mappings, lists and scalars; None for an empty text.
    lines : dict
        Line (from 1) by path.
    problems : list of ConfigError
        Keys given twice.
    """

    data: Any
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[ConfigError] = field(default_factory=list)


def load(text: str, *, name: str = "configuration") -> Document:
    """Read a YAML text, or say at which line it is none.

    >>> load("positive: yes").data
    {'positive': 'yes'}
    """
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        document = Document(None)
        if node is not None:
            _Walk(document).visit(node, "$", 0)
            document.data = loader.construct_document(node)
        return document
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1} of {name}" if mark else name
        what = " ".join(str(getattr(error, "problem", None) or error).split())
        raise ConfigError("cannot read YAML", where=place, got=what) from None
    except (RecursionError, ValueError, TypeError) as error:
        raise ConfigError("cannot read YAML", where=name, got=type(error).__name__) from None
    finally:
        if loader is not None:
            loader.dispose()


class _Walk:
    """Notes the line of each path, and finds keys given twice."""

    def __init__(self, document: Document) -> None:
        self.document, self.seen = document, 0

    def visit(self, node: yaml.Node, path: str, depth: int) -> None:
        self.seen += 1
        if self.seen > _MAX_NODES or depth > _MAX_DEPTH:
            raise ConfigError("YAML is too large or too deep", where=path,
                              expected=f"at most {_MAX_NODES} values, {_MAX_DEPTH} levels")  # fmt: skip
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            self._mapping(node, path, depth)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.visit(item, f"{path}[{index}]", depth + 1)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> None:
        names: set[str] = set()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            inner = f"{path}.{name}"
            if name in names:
                line = key.start_mark.line + 1
                self.document.problems.append(ConfigError("key given twice", where=f"{inner} (line {line})"))
            names.add(name)
            self.visit(value, inner, depth + 1)
            self.document.lines[inner] = key.start_mark.line + 1
