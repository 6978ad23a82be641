"""Prometheus text about serving and keeping, from a registry of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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

    @property
    def reasons(self) -> Mapping[str, int] | None:
        """Rows that were not usable, by reason."""
        ...

    @property
    def why(self) -> str:
        """One word where it was not called."""
        ...


class Answered(Protocol):
    """What is read of one answer."""

    @property
    def early(self) -> bool:
        """Whether it was given before all members were in."""
        ...

    @property
    def degraded(self) -> bool:
        """Whether a row lacks a member."""
        ...

    @property
    def fallback(self) -> Any:
        """Which rows the fallback answered."""
        ...


class Standing(Protocol):
    """What is read of how one member stands."""

    @property
    def member(self) -> str:
        """The member."""
        ...

    @property
    def role(self) -> Any:
        """What it does."""
        ...

    @property
    def ready(self) -> bool:
        """Whether it can be asked."""
        ...

    @property
    def breaker(self) -> Any:
        """Where its breaker is."""
        ...

    @property
    def opened(self) -> int:
        """How often its breaker opened."""
        ...

    @property
    def late_results(self) -> int:
        """Results that came after their deadline."""
        ...


class Ensemble(Protocol):
    """What is read of an ensemble when the text is written."""

    @property
    def ready(self) -> bool:
        """Whether it can answer."""
        ...

    def health(self) -> Iterable[Standing]:
        """Return how each member stands."""
        ...


BREAKERS = ("closed", "half_open", "open")


class PrometheusTelemetry:
    """Counts requests, members' statuses and records; gauges are asked when the text is written.

    Parameters
    ----------
    backlog : callable, optional
        Returns the rows that the journal holds and the store has not yet.
    dropped : callable, optional
        Returns the rows dropped by the recorder since the start.
    ensembles : mapping, optional
        What answers, by name; asked for its members' state when the text is written.
    """

    def __init__(
        self, *, backlog: Callable[[], float] | None = None, dropped: Callable[[], float] | None = None,
        ensembles: Mapping[str, Ensemble] | None = None,
    ) -> None:  # fmt: skip
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
        self._unmade = client.Counter(
            "choirmaster_member_calls_not_made_total", "Calls of members that were not made or not waited for, and why",
            ["ensemble", "member", "why"], **here,
        )  # fmt: skip
        self._masked = client.Counter(
            "choirmaster_member_masked_rows_total", "Rows of members' answers that could not be used, by reason",
            ["ensemble", "member", "reason"], **here,
        )  # fmt: skip
        self._answers = client.Counter(
            "choirmaster_answers_total", "Answers: whole, early, degraded, fallback, below_quorum, expired",
            ["ensemble", "outcome"], **here,
        )  # fmt: skip
        self._answer_seconds = client.Histogram(
            "choirmaster_answer_seconds", "Time of ensembles' answers, without HTTP", ["ensemble"], buckets=_SECONDS,
            **here,
        )  # fmt: skip
        self._second = client.Counter(
            "choirmaster_second_calls_total", "Second calls of slow members", ["ensemble"], **here
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
        if ensembles is not None:
            self.registry.register(_Members(client, ensembles))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; ``route`` is the declared path, never the one typed, so there are few."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def member(self, ensemble: str, call: Called) -> None:
        """Count one member's part in one request."""
        self._calls.labels(ensemble, call.name, str(call.status)).inc()
        if call.latency_us is not None:
            self._latency.labels(ensemble, call.name).observe(call.latency_us / 1e6)
        if call.why:
            self._unmade.labels(ensemble, call.name, call.why).inc()
        for reason, rows in (call.reasons or {}).items():
            self._masked.labels(ensemble, call.name, reason).inc(rows)

    def answered(self, ensemble: str, answer: Answered, seconds: float, second_calls: int) -> None:
        """Count one answer by how it came about."""
        outcome = "fallback" if answer.fallback.any() else "degraded" if answer.degraded else "whole"
        self._answers.labels(ensemble, "early" if answer.early and outcome == "whole" else outcome).inc()
        self._answer_seconds.labels(ensemble).observe(seconds)
        if second_calls:
            self._second.labels(ensemble).inc(second_calls)

    def refused(self, ensemble: str, reason: str) -> None:
        """Count one request that got no answer."""
        self._answers.labels(ensemble, reason).inc()

    def recorded(self, ensemble: str, state: str, rows: int) -> None:
        """Count rows by what became of their record."""
        self._rows.labels(ensemble, state).inc(rows)

    def render(self) -> tuple[bytes, str]:
        """Return the text and its media type."""
        return self._client.generate_latest(self.registry), self._client.CONTENT_TYPE_LATEST


class _Members:
    """Asks the ensembles how their members stand whenever the text is written."""

    def __init__(self, client: Any, ensembles: Mapping[str, Ensemble]) -> None:
        self._client, self._ensembles = client, ensembles

    def collect(self) -> Iterator[Any]:
        family, count = self._client.metrics_core.GaugeMetricFamily, self._client.metrics_core.CounterMetricFamily
        ready = family("choirmaster_ready", "Whether an ensemble can answer", labels=["ensemble"])
        able = family(
            "choirmaster_member_ready", "Whether a member can be asked", labels=["ensemble", "member", "role"]
        )
        breaker = family("choirmaster_member_breaker", "1 for the state that a member's breaker is in",
                         labels=["ensemble", "member", "state"])  # fmt: skip
        opened = count("choirmaster_member_breaker_opened", "How often breakers opened", labels=["ensemble", "member"])
        late = count("choirmaster_member_late_results", "Results that came after their deadline",
                     labels=["ensemble", "member"])  # fmt: skip
        for name, ensemble in list(self._ensembles.items()):
            ready.add_metric([name], float(ensemble.ready))
            for one in ensemble.health():
                able.add_metric([name, one.member, str(one.role)], float(one.ready))
                opened.add_metric([name, one.member], one.opened)
                late.add_metric([name, one.member], one.late_results)
                for state in BREAKERS:
                    breaker.add_metric([name, one.member, state], float(state == str(one.breaker)))
        yield from (ready, able, breaker, opened, late)
