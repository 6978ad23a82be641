"""Handlers that take events in; each answers when the good rows are durable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response

from choirmaster.errors import NotFound, Unavailable
from choirmaster.http.bodies import ARROW_TYPES, media_type, read_body
from choirmaster.http.problems import Refused
from choirmaster.http.replies import as_json
from choirmaster.http.table import INGEST, READ, Call, Ingest, Route

NDJSON_TYPES = ("application/x-ndjson", "application/jsonl", "application/json")


async def predictions(call: Call) -> Response:
    """Keep predictions that were made elsewhere."""
    return await _take(call, lambda ingest: ingest.predictions)


async def labels(call: Call) -> Response:
    """Keep labels."""
    return await _take(call, lambda ingest: ingest.labels)


async def receipt(call: Call) -> Response:
    """Answer what became of a batch."""
    ingest, name = _ingest(call), call.path("receipt")
    found = await call.off_loop(lambda: ingest.receipt(name))
    if found is None:
        raise NotFound("unknown receipt", got=f'"{name[:100]}"')
    return as_json(found)


def _ingest(call: Call) -> Ingest:
    if call.services.ingest is None:
        raise Unavailable("this server keeps no events")
    if call.services.draining:
        raise Unavailable("the server is ending")
    return call.services.ingest


async def _take(call: Call, pick: Callable[[Ingest], Callable[..., Mapping[str, Any]]]) -> Response:
    take = pick(_ingest(call))
    kind = media_type(call.request)
    if kind not in ("", *NDJSON_TYPES, *ARROW_TYPES):
        raise Refused(415, f"unknown Content-Type: allowed: {', '.join((*NDJSON_TYPES, *ARROW_TYPES))}")
    ensemble = call.path("ensemble") or call.query("ensemble") or None
    body = await read_body(call.request, call.settings.limits)
    shape = "arrow" if kind in ARROW_TYPES else "ndjson"
    return as_json(await call.off_loop(lambda: take(body, content_type=shape, ensemble=ensemble)))


def _route(path: str, handler: Any, summary: str, *parameters: str) -> Route:
    return Route("POST", path, INGEST, handler, summary, kind="event", parameters=parameters)


ROUTES: tuple[Route, ...] = (
    _route("/api/ingest/predictions", predictions, "Keep predictions (NDJSON or Arrow IPC)", "ensemble"),
    _route("/api/ingest/predictions/{ensemble}", predictions, "Keep predictions of one ensemble"),
    _route("/api/ingest/labels", labels, "Keep labels (NDJSON or Arrow IPC)", "ensemble"),
    _route("/api/ingest/labels/{ensemble}", labels, "Keep labels of one ensemble"),
    Route("GET", "/api/ingest/{receipt}", INGEST | READ, receipt, "Final counts of a batch"),
)
