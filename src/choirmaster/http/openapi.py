"""The API description, written from the route table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from choirmaster.http.table import EVERYBODY, Route

_PART = re.compile(r"\{(\w+)(?::\w+)?\}")
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_REFUSALS = {"400": "cannot be understood", "401": "no token", "403": "not allowed", "404": "not found",
             "413": "too large", "429": "too many failed tokens", "503": "not now"}  # fmt: skip


def describe(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """Return OpenAPI 3.1 for a route table."""
    types = [one for route in routes for one in (route.body, route.answer) if one is not None]
    (schemas, parts) = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    found = dict(zip(map(id, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _PART.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, found)
    return {
        "openapi": "3.1.0",
        "info": {"title": "choirmaster", "version": version},
        "paths": paths,
        "components": {
            "schemas": {**parts, "Error": _ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, schemas: dict[int, Any]) -> dict[str, Any]:
    shape = schemas[id(route.answer)] if route.answer is not None else {}
    out: dict[str, Any] = {
        "summary": route.summary,
        "operationId": _name(route),
        "x-roles": sorted(route.roles),
        "responses": {"200": {"description": "fine", "content": _content(route.media, shape)}},
    }
    for status, text in _REFUSALS.items():
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        out["responses"][status] = {"description": text, "content": content}
    parameters = [_parameter(name, "path") for name in _PART.findall(route.path)]
    parameters += [_parameter(name, "query") for name in route.parameters]
    if parameters:
        out["parameters"] = parameters
    if route.body is not None:
        out["requestBody"] = {"required": True, "content": _content(route.takes, schemas[id(route.body)])}
    if route.roles != EVERYBODY:
        out["security"] = [{"token": []}]
    return out


def _content(kinds: Sequence[str], shape: Any) -> dict[str, Any]:
    """Return the schema by media type; what is no text is bytes."""
    raw = {"type": "string", "format": "binary"}
    return {kind: {"schema": shape if kind.startswith(("text/", "application/json")) else raw} for kind in kinds}


def _name(route: Route) -> str:
    words = re.findall(r"[A-Za-z0-9]+", route.path)
    slash = ["slash"] if route.path.endswith("/") and words else []
    return "_".join([route.method.lower(), *words, *slash])


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}
