"""The JSON Schema of ``choirmaster.yaml``, for editors."""

from __future__ import annotations

from typing import Any

import msgspec

from choirmaster.config.effective import plain
from choirmaster.config.model import TYPES, Config
from choirmaster.config.scalars import ClassName, Duration, WindowLength, Windows

_TEXTS: dict[type, dict[str, Any]] = {
    Duration: {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(us|ms|s|m|h|d|w|y)\s*$", "examples": ["80ms", "5m"]},
    WindowLength: {"type": "string", "pattern": r"^(\d+(m|h|d|w|mo)|auto)$", "examples": ["1h", "1d", "auto"]},
    Windows: {
        "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^\s*\d+\s*(windows?)?\s*$"}]
    },
    ClassName: {"type": ["string", "number", "boolean"]},
}


def json_schema() -> dict[str, Any]:
    """Return the schema; ``include`` and ``defaults``, which are resolved on reading, are added to the types' own.

    >>> json_schema()["$schema"]
    'https://json-schema.org/draft/2020-12/schema'
    """
    (reference,), components = msgspec.json.schema_components(
        [Config], schema_hook=_hook, ref_template="#/$defs/{name}"
    )
    for kind in TYPES:
        for one in msgspec.structs.fields(kind):
            if one.default_factory is not msgspec.NODEFAULT:  # as it is written in the file: a duration with its unit
                components[kind.__name__]["properties"][one.encode_name]["default"] = plain(one.default_factory())
    root = components["Config"]
    for name in Config.PRIVATE:
        root["properties"].pop(name)
    ensemble = components["Ensemble"]["properties"]
    root["properties"]["include"] = {"type": "array", "items": {"type": "string"}}
    root["properties"]["defaults"] = {"type": "object", "properties": ensemble, "additionalProperties": False}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "choirmaster.yaml", **reference,
            "$defs": components}  # fmt: skip


def _hook(kind: type) -> dict[str, Any]:
    return dict(_TEXTS.get(kind, {"type": "string"}))
