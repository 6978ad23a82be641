"""Where the content comes from: the public queries over a store, or a table of values alone. Both answer the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from choirmaster.errors import SchemaError
from choirmaster.metrics.freshness import FRESHNESS
from choirmaster.times import SECOND, isoformat, parse_instant, to_micros
from choirmaster.values import FUSED, RESERVED_SERIES

WEAKEST_SHOWN = 10
WINDOWS_LISTED = 14
CLASSIFY = ("binary",)  # tasks whose positive class says who was selected


class Queries(Protocol):
    """The public queries a report asks; answers are plain data, times are ISO 8601 texts."""

    def ensemble(self, name: str) -> dict[str, Any]: ...

    def metrics(
        self,
        *,
        ensemble: str,
        metric: Sequence[str] = (),
        segment: str = "",
        version: str = "*",
        start: str | None = None,
        end: str | None = None,
    ) -> list[dict[str, Any]]: ...

    def alerts(self, *, ensemble: str | None = None) -> list[dict[str, Any]]: ...

    def months(self, ensemble: str) -> list[dict[str, Any]]: ...

    def calibration(
        self, ensemble: str, *, start: str | None = None, end: str | None = None
    ) -> list[dict[str, Any]]: ...

    def weakest(
        self, ensemble: str, *, start: str | None = None, end: str | None = None, at_most: int = 10
    ) -> list[dict[str, Any]]: ...

    def fairness(
        self, ensemble: str, segment: str, *, start: str | None = None, end: str | None = None
    ) -> dict[str, Any]: ...


class Closer(NamedTuple):
    """What is read off states and is no row of the table of values; each part may be empty.

    Attributes
    ----------
    calibration : sequence of mapping
        Points of the curves: series, target, n, score, resolution, share, lower, upper.
    weakest : sequence of mapping
        As ``Queries.weakest``.
    fairness : sequence of mapping
        As ``Queries.fairness``, one for each declared segment.
    versions : sequence of mapping
        Tidy rows of differences between versions of a member.
    """

    calibration: Sequence[Mapping[str, Any]] = ()
    weakest: Sequence[Mapping[str, Any]] = ()
    fairness: Sequence[Mapping[str, Any]] = ()
    versions: Sequence[Mapping[str, Any]] = ()


NOTHING_CLOSER = Closer()


class Facts:
    """Everything a report knows: one ensemble's description, its tidy rows, its alerts, its periods.

    Parameters
    ----------
    about : mapping
        As ``Queries.ensemble``; missing keys are fine.
    rows : iterable of mapping
        Tidy rows (``VALUE_COLUMNS``) with times as ISO texts.
    alerts : sequence of mapping
        As ``Queries.alerts``.
    months : sequence of mapping or None
        As ``Queries.months``; None shows windows instead, because values of windows do not add up to a month's.
    closer : Closer
    """

    def __init__(
        self,
        about: Mapping[str, Any],
        rows: Iterable[Mapping[str, Any]],
        alerts: Sequence[Mapping[str, Any]],
        months: Sequence[Mapping[str, Any]] | None,
        closer: Closer = NOTHING_CLOSER,
    ) -> None:
        self.closer = closer
        self.about = dict(about)
        self.rows = tuple(dict(row) for row in rows)
        self.alerts = sorted(alerts, key=lambda one: (one.get("state") != "firing", str(one.get("since") or "")))
        self.months = months
        self._by_metric: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.rows:
            if not row.get("segment") and row.get("target") in {"", "macro", None, self.about.get("positive")}:
                self._by_metric[row["metric"]].append(row)

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics that have rows."""
        return list(self._by_metric)

    def of_metric(self, metric: str) -> Sequence[dict[str, Any]]:
        """Return the rows of a metric: all rows, no segment, of the whole or the positive class."""
        return self._by_metric.get(metric, ())

    @cached_property
    def members(self) -> list[str]:
        """Names of the series that are not the fused one."""
        declared = [one["name"] if isinstance(one, Mapping) else str(one) for one in self.about.get("members") or ()]
        found = dict.fromkeys(row["series"] for row in self.rows if row["series"] not in {"", *RESERVED_SERIES})
        return declared or list(found)

    @property
    def span(self) -> tuple[str, str]:
        """First start and last end of all windows that hold rows, '' where there is no time."""
        counted = [
            row for row in self.rows if row["metric"] != FRESHNESS.name
        ]  # which is told of the present, rows or not
        starts = [row["window_start"] for row in counted if row["window_start"]]
        ends = [row["window_end"] for row in counted if row["window_end"]]
        return min(starts, default=""), max(ends, default="")

    def of_series(self, metric: str) -> dict[str, dict[str, dict[str, Any]]]:
        """Return ``{series: {window: row}}`` of a metric that has no feature, the fused series first."""
        found: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        for row in self._by_metric.get(metric, ()):
            if not row["feature"] and row["series"]:
                found[row["series"]][row["window_start"]] = row
        order = [FUSED, *self.members]
        return dict(
            sorted(found.items(), key=lambda one: (order.index(one[0]) if one[0] in order else len(order), one[0]))
        )

    def of_features(self, metric: str) -> dict[str, dict[str, dict[str, Any]]]:
        """Return ``{feature: {window: row}}`` of a metric."""
        found: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        for row in self._by_metric.get(metric, ()):
            if row["feature"]:
                found[row["feature"]][row["window_start"]] = row
        return dict(found)

    def periods(self, headline: Sequence[str], newest: int = WINDOWS_LISTED) -> tuple[str, list[dict[str, Any]]]:
        """Return ``month`` or ``window`` and one row per period: label, n, labelled and the values of each metric."""
        if self.months:
            return "month", [{**one, "period": one["month"]} for one in self.months]
        windows = sorted({row["window_start"] for metric in headline for row in self._by_metric.get(metric, ())})[
            -newest:
        ]
        return "window", [self._window(window, headline) for window in windows]

    def _window(self, window: str, headline: Sequence[str]) -> dict[str, Any]:
        values = {
            metric: {series: rows[window] for series, rows in self.of_series(metric).items() if window in rows}
            for metric in headline
        }
        shares = [rows[window] for rows in self.of_series("label_share").values() if window in rows]
        share: dict[str, Any] = shares[0] if shares else {"n": None, "value": None}
        known = share["n"] is not None and share["value"] is not None
        labelled = round(share["n"] * share["value"]) if known else None
        return {"period": window, "n": share["n"], "labelled": labelled, "rate": None, "metrics": values}


