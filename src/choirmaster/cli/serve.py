"""``choirmaster serve``."""

from __future__ import annotations

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, Config, services


def serve(
    config: Config = DEFAULT_CONFIG,
    *,
    listen: str | None = None,
    no_monitor: bool = False,
    wait: bool = False,
    workers: int = 1,
) -> int:
    """Answer requests, take events, show the dashboard and watch the ensembles, until interrupted.

    Example: choirmaster serve --config choirmaster.yaml --listen 127.0.0.1:8080

    Parameters
    ----------
    listen
        host:port, in place of access.listen; beyond loopback only with tokens, and TLS or a proxy.
    no_monitor
        Leave measuring to another process: choirmaster monitor --follow.
    wait
        Start although models are not there yet; ready when they are.
    workers
        Server processes on the one port, each with all members loaded; the first one measures.
    """
    overrides = {"access.listen": listen} if listen else {}
    try:
        services().serve(config, overrides=overrides, monitor=not no_monitor, wait=wait, tell=output.tell,
                         workers=workers)  # fmt: skip
    except KeyboardInterrupt:
        output.hint("stopped")
    return 0
