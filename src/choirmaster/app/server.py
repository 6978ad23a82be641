"""``choirmaster serve``: the HTTP server, the drainer and the monitor in one process."""

from __future__ import annotations

import dataclasses
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from choirmaster import dashboard
from choirmaster.app.installation import Installation
from choirmaster.config import Access
from choirmaster.errors import ChoirmasterError
from choirmaster.exporters.prometheus import PrometheusTelemetry
from choirmaster.exporters.workers import SharedPage
from choirmaster.http.server import bind, build_app, run
from choirmaster.http.settings import AccessSettings, Token
from choirmaster.http.table import Route, Services
from choirmaster.ports import AuditEntry

_LOG = structlog.get_logger(__name__)
RETRY_SECONDS = 0.5
BACKLOG = 2048
END_SECONDS = 4.0  # for a look that is under way, so that the whole end stays under 10 s
FIRST_LOOK_SECONDS = 1.0  # the first answers come before the kernels are loaded
SWITCH_SECONDS = 0.001  # threads that measure and drain give way to answers after this long; Python's own is 5 ms


def access_settings(config: Access) -> AccessSettings:
    """Return who may reach the server."""
    tokens = tuple(Token(one.name, f"sha256:{one.sha256.removeprefix('sha256:')}", one.roles) for one in config.tokens)
    return AccessSettings(
        listen=config.listen, tokens=tokens, tls_certificate=config.tls.cert if config.tls else "",
        tls_key=config.tls.key if config.tls else "", behind_proxy=config.behind_proxy, hosts=config.hosts,
        origins=config.origins,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Shared:
    """What one of several server processes shares with the others.

    Attributes
    ----------
    listener : socket
        Listens already.
    number : int
        Which process it is, from 0.
    pages : Path
        The folder where each leaves its metrics.
    ready : callable
        Called once requests are accepted.
    """

    listener: socket.socket
    number: int
    pages: Path
    ready: Callable[[], None]


def serve(
    path: Path, *, overrides: Mapping[str, Any], monitor: bool, wait: bool, tell: Callable[[str], None],
    shared: Shared | None = None,
) -> None:  # fmt: skip
    """Serve until SIGTERM or SIGINT, as the only process or as one of several.

    With ``wait`` the server starts although models or ensembles are not there yet: it says so, is not ready, reads the
    configuration again twice a second and takes up what has come.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    site = Installation(path, overrides=overrides)
    telemetry = site.telemetry = PrometheusTelemetry(backlog=site.backlog, dropped=site.dropped, ensembles=site.runners)
    settings = access_settings(site.config.access)
    settings.check()
    listener = shared.listener if shared else bind(settings)
    page = SharedPage(shared.pages, shared.number, telemetry) if shared else None
    port = listener.getsockname()[1]
    scheme = "https" if settings.tls else "http"
    site.address = f"{scheme}://{settings.host}:{port}"
    stop = threading.Event()
    threads = []
    if not wait:
        _take_up(site)
    site.on_alert = lambda alert: tell(_event(alert))

    def start() -> None:
        if page is not None:
            page.start()
        site.drainer.start()
        work: list[Callable[[], None]] = [lambda: site.follower.run(stop)]
        if wait:
            work.append(lambda: _take_up_when_there(site, stop, tell))
        if monitor:
            work.append(lambda: _monitor(site, stop))
        for one in work:
            thread = threading.Thread(target=one, daemon=True)
            thread.start()
            threads.append(thread)

    def close() -> None:
        stop.set()
        until = site.clock.monotonic() + END_SECONDS
        for thread in threads:  # one that is cut off has written nothing by half: the next look does it again
            thread.join(max(0.0, until - site.clock.monotonic()))
        if page is not None:
            page.close()
        site.close()

    services = Services(
        site.runners, site.clock, page or telemetry, site.ingest(), site.queries, site.store.add_audit,
        site.operator, pages=[_page(one) for one in dashboard.routes(site.queries)], version=_version(),
        on_start=(start,), on_close=(close,),
    )  # fmt: skip
    if shared is None or not shared.number:
        site.store.add_audit(AuditEntry(site.clock.now(), "process", "serve", site.address, "start", "", ""))
    listener.listen(BACKLOG)  # who reads the next line may connect at once
    if shared is None:
        tell(f"choirmaster listens on {site.address} (dashboard, API and /v2)")
    else:
        shared.ready()
    run(build_app(services, dataclasses.replace(settings, listen=f"{settings.host}:{port}")), settings, listener)


def _take_up(site: Installation) -> None:
    try:
        site.adopt()
    finally:  # what could be loaded answers, also where another ensemble cannot be loaded yet
        for name in site.layouts:
            if name not in site.runners:
                site.start_runner(name)


def _take_up_when_there(site: Installation, stop: threading.Event, tell: Callable[[str], None]) -> None:
    """Try again until every configured ensemble answers."""
    said = ""
    while not stop.is_set():
        try:
            site.reread()
            _take_up(site)
            if site.runners and len(site.runners) == len(site.config.ensembles):
                tell(f"ready: {', '.join(site.runners)}")
                return
        except ChoirmasterError as error:
            if str(error) != said:
                said = str(error)
                _LOG.info("waiting", reason=said)
        stop.wait(RETRY_SECONDS)


def _monitor(site: Installation, stop: threading.Event) -> None:
    if not stop.wait(FIRST_LOOK_SECONDS):
        site.follow(stop, drain=False)


def _event(alert: Mapping[str, object]) -> str:
    return f"{alert['title']}: {alert['text']}" + (f" ({alert['link']})" if alert.get("link") else "")


def _page(page: Any) -> Route:
    """Give a dashboard page the form of an HTTP route."""
    return Route(page.method, page.path, page.roles, page.handler, page.summary, media=page.media)


def _version() -> str:
    from importlib.metadata import version

    return version("choirmaster")