def named_segments(about: Mapping[str, Any]) -> list[str]:
    """Return the declared segments that are one column; crosses are looked at among the weakest only."""
    return [str(one) for one in about.get("segments") or () if " x " not in str(one)]


def closer_look(queries: Queries, about: Mapping[str, Any], start: str | None, end: str | None) -> Closer:
    """Ask for what no row of the table of values holds."""
    name, span = str(about["name"]), {"start": start, "end": end}
    slices = named_segments(about) if about.get("segments") else []
    weakest = queries.weakest(name, at_most=WEAKEST_SHOWN, **span) if about.get("segments") else []
    fairness = []
    for one in slices if about.get("task") in CLASSIFY else ():
        with suppress(SchemaError):  # no row has come by this segment yet
            fairness.append(queries.fairness(name, one, **span))
    wanted = [f"{metric}_difference" for metric in about.get("headline") or ()]
    versions = queries.metrics(ensemble=name, metric=wanted, version="", start=start, end=end) if wanted else []
    return Closer(queries.calibration(name, **span), weakest, fairness, versions)


def from_queries(queries: Queries, ensemble: str, *, start: str | None = None, end: str | None = None) -> Facts:
    """Ask the public queries for one ensemble and a span; months are those that lie in the span, each as a whole."""
    about = queries.ensemble(ensemble)
    rows = queries.metrics(ensemble=ensemble, segment="", start=start, end=end)
    alerts = [one for one in queries.alerts(ensemble=ensemble) if _within(one, start, end)]
    months = [
        one
        for one in queries.months(ensemble)
        if (not start or one["month"] >= start[:7]) and (not end or f"{one['month']}-01" < end[:10])
    ]
    return Facts(about, rows, alerts, months, closer_look(queries, about, start, end))


def from_values(
    values: Any, alerts: Sequence[Mapping[str, Any]], about: Mapping[str, Any], closer: Closer = NOTHING_CLOSER
) -> Facts:
    """Take an Arrow table of values (``VALUE_SCHEMA``) as it is."""
    rows = values.to_pylist()
    for row in rows:
        for name in ("window_start", "window_end"):
            row[name] = "" if row[name] is None else isoformat(to_micros(row[name]))
        for name in ("series", "segment", "feature", "target"):
            row[name] = row[name] or ""
    return Facts(about, rows, alerts, None, closer)


def seconds(window: str) -> int:
    """Return a window's start in seconds since 1970 UTC.

    >>> seconds("1970-01-02T00:00:00Z")
    86400
    """
    return parse_instant(window) // SECOND


def _within(alert: Mapping[str, Any], start: str | None, end: str | None) -> bool:
    began, ended = str(alert.get("since") or ""), str(alert.get("resolved_at") or "")
    return (not end or began < end) and (not start or not ended or ended >= start)
