"""Errors as answers: which status, which body. The only place that turns error codes into statuses."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from choirmaster import errors

_LOG = logging.getLogger("choirmaster.http")

_STATUS: tuple[tuple[type[errors.ChoirmasterError], int], ...] = (
    (errors.TooLarge, 413),
    (errors.RequestError, 400),
    (errors.DataError, 400),
    (errors.SchemaError, 400),
    (errors.ConfigError, 400),
    (errors.NotFound, 404),
    (errors.UnknownName, 404),
    (errors.Forbidden, 403),
    (errors.AccessError, 401),
    (errors.DeadlineExceeded, 504),
    (errors.Unavailable, 503),
    (errors.JournalError, 503),
    (errors.StoreError, 503),
    (errors.MemberError, 503),
    (errors.MissingExtra, 501),
)
_INWARD = (errors.JournalError, errors.StoreError, errors.MemberError)
PROTOCOL = "/v2"


class Refused(Exception):
    """A refusal that has a status of its own and no error class: 405, 415, 429, 431."""

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.headers = status, error, dict(headers or {})


def problem(path: str, error: Exception) -> Response:
    """Return the answer to an error: ``{"error": text}`` under ``/v2``, and with its parts elsewhere."""
    if isinstance(error, Refused):
        return answer(path, error.status, error.error, {"code": _CODES.get(error.status, "refused")}, error.headers)
    if not isinstance(error, errors.ChoirmasterError):
        _LOG.error("an answer failed: %s", type(error).__name__, exc_info=error)
        return answer(path, 500, "internal error; the server's log has the cause", {"code": "internal"})
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    headers = {"Retry-After": "1"} if status == 503 else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="choirmaster", Basic realm="choirmaster"'
    if isinstance(error, _INWARD) or status == 500:
        _LOG.error("an answer failed: %s", error)
        return answer(path, status, f"{_INWARD_TEXT.get(error.code, 'internal error')}; the server's log has the cause",
                      {"code": error.code}, headers)  # fmt: skip
    return answer(path, status, str(error), error.as_dict(), headers)


_CODES = {404: "not_found", 405: "method", 415: "media_type", 429: "too_many", 431: "headers", 403: "forbidden"}
_INWARD_TEXT = {"journal": "the journal is not available", "store": "the store is not available",
                "member": "a member failed"}  # fmt: skip


def answer(
    path: str, status: int, text: str, parts: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error answer of the shape that its path promises."""
    body: dict[str, object] = {"error": text}
    if not (path == PROTOCOL or path.startswith(f"{PROTOCOL}/")):
        body |= parts
    return Response(encode(body), status, headers=dict(headers or {}), media_type="application/json")


def encode(value: object) -> bytes:
    """Write JSON; a number that is not finite becomes null, text that is no Unicode is escaped."""
    try:
        return msgspec.json.encode(value, enc_hook=_plain)
    except UnicodeEncodeError:
        import json

        return json.dumps(value, default=_plain).encode("ascii")


def _plain(value: Any) -> Any:
    """Return a numpy number or array as plain ones, anything else as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
