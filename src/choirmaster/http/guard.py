"""What stands in front of every route: host, origin, header limits, tokens, roles, security headers."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from choirmaster.errors import AccessError, Forbidden
from choirmaster.http.problems import Refused, problem
from choirmaster.http.settings import ROLES, AccessSettings
from choirmaster.http.table import EVERYBODY, SAFE_METHODS, Route
from choirmaster.http.tokens import LOCAL, Failures, find_token, may, secret_of

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


class Guard:
    """ASGI middleware around everything, known routes or not."""

    def __init__(self, app: ASGIApp, settings: AccessSettings) -> None:
        self._app, self._settings = app, settings
        self._headers = (*_HEADERS, _STRICT_TRANSPORT) if settings.tls else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse early, or pass on with security headers put on the answer."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        started = False

        async def hardened(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = self._with_security([*message["headers"]])
            await send(message)

        try:
            check_headers(scope, self._settings)
            check_host(scope, self._settings)
            check_origin(scope, self._settings)
            await self._app(scope, receive, hardened)
        except Exception as error:
            if started:
                raise
            await problem(scope["path"], error)(scope, receive, hardened)

    def _with_security(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        given = {name.lower() for name, _ in headers}
        headers += [one for one in self._headers if one[0] not in given]
        if b"cache-control" not in given:
            headers.append((b"cache-control", b"no-store"))
        return headers


def check_headers(scope: Scope, settings: AccessSettings) -> None:
    """Refuse a request line or headers beyond their limits."""
    limits = settings.limits
    if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > limits.target_bytes:
        raise Refused(414, f"the address is too long: at most {limits.target_bytes} bytes")
    size = sum(len(name) + len(value) for name, value in scope["headers"])
    if len(scope["headers"]) > limits.headers or size > limits.header_bytes:
        raise Refused(431, f"the headers are too large: at most {limits.headers} and {limits.header_bytes} bytes")


def _header(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def host_name(authority: str) -> str:
    """Return the name in ``host:port`` in lower case, without brackets and final dot.

    >>> host_name("[::1]:8080"), host_name("Localhost:80")
    ('::1', 'localhost')
    """
    text = authority.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if text.count(":") == 1 else text


def check_host(scope: Scope, settings: AccessSettings) -> None:
    """Refuse a request for a name that is not ours: the defence against DNS rebinding."""
    given = _header(scope, b"host")
    if len(given) != 1 or host_name(given[0]) not in settings.known_hosts:
        raise Forbidden("this server is not known by that name", where="header Host",
                        fix="add the name to $.access.hosts")  # fmt: skip


def check_origin(scope: Scope, settings: AccessSettings) -> None:
    """Refuse a write that a page of another origin makes the browser send."""
    if scope["method"] in SAFE_METHODS:
        return
    if any(one.strip().lower() in ("cross-site", "same-site") for one in _header(scope, b"sec-fetch-site")):
        origins = _header(scope, b"origin")
        if not origins or any(one not in settings.origins for one in origins):
            raise Forbidden("pages of another origin may not write here", where="header Sec-Fetch-Site")
    for origin in _header(scope, b"origin"):
        if not _same_origin(origin, scope) and origin not in settings.origins:
            raise Forbidden("pages of another origin may not write here", where="header Origin",
                            fix="add the origin to $.access.origins")  # fmt: skip


def _same_origin(origin: str, scope: Scope) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    host = _header(scope, b"host")
    return parts.scheme in ("http", "https") and len(host) == 1 and parts.netloc.lower() == host[0].strip().lower()


class Access:
    """Says who asks, and whether that caller may use a route."""

    def __init__(self, settings: AccessSettings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._failures = Failures(settings.limits, monotonic)

    def admit(self, request: Request, route: Route) -> tuple[str, tuple[str, ...]]:
        """Return the caller's name and roles.

        Raises
        ------
        AccessError
            No token, or an unknown one.
        Forbidden
            A known caller without a role that opens the route.
        Refused
            429: too many failed tokens from this address.
        """
        authorization = request.headers.get("authorization")
        if not self._settings.tokens:
            return LOCAL, ROLES
        if authorization is None and route.roles == EVERYBODY:
            return "", ()
        token = None if authorization is None else find_token(secret_of(authorization) or "", self._settings.tokens)
        if token is None:
            self._refuse(request, tried=authorization is not None)
            raise AccessError("this route needs a token", fix="send the header Authorization: Bearer <token>")
        if route.roles != EVERYBODY and not may(token.roles, route.roles):
            raise Forbidden("this token may not use this route", got=", ".join(token.roles),
                            expected=f"one of {', '.join(sorted(route.roles))}, or admin")  # fmt: skip
        return token.name, token.roles

    def _refuse(self, request: Request, *, tried: bool) -> None:
        address = request.client.host if request.client else ""
        if tried and self._failures.add(address):
            seconds = str(self._settings.limits.failed_seconds)
            raise Refused(429, "too many failed tokens from this address", {"Retry-After": seconds})
