"""The whole route table. What is not listed here does not exist, and each entry says who may use it."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from choirmaster.http import events, models, operating, questions, scoring
from choirmaster.http.openapi import describe
from choirmaster.http.replies import as_json
from choirmaster.http.settings import ROLES
from choirmaster.http.table import ANY_ROLE, Call, Route
from choirmaster.http.tokens import may


async def openapi(call: Call) -> Response:
    """Answer the API description of all routes that speak JSON."""
    return as_json(describe(ROUTES, call.services.version))


ROUTES: tuple[Route, ...] = (
    *models.ROUTES,
    *scoring.ROUTES,
    *events.ROUTES,
    *questions.ROUTES,
    *operating.ROUTES,
    Route("GET", "/openapi.json", ANY_ROLE, openapi, "This description"),
)


def table(pages: Sequence[Route] = ()) -> tuple[Route, ...]:
    """Return all routes with the pages that were given, refusing one that stands twice."""
    routes = (*ROUTES, *pages)
    seen: set[tuple[str, str]] = set()
    for route in routes:
        if (route.method, route.path) in seen:
            raise ValueError(f"{route.method} {route.path} is listed twice")
        seen.add((route.method, route.path))
    return routes


def matrix(routes: Sequence[Route]) -> list[tuple[str, str, dict[str, bool]]]:
    """Return (method, path, {role: whether it opens the route}) for every route and role, and for no role at all."""
    return [
        (one.method, one.path, {"": "*" in one.roles} | {role: "*" in one.roles or may((role,), one.roles)
                                                         for role in ROLES})
        for one in routes
    ]  # fmt: skip
