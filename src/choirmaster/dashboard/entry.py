"""The routes of the dashboard: translate a request, ask the page, answer in the form asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from choirmaster.dashboard import static_files
from choirmaster.dashboard.asked import Asked, read
from choirmaster.dashboard.pages import alerts, ensemble, features, overview, segments
from choirmaster.dashboard.ports import Queries
from choirmaster.dashboard.render import html
from choirmaster.dashboard.tables import to_csv
from choirmaster.errors import ChoirmasterError, ConfigError, NotFound, RequestError, UnknownName


class Call(Protocol):
    """One request as the server hands it over."""

    @property
    def request(self) -> Request:
        """The request itself."""
        ...

    async def off_loop(self, work: Callable[[], Response]) -> Response:
        """Run slow work beside the event loop."""
        ...


Handler = Callable[[Any], Awaitable[Response]]
Page = Callable[..., dict[str, Any]]

READ = frozenset({"read", "operate"})
FORMS_OF_A_PAGE = ("text/html", "application/json", "text/csv")
CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Route:
    """One address: who may ask, and who answers; the handler takes a :class:`Call`."""

    method: str
    path: str
    roles: frozenset[str]
    handler: Handler
    name: str
    summary: str
    media: tuple[str, ...]
    kind: str = "read"
    action: str = ""
    body: None = None
    answer: None = None
    parameters: tuple[str, ...] = ("format",)


PAGES: tuple[tuple[str, str, Page], ...] = (
    ("/", "overview", overview.overview),
    ("/ensembles/{name}", "ensemble", ensemble.ensemble),
    ("/ensembles/{name}/features", "features", features.features),
    ("/ensembles/{name}/features/{which:path}", "feature", features.feature),
    ("/ensembles/{name}/segments", "segments", segments.segments),
    ("/alerts", "alerts", alerts.alerts),
    ("/audit", "audit", alerts.audit),
)


def routes(queries: Queries) -> list[Route]:
    """Return all routes of the dashboard over one set of queries."""
    found = [
        Route("GET", path, READ, _handler(queries, page), f"page-{name}", f"Dashboard: {name}", FORMS_OF_A_PAGE)
        for path, name, page in PAGES
    ]
    return [*found, Route("GET", "/static/{path:path}", READ, _static, "static", "Files of the dashboard", ("*/*",))]


def _handler(queries: Queries, page: Page) -> Handler:
    async def handle(call: Call) -> Response:
        return await call.off_loop(partial(_answer, queries, page, call.request))

    return handle


def _answer(queries: Queries, page: Page, request: Request) -> Response:
    form = request.query_params.get("format", "html")
    try:
        asked = read(request.scope["path"], request.query_params)
        shown = page(queries, asked, **request.path_params)
    except ChoirmasterError as error:
        return _problem(error, form)
    return _reply(shown, asked, request.headers.get("if-none-match", ""))


def _reply(shown: Mapping[str, Any], asked: Asked, known: str) -> Response:
    body, media = _body(shown, asked)
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
    headers = {**HEADERS, "ETag": tag}
    if known == tag:
        return Response(status_code=304, headers=headers)
    if asked.form == "csv":
        headers["Content-Disposition"] = f'attachment; filename="{shown["page"]}.csv"'
    return Response(body, media_type=media, headers=headers)


def _body(shown: Mapping[str, Any], asked: Asked) -> tuple[bytes, str]:
    if asked.form == "json":
        drawn = {chart["id"] for chart in shown["charts"]}  # their numbers stand in the charts already
        twin = {**shown, "tables": [one for one in shown["tables"] if one["name"] not in drawn]}
        return json.dumps(twin, ensure_ascii=False, allow_nan=False).encode(), "application/json"
    if asked.form == "csv":
        kept = [one for one in shown["tables"] if asked.table in {"", one["name"]}]
        return to_csv(kept).encode(), "text/csv; charset=utf-8"
    return html(shown).encode(), "text/html; charset=utf-8"


def _problem(error: ChoirmasterError, form: str) -> Response:
    status = (
        404
        if isinstance(error, NotFound | UnknownName)
        else 400
        if isinstance(error, RequestError | ConfigError)
        else 500
    )
    if form != "html":
        body = json.dumps({"error": error.as_dict()}, ensure_ascii=False).encode()
        return Response(body, status, headers=HEADERS, media_type="application/json")
    words = {404: "Not found", 400: "Cannot read this address"}.get(status, "Could not be answered")
    page = {
        "page": "problem",
        "title": words,
        "text": str(error),
        "crumbs": [],
        "ensemble": "",
        "charts": [],
        "twin": "",
        "csv": "",
    }
    return Response(html(page).encode(), status, headers=HEADERS, media_type="text/html; charset=utf-8")


async def _static(call: Call) -> Response:
    request = call.request
    found = static_files.read(request.path_params["path"])
    if found is None:
        return Response("not found", 404, headers=HEADERS, media_type="text/plain")
    body, media, tag = found
    headers = {**HEADERS, "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media, headers=headers)
