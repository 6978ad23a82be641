"""Builds the ASGI application from the route table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from choirmaster.errors import Unavailable
from choirmaster.http.guard import Access, Guard
from choirmaster.http.problems import Refused, problem
from choirmaster.http.routes import table
from choirmaster.http.settings import AccessSettings
from choirmaster.http.table import Call, Pools, Route, Services
from choirmaster.ports import AuditEntry
from choirmaster.serve.admission import Admission

Endpoint = Callable[[Request], Awaitable[Response]]
_OTHER_THREADS = 4


def build_app(services: Services, settings: AccessSettings) -> Starlette:
    """Return the application; ``settings.check()`` has the last word on whom it may listen to."""
    settings.check()
    routes = table(services.pages)
    pools = Pools(
        ThreadPoolExecutor(settings.limits.threads, "score"), ThreadPoolExecutor(_OTHER_THREADS, "answer"),
        Admission(settings.limits.in_flight),
    )  # fmt: skip
    access = Access(settings, services.clock.monotonic)
    app = Starlette(
        routes=[StarletteRoute(one.path, _endpoint(one, services, settings, pools, access), methods=[one.method])
                for one in routes],
        middleware=[Middleware(Guard, settings=settings)],
        exception_handlers={HTTPException: _http_exception},
        lifespan=_lifespan(services, pools),
    )  # fmt: skip
    app.router.redirect_slashes = False
    app.state.routes, app.state.services, app.state.settings = routes, services, settings
    return app


def _lifespan(services: Services, pools: Pools) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        loop.run_in_executor(pools.other, _warm)
        for start in services.on_start:
            await loop.run_in_executor(pools.other, start)
        yield
        services.draining = True
        for runner in list(services.runners.values()):  # hands on the records that still wait for somebody
            await loop.run_in_executor(pools.other, runner.close)
        for close in services.on_close:
            await loop.run_in_executor(pools.other, close)
        pools.scoring.shutdown(wait=False, cancel_futures=True)
        pools.other.shutdown(wait=False, cancel_futures=True)

    return lifespan


def _warm() -> None:
    """Make Arrow ready beside the start: its first conversion loads pandas where that is installed, which is slow."""
    import pyarrow as pa

    pa.array(["warm"])


def _endpoint(route: Route, services: Services, settings: AccessSettings, pools: Pools, access: Access) -> Endpoint:
    monotonic = services.clock.monotonic

    async def endpoint(request: Request) -> Response:
        start = monotonic()
        response = await _answered(route, request, access, services, settings, pools)
        if services.telemetry is not None:
            services.telemetry.request(route.method, route.path, response.status_code, monotonic() - start)
        return response

    return endpoint


async def _answered(
    route: Route, request: Request, access: Access, services: Services, settings: AccessSettings, pools: Pools
) -> Response:
    try:
        who, roles = access.admit(request, route)
        call = Call(request, services, settings, pools, route, who, roles)
        response = await _bounded(call) if route.kind == "event" else await route.handler(call)
        if route.kind == "write" and not call.audited:
            await call.off_loop(lambda: _audit(call, response.status_code))
        return response
    except ClientDisconnect:
        return problem(request.url.path, Refused(400, "the client went away"))
    except Exception as error:
        return problem(request.url.path, error)


async def _bounded(call: Call) -> Response:
    """Run an event's handler, or refuse at once, before its body is read, when too many are in flight."""
    door = call.pools.door
    if not door.admits():
        raise Unavailable("too many requests in flight", expected=f"at most {door.allowed} now", got=str(door.inside))
    door.enter()
    try:
        return await call.route.handler(call)
    finally:
        door.leave()


def _audit(call: Call, status: int) -> None:
    """Write a write down; one that cannot be written down is answered as failed."""
    if call.services.audit is None:
        raise RuntimeError("a write without an audit")
    change, path = call.change, call.request.url.path
    action = call.route.action or f"{call.route.method} {call.route.path}"
    call.services.audit(
        AuditEntry(
            at=call.services.clock.now(), who=call.who, action=action,
            subject=change.get("subject", path), cause=change.get("cause", f"http {status}"),
            before=change.get("before", ""), after=change.get("after", ""),
        )
    )  # fmt: skip


def _http_exception(request: Request, error: Exception) -> Response:
    """Give the framework's own refusals (404, 405) the same shape as ours."""
    assert isinstance(error, HTTPException)
    text = {404: "no such address", 405: "this address does not take that method"}.get(
        error.status_code, str(error.detail).lower()
    )
    return problem(request.url.path, Refused(error.status_code, text, dict(error.headers or {})))
