"""Prometheus text about serving and keeping, from a registry of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from choirmaster.errors import missing_extra

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Called(Protocol):
    """What is read of one member's part in one request."""

    @property
    def name(self) -> str:
        """The member."""
        ...

    @property
    def status(self) -> Any:
        """How it did."""
        ...

    @property
    def latency_us(self) -> int | None:
        """How long it took, None when it was not called."""
        ...


class PrometheusTelemetry:
    """Counts requests, members' statuses and records; gauges are asked when the text is written.

    Parameters
    ----------
    backlog : callable, optional
        Returns the rows that the journal holds and the store has not yet.
    dropped : callable, optional
        Returns the rows dropped by the recorder since the start.
    """

    def __init__(
        self, *, backlog: Callable[[], float] | None = None, dropped: Callable[[], float] | None = None
    ) -> None:
        try:
            import prometheus_client as client
        except ImportError:
            raise missing_extra("prometheus-client", "serve", purpose="the page /metrics") from None
        self._client = client
        self.registry = client.CollectorRegistry(auto_describe=True)
        here: dict[str, Any] = {"registry": self.registry}
        self._requests = client.Counter(
            "choirmaster_requests_total", "Requests by route and status", ["method", "route", "status"], **here
        )
        self._seconds = client.Histogram(
            "choirmaster_request_seconds", "Time to the answer", ["method", "route"], buckets=_SECONDS, **here
        )
        self._calls = client.Counter(
            "choirmaster_member_calls_total", "Calls of members by status", ["ensemble", "member", "status"], **here
        )
        self._latency = client.Histogram(
            "choirmaster_member_seconds", "Time of members' calls", ["ensemble", "member"], buckets=_SECONDS, **here
        )
        self._rows = client.Counter(
            "choirmaster_recorded_rows_total", "Predictions by what became of them", ["ensemble", "state"], **here
        )
        if backlog is not None:
            client.Gauge("choirmaster_journal_backlog", "Rows waiting for the store", **here).set_function(backlog)
        if dropped is not None:
            client.Gauge("choirmaster_recorder_dropped_rows", "Rows dropped since the start", **here).set_function(
                dropped
            )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; ``route`` is the declared path, never the one typed, so there are few."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def member(self, ensemble: str, call: Called) -> None:
        """Count one member's part in one request."""
        self._calls.labels(ensemble, call.name, str(call.status)).inc()
        if call.latency_us is not None:
            self._latency.labels(ensemble, call.name).observe(call.latency_us / 1e6)

    def recorded(self, ensemble: str, state: str, rows: int) -> None:
        """Count rows by what became of their record."""
        self._rows.labels(ensemble, state).inc(rows)

    def render(self) -> tuple[bytes, str]:
        """Return the text and its media type."""
        return self._client.generate_latest(self.registry), self._client.CONTENT_TYPE_LATEST
