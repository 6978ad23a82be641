"""One route, declared once: for routing, access, the audit, the API description and the tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from choirmaster.http.settings import ROLES, AccessSettings
from choirmaster.http.statistics import Statistics
from choirmaster.operate.operator import Operator
from choirmaster.ports import AuditEntry, Clock
from choirmaster.serve.admission import Admission
from choirmaster.serve.runner import EnsembleRunner

EVERYBODY = frozenset({"*"})
ANY_ROLE = frozenset(ROLES)
SCORE = frozenset({"score"})
INGEST = frozenset({"ingest"})
READ = frozenset({"read", "operate"})
OPERATE = frozenset({"operate"})
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
KINDS = ("read", "event", "write")

T = TypeVar("T")


class Ingest(Protocol):
    """The service that takes events in: each call returns when the good rows are durable."""

    def predictions(self, body: bytes, *, content_type: str, ensemble: str | None) -> Mapping[str, Any]:
        """Keep predictions; returns receipt, counts and the bad rows."""
        ...

    def labels(self, body: bytes, *, content_type: str, ensemble: str | None) -> Mapping[str, Any]:
        """Keep labels; returns receipt, counts and the bad rows."""
        ...

    def receipt(self, receipt: str) -> Mapping[str, Any] | None:
        """Return the final counts of a receipt, or None for an unknown one."""
        ...


class Telemetry(Protocol):
    """Counts requests and writes the Prometheus text."""

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        ...

    def render(self) -> tuple[bytes, str]:
        """Return the text and its media type."""
        ...


@dataclass(slots=True)
class Services:
    """What the handlers call; made by the composition.

    Attributes
    ----------
    runners : dict
        ``{ensemble: EnsembleRunner}``.
    queries : object
        Methods ``ensembles metrics alerts models references audit weights prediction`` returning plain data.
    audit : callable
        Appends one entry to the audit table.
    operator : Operator
        Takes decisions about running ensembles.
    pages : sequence of Route
        Further routes, such as the dashboard's; each declares its roles.
    statistics : Statistics
        What each model was asked so far.
    on_close : sequence of callable
        Run in order after the last answer: flush the recorder, close the store.
    """

    runners: Mapping[str, EnsembleRunner]
    clock: Clock
    telemetry: Telemetry | None = None
    ingest: Ingest | None = None
    queries: Any = None
    audit: Callable[[AuditEntry], None] | None = None
    operator: Operator | None = None
    pages: Sequence[Route] = ()
    version: str = "0"
    on_start: Sequence[Callable[[], None]] = ()
    on_close: Sequence[Callable[[], None]] = ()
    statistics: Statistics = field(default_factory=Statistics)
    draining: bool = False

    @property
    def ready(self) -> bool:
        """Whether every ensemble can answer and the server is not ending; no ensemble at all is not ready."""
        runners = list(self.runners.values())  # ensembles may be taken up while the server runs
        return bool(runners) and not self.draining and all(one.ready for one in runners)


@dataclass(slots=True)
class Pools:
    """Threads for answers, and others for everything that may be slow."""

    scoring: ThreadPoolExecutor
    other: ThreadPoolExecutor
    door: Admission


@dataclass(slots=True)
class Call:
    """One request on its way through a handler."""

    request: Request
    services: Services
    settings: AccessSettings
    pools: Pools
    route: Route
    who: str
    roles: tuple[str, ...]
    change: dict[str, str] = field(default_factory=dict)  # subject, cause, before, after: for the audit
    audited: bool = False  # the handler writes the audit itself, in one transaction with what it changes

    def path(self, name: str) -> str:
        """Return a part of the path."""
        return str(self.request.path_params.get(name, ""))

    def query(self, name: str, default: str = "") -> str:
        """Return a query parameter."""
        return self.request.query_params.get(name, default)

    async def off_loop(self, work: Callable[[], T]) -> T:
        """Run slow work beside the event loop, away from the threads that score."""
        import asyncio

        return await asyncio.get_running_loop().run_in_executor(self.pools.other, work)


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path.

    Attributes
    ----------
    roles : frozenset of str
        Any one of them opens it; ``EVERYBODY`` needs no token. There is no default: deny is what is not said.
    kind : str
        ``read``, ``event`` or ``write``; a write goes to the audit under ``action``.
    body, answer : type or None
        msgspec types of the JSON body and answer, for the API description.
    media, takes : tuple of str
        Media types of the answer, and of the body.
    """

    method: str
    path: str
    roles: frozenset[str]
    handler: Handler
    summary: str
    kind: str = "read"
    action: str = ""
    body: Any = None
    answer: Any = None
    parameters: tuple[str, ...] = ()
    media: tuple[str, ...] = ("application/json",)
    takes: tuple[str, ...] = ("application/json",)

    def __post_init__(self) -> None:
        strangers = self.roles - ANY_ROLE - EVERYBODY
        if not self.roles or strangers:
            raise ValueError(f"{self.method} {self.path}: unknown or no roles {sorted(strangers)}")
        if self.kind not in KINDS or (self.method in SAFE_METHODS) != (self.kind == "read"):
            raise ValueError(f"{self.method} {self.path}: kind {self.kind!r} does not fit the method")
