"""The HTTP parser with what uvicorn's leaves open: a bound on unfinished headers, and a time to finish them in."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from choirmaster.http.settings import Limits

_PHRASES = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}


class BoundedProtocol(HttpToolsProtocol):
    """One connection; ``limits`` is set by :func:`bounded`."""

    limits = Limits()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._in_head, self._head_bytes = True, 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        """Start the time for the first request's headers."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Refuse headers that go on and on."""
        super().data_received(data)
        if self._in_head and self.parser is not None and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > 2 * self.limits.header_bytes + self.limits.target_bytes:
                self._refuse(431, "the headers are too large")

    def on_message_begin(self) -> None:
        """Start to count the headers of the next request."""
        self._in_head, self._head_bytes = True, 0
        self._start_timer()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop counting."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Say that this is no HTTP, in the shape of every other error."""
        self._refuse(400, msg.lower().rstrip("."))

    def _start_timer(self) -> None:
        self._stop_timer()
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self._too_slow)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        if self._in_head and not self.transport.is_closing():
            self._refuse(408, "the headers took too long")

    def _refuse(self, status: int, error: str) -> None:
        self._stop_timer()
        body = json.dumps({"error": error}).encode()
        head = (
            f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def bounded(limits: Limits) -> type[BoundedProtocol]:
    """Return the protocol with these limits."""
    return type("BoundedProtocol", (BoundedProtocol,), {"limits": limits})
