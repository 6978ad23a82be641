"""`/ensembles/{name}`: one ensemble over time beside its members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.dashboard.asked import Asked
from choirmaster.dashboard.charts import SHOWN_WINDOWS, chart_table, has_points, line_chart
from choirmaster.dashboard.pages.chosen import chosen
from choirmaster.dashboard.pages.frame import alert_row, frame
from choirmaster.dashboard.pages.overview import best_member, decided, set_by
from choirmaster.dashboard.ports import Queries
from choirmaster.dashboard.tables import column, link, table, value_cell
from choirmaster.dashboard.words import about_metric, better, better_words, metric_title
from choirmaster.times import DAY, isoformat, parse_instant
from choirmaster.values import FUSED

HEADLINES_SHOWN = 4
OPERATION_METRICS = ("label_share", "labelled_share", "availability", "latency_p50", "latency_p99")
RECENT_ALERTS = 20
RECENT = (
    column("state", "state", "state"),
    column("severity", "severity"),
    column("text", "what", "words"),
    column("series", "series"),
    column("since", "since", "time"),
    column("resolved_at", "resolved", "time"),
)


def ensemble(queries: Queries, asked: Asked, name: str) -> dict[str, Any]:
    """Return the page of one ensemble."""
    about = queries.ensemble(name)
    segment = asked.get("segment")

    def over_time(metric: str) -> dict[str, Any]:
        got = queries.series(name, metric, segment=segment, start=asked.start, end=asked.end)
        return line_chart(got, note=about_metric(metric))

    headline = [metric for metric in about.get("headline") or () if metric != "label_share"]
    charts = [over_time(metric) for metric in headline[:HEADLINES_SHOWN]]
    running = [over_time(metric) for metric in OPERATION_METRICS if metric not in headline]
    charts += [chart for chart in running if has_points(chart)]
    months = queries.months(name)
    tables = [*month_tables(about, months), maturity(months), members(about), decided([about])]
    tables += [recent(queries.alerts(ensemble=name)), *chosen(about)]
    tables += [chart_table(chart, newest=SHOWN_WINDOWS if asked.form == "html" else None) for chart in charts]
    return frame(
        asked,
        "ensemble",
        name,
        name=name,
        tables=tables,
        charts=charts,
        about=facts(about),
        spans=spans(asked, about),
        segments=segment_choices(queries, about, headline),
        note=_cutoff_note(about),
    )


def month_tables(about: Mapping[str, Any], months: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one table per headline metric: months down, the fused answer and each member across."""
    named = dict.fromkeys(metric for month in months for metric in month.get("metrics") or {})
    order = [metric for metric in about.get("headline") or () if metric in named]
    order += [metric for metric in named if metric not in order]
    series = [FUSED, *member_names(about)]
    columns = [column("month", "month"), column("n", "rows", "number"), column("labelled", "with label", "number")]
    columns += [column(f"series.{one}", one, "value") for one in series]
    return [
        table(
            f"months-{metric}",
            f"{metric_title(metric)} by month",
            columns,
            [_month(month, metric, series) for month in months],
            empty="no month has ended or begun yet",
            note=_month_note(metric, months),
        )
        for metric in order
    ]


