"""Handlers that read: the same public queries that the dashboard, the reports and the command line use."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.responses import Response

from choirmaster.errors import ConfigError, NotFound, RequestError, Unavailable
from choirmaster.http.problems import Refused
from choirmaster.http.replies import as_json
from choirmaster.http.table import READ, Call, Handler, Route
from choirmaster.times import parse_instant
from choirmaster.values import VALUE_COLUMNS

_FILTERS = ("ensemble", "series", "metric", "segment", "feature", "target", "version")
_SPANS = ("start", "end", "window", "as_of")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOST = 10_000


def listing(name: str, *allowed: str) -> Handler:
    """Make the handler of a query that takes these parameters; ``limit`` is a number, the others are text."""

    async def handler(call: Call) -> Response:
        given = _given(call, allowed)
        arguments: dict[str, Any] = {key: value for key, value in given.items() if key != "limit"}
        if "limit" in given:
            arguments["limit"] = _limit(given["limit"])
        ask = _query(call, name)
        return as_json(await call.off_loop(lambda: ask(**arguments)))

    return handler


async def metrics(call: Call) -> Response:
    """Answer measured values, as JSON or as CSV."""
    given = _given(call, (*_FILTERS, *_SPANS))
    arguments: dict[str, Any] = {key: given[key] for key in _FILTERS if key in given}
    for edge in ("start", "end", "as_of"):
        if given.get(edge):
            arguments[edge] = _instant(edge, given[edge])
    if given.get("window"):
        arguments["window"] = given["window"][:40]
    kind = _wanted(call.request.headers.get("accept", ""))
    ask = _query(call, "metrics")
    rows = await call.off_loop(lambda: ask(**arguments))
    if kind == "text/csv":
        return Response(as_csv(rows), media_type="text/csv; charset=utf-8")
    return as_json(rows)


async def prediction(call: Call) -> Response:
    """Answer one stored prediction with its label history."""
    ensemble, identity = call.path("ensemble"), call.path("id")
    ask = _query(call, "prediction")
    found = await call.off_loop(lambda: ask(ensemble, identity))
    if found is None:
        raise NotFound("unknown prediction", where=ensemble[:100], got=f'"{identity[:100]}"')
    return as_json(found)


async def telemetry(call: Call) -> Response:
    """Answer the numbers about this program in Prometheus text."""
    if call.services.telemetry is None:
        raise Unavailable("this server counts nothing")
    body, kind = await call.off_loop(call.services.telemetry.render)
    return Response(body, headers={"Content-Type": kind})


def _query(call: Call, name: str) -> Callable[..., Any]:
    ask = getattr(call.services.queries, name, None)
    if ask is None:
        raise Unavailable("this server keeps no values")
    found: Callable[..., Any] = ask
    return found


def _given(call: Call, allowed: Iterable[str]) -> dict[str, str]:
    names = tuple(allowed)
    for name in call.request.query_params:
        if name not in names:
            raise RequestError("unknown query parameter", got=f'"{name[:100]}"', allowed=names)
    return dict(call.request.query_params)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= _MOST):
        raise RequestError("bad limit", where="?limit", expected=f"1 to {_MOST}", got=f'"{text[:40]}"')
    return int(text)


def _instant(name: str, text: str) -> int:
    try:
        return parse_instant(text.replace(" ", "+"), where=f"?{name}")
    except OverflowError:
        raise RequestError("cannot read a time", where=f"?{name}", got=f'"{text[:40]}"') from None
    except ConfigError as error:
        raise RequestError("cannot read a time", where=error.where, expected=error.expected, got=error.got) from None


def _wanted(accept: str) -> str:
    kinds = [one.partition(";")[0].strip().lower() for one in accept.split(",") if one.strip()]
    for one in kinds:
        if one in ("text/csv", "application/json"):
            return one
        if one in ("*/*", "application/*", "text/*", "text/html"):
            return "application/json"
    if kinds:
        raise Refused(406, "cannot answer in that media type: allowed: application/json, text/csv")
    return "application/json"


def as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write values as CSV; a text that a spreadsheet would run as a formula gets an apostrophe in front.

    >>> as_csv([{"ensemble": "=1+1", "value": -0.5}]).splitlines()[1][:22]
    "'=1+1,,,,,,,,,,-0.5,,,"
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, VALUE_COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _get(path: str, handler: Handler, summary: str, *parameters: str, **more: Any) -> Route:
    return Route("GET", path, READ, handler, summary, parameters=parameters, **more)


def _list(name: str, summary: str, *parameters: str) -> Route:
    return _get(f"/api/{name}", listing(name, *parameters), summary, *parameters)


ROUTES: tuple[Route, ...] = (
    _list("ensembles", "The ensembles and their members"),
    _get("/api/metrics", metrics, "Measured values (JSON or CSV)", *_FILTERS, *_SPANS,
         media=("application/json", "text/csv")),
    _list("alerts", "Alerts", "ensemble", "state", "limit"),
    _list("models", "Registered models", "ensemble", "limit"),
    _list("references", "References", "ensemble", "limit"),
    _list("audit", "The append-only audit table", "subject", "limit"),
    _list("weights", "Fusion weights", "ensemble", "limit"),
    _get("/api/predictions/{ensemble}/{id:path}", prediction, "One stored prediction with its labels"),
    Route("GET", "/metrics", READ, telemetry, "Prometheus text", media=("text/plain",)),
)  # fmt: skip
