"""Runs the application with uvicorn: loopback by default, and an orderly end."""

from __future__ import annotations

import signal
import socket
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette

from choirmaster.errors import ConfigError
from choirmaster.http.app import build_app
from choirmaster.http.protocol import bounded
from choirmaster.http.settings import AccessSettings
from choirmaster.http.table import Services

__all__ = ["Server", "build_app", "run"]


class Server(uvicorn.Server):
    """Says "not ready" from the first signal on, so that a balancer sends nothing more."""

    services: Services

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  uvicorn's signature
        """Stop accepting, finish what is in flight, flush, end."""
        self.services.draining = True
        # Not remembered for raising again, as uvicorn does: whoever called run() goes on after it, and exits with 0.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def make_server(app: Starlette, settings: AccessSettings) -> Server:
    """Return a server that is ready to run."""
    settings.check()
    extra: dict[str, Any] = {}
    if settings.tls:
        extra = {"ssl_certfile": settings.tls_certificate, "ssl_keyfile": settings.tls_key}
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips="127.0.0.1,::1" if settings.behind_proxy else None,
        ws="none",
        timeout_keep_alive=15,
        timeout_graceful_shutdown=max(1, round(settings.limits.drain_seconds)),
        http=bounded(settings.limits),
        **extra,
    )
    server = Server(config)
    server.services = app.state.services
    return server


def bind(settings: AccessSettings) -> socket.socket:
    """Take the port now, so that a wrong or busy one is an error before anything else is started.

    Raises
    ------
    ConfigError
        The address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise ConfigError("cannot listen", where="$.access.listen", got=f'"{settings.listen}": {error.strerror}',
                          fix="choose another port, or 0 for a free one") from None  # fmt: skip
    listener.set_inheritable(True)
    return listener


def run(app: Starlette, settings: AccessSettings, listener: socket.socket | None = None) -> None:
    """Serve until SIGTERM or SIGINT; returns after the requests in flight and the flush."""
    server = make_server(app, settings)
    with listener or bind(settings) as sock:
        server.run(sockets=[sock])