def maturity(months: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how many rows of each month have a label; rows without one are counted, never taken as a class."""
    rows = [
        {
            "month": month["month"],
            "n": month["n"],
            "labelled": month["labelled"],
            "open": month["n"] - month["labelled"],
            "share": month["labelled"] / month["n"] if month["n"] else None,
            "rate": month.get("rate"),
        }
        for month in months
    ]
    columns = (
        column("month", "month"),
        column("n", "rows", "number"),
        column("labelled", "with label", "number"),
        column("open", "without label", "number"),
        column("share", "labelled share", "share"),
        column("rate", "rate of the positive class", "share"),
    )
    return table(
        "maturity",
        "Labels by month",
        columns,
        rows,
        note="rows without a label are counted and stand in no quality number",
    )


def members(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members with their member weights."""
    weights = about.get("weights") or {}
    weight_of = (
        weights.get if isinstance(weights, Mapping) else dict(zip(member_names(about), weights, strict=False)).get
    )
    rows = [
        {
            "name": one["name"],
            "kind": one.get("kind"),
            "role": one.get("role"),
            "version": one.get("version"),
            "weight": weight_of(one["name"]),
            "share": one.get("share"),
            "set": set_by(one["set"]) if one.get("set") else None,
        }
        for one in map(_as_member, about.get("members") or ())
    ]
    columns = (
        column("name", "member"),
        column("weight", "member weight", "number"),
        column("role", "role"),
        column("share", "share of ids", "share"),
        column("set", "role set by", "words"),
        column("kind", "kind"),
        column("version", "version"),
    )
    return table("members", "Members and weights", columns, rows)


def recent(alerts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the newest alerts, firing ones first."""
    ordered = sorted(alerts, key=lambda alert: str(alert.get("since") or ""), reverse=True)
    ordered.sort(key=lambda alert: alert.get("state") != "firing")
    return table("alerts", "Newest alerts", RECENT, map(alert_row, ordered[:RECENT_ALERTS]), empty="no alert so far")


def facts(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands at the head of an ensemble's page."""
    keys = (
        "task",
        "owner",
        "health",
        "window",
        "last_window",
        "watermark",
        "predictions",
        "labelled_share",
        "fusion",
        "cutoff",
        "positive",
        "alerts_firing",
    )
    reference = about.get("reference") or {}
    return {
        **{key: about.get(key) for key in keys},
        "reference": reference.get("id"),
        "reference_rows": reference.get("rows"),
        "reference_source": reference.get("source"),
    }


def spans(asked: Asked, about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return links to the last weeks and months of data, counted back from the newest data, not from today."""
    newest = about.get("watermark") or about.get("last_window")
    links: list[dict[str, Any]] = [
        {**link("all", asked.href(start="", end="")), "here": not (asked.start or asked.end)}
    ]
    for words, days in (("90 days", 90), ("30 days", 30), ("7 days", 7)) if newest else ():
        start = isoformat(parse_instant(str(newest)) // DAY * DAY - days * DAY)
        links.append({**link(words, asked.href(start=start, end="")), "here": asked.start == start and not asked.end})
    return links


def segment_choices(queries: Queries, about: Mapping[str, Any], headline: Sequence[str]) -> list[str]:
    """Return the segments with values in the last weeks of data."""
    newest = about.get("last_window")
    if not (newest and headline and about.get("segments")):
        return []
    start = isoformat(parse_instant(str(newest)) - 35 * DAY)
    rows = queries.metrics(ensemble=about["name"], series=(FUSED,), metric=(headline[0],), segment="*", start=start)
    return sorted({row["segment"] for row in rows if row["segment"]})


def member_names(about: Mapping[str, Any]) -> list[str]:
    """Return the names of the members in the order they were declared."""
    return [_as_member(one)["name"] for one in about.get("members") or ()]


def _as_member(one: Any) -> dict[str, Any]:
    return dict(one) if isinstance(one, Mapping) else {"name": str(one)}


def _month(month: Mapping[str, Any], metric: str, series: Sequence[str]) -> dict[str, Any]:
    values = (month.get("metrics") or {}).get(metric) or {}
    cells = {f"series.{one}": value_cell(values.get(one), metric) for one in series}
    return {"month": month["month"], "n": month["n"], "labelled": month["labelled"], **cells}


def _month_note(metric: str, months: Sequence[Mapping[str, Any]]) -> str:
    """Say which way is better, and in how many months the fused answer was at least as good as every member."""
    lower = better(metric) == "lower"
    wins = both = 0
    for month in months:
        values = (month.get("metrics") or {}).get(metric) or {}
        best = best_member(metric, values)
        fused = (values.get(FUSED) or {}).get("value")
        if best and fused is not None:
            both += 1
            wins += fused <= values[best]["value"] if lower else fused >= values[best]["value"]
    return (
        f"{better_words(metric)}; fused is at least as good as every member in {wins} of {both} months"
        if both
        else better_words(metric)
    )


def _cutoff_note(about: Mapping[str, Any]) -> str:
    cutoff = about.get("cutoff")
    if isinstance(cutoff, Mapping):
        cutoff = cutoff.get(FUSED, cutoff.get("value"))
    return (
        ""
        if cutoff is None
        else f"classes, and with them F1, precision and recall, are taken at the chosen cutoff {cutoff:.4g}"
    )
