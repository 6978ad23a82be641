"""Answers on their way out: JSON, tensors behind JSON, and both compressed where the client takes that."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from choirmaster.http.problems import encode

_WORTH_BYTES = 1024  # below this, compressing takes longer than sending
_FAST = 1
_WINDOW = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


def as_json(value: Any, status: int = 200) -> Response:
    """Return a value as a JSON answer."""
    return Response(encode(value), status, media_type="application/json")


def packed(
    body: bytes, accept: str, *, media_type: str = "application/json", headers: Mapping[str, str] | None = None
) -> Response:
    """Return a body, compressed where the client takes that and it is worth it.

    Parameters
    ----------
    accept : str
        The request's ``Accept-Encoding``.
    """
    sent = {**(headers or {}), "Vary": "Accept-Encoding"}
    coding = chosen(accept) if len(body) >= _WORTH_BYTES else ""
    if coding:
        machine = zlib.compressobj(_FAST, zlib.DEFLATED, _WINDOW[coding])
        body = machine.compress(body) + machine.flush()
        sent["Content-Encoding"] = coding
    return Response(body, headers=sent, media_type=media_type)


def chosen(accept: str) -> str:
    """Return ``gzip``, ``deflate``, or '' as a client's ``Accept-Encoding`` allows; among equals gzip.

    >>> chosen("deflate, gzip;q=0.5"), chosen("gzip;q=0, *;q=0"), chosen("br, *")
    ('deflate', '', 'gzip')
    """
    wishes: dict[str, float] = {}
    for one in accept.lower().split(",")[:20]:
        name, _, rest = one.partition(";")
        wishes[name.strip()] = _quality(rest)
    others = wishes.get("*", 0.0)
    ranked = sorted(_WINDOW, key=lambda name: -wishes.get(name, others))
    return ranked[0] if wishes.get(ranked[0], others) > 0 else ""


def _quality(text: str) -> float:
    name, _, number = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(number) if len(number) < 10 else 0.0
    except ValueError:
        return 0.0
