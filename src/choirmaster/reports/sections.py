"""One function per section of a report; a section without anything to say is None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.reports.facts import Facts, seconds
from choirmaster.reports.model import Chart, Column, Line, Section, Table
from choirmaster.reports.words import metric_title, number, short_title
from choirmaster.values import FUSED

MOVED = 0.2
SERIES_IN_A_TABLE = 6
FEATURES_DRAWN = 6
FEATURES_LISTED = 40
ALERTS_LISTED = 60
EMPTY_CELL = {"value": None, "lower": None, "upper": None, "n": 0, "reason": "no_rows"}
ALERT_COLUMNS = (
    Column("state", "state", "text", 0.9),
    Column("severity", "severity", "text", 0.9),
    Column("text", "what", "text", 3.2),
    Column("series", "series", "text", 1.0),
    Column("value", "value", "value", 1.6),
    Column("bound", "bound", "number", 0.8),
    Column("since", "since", "time", 1.1),
    Column("resolved_at", "resolved", "time", 1.1),
)


def better(metric: str) -> str:
    """Return ``higher``, ``lower`` or ``none``."""
    from choirmaster.metrics import BY_NAME

    return BY_NAME[metric].better if metric in BY_NAME else "none"


def quality(facts: Facts, headline: Sequence[str]) -> Section | None:
    """Charts of the headline metrics over time, the fused answer in black over its interval."""
    charts = [
        chart for metric in headline if (chart := line_chart(facts, metric, facts.of_series(metric), with_marks=True))
    ]
    if not charts:
        return None
    words = (
        (
            "The fused answer is the black line, the grey area its 95 % interval; red triangles mark alerts, dashed "
            "red lines bounds."
        ),
    )
    return Section("Quality over time", words, tuple(charts))


def line_chart(
    facts: Facts, metric: str, found: Mapping[str, Mapping[str, Mapping[str, Any]]], *, with_marks: bool = False
) -> Chart | None:
    """Return the chart of one metric, or None where there is no time or no number."""
    windows = sorted({window for rows in found.values() for window in rows})
    if (
        not windows
        or not windows[0]
        or not any(row["value"] is not None for rows in found.values() for row in rows.values())
    ):
        return None

    def points(rows: Mapping[str, Mapping[str, Any]], key: str) -> list[float | None]:
        return [rows[window].get(key) if window in rows else None for window in windows]

    lines = tuple(
        Line(name, points(rows, "value"), points(rows, "lower"), points(rows, "upper")) for name, rows in found.items()
    )
    own = [one for one in facts.alerts if one.get("metric") == metric and not one.get("feature")] if with_marks else []
    marks = tuple(seconds(at) for one in own if (at := one.get("window_start") or one.get("since")))
    bounds = tuple({float(one["bound"]) for one in own if isinstance(one.get("bound"), int | float)})
    return Chart(metric_title(metric), [seconds(window) for window in windows], lines, bounds, marks)


def periods(facts: Facts, headline: Sequence[str]) -> Section | None:
    """Tables of the fused answer beside each member, by month (or by window), and how many rows have a label."""
    word, rows = facts.periods(headline)
    if not rows:
        return None
    tables, words = [], []
    for metric in headline:
        known = {name for one in rows for name in (one["metrics"].get(metric) or {})}
        series = [name for name in (FUSED, *facts.members) if name in known]
        for first in range(0, len(series), SERIES_IN_A_TABLE):
            tables.append(_period_table(metric, word, rows, series[first : first + SERIES_IN_A_TABLE]))
    cutoff = facts.about.get("cutoff")
    if isinstance(cutoff, int | float) and "f1" in headline:
        chosen = "the cutoff 0.5" if cutoff == 0.5 else f"the chosen cutoff {number(float(cutoff))}, not at 0.5"
        words.append(f"F1 is taken at {chosen}.")
    words.append(
        "Below each value stand its 95 % interval and the rows it rests on; a value that is not defined says why."
    )
    total = len({row["window_start"] for metric in headline for row in facts.of_metric(metric)})
    if word == "window" and total > len(rows):
        words.append(f"The newest {len(rows)} of {total} windows are listed; the CSV file has all.")
    if word == "month" and any(one["n"] for one in rows):
        tables.append(_labels(rows))
    return Section(f"By {word}: the fused answer beside its members", tuple(words), (), tuple(tables))


def _period_table(metric: str, word: str, rows: Sequence[Mapping[str, Any]], series: Sequence[str]) -> Table:
    head = f"{metric_title(metric)}, {word}"
    columns = [Column("period", head, "time" if word == "window" else "text", 1.3)]
    columns += [Column(f"series.{name}", name, "value", 1.4) for name in series]
    cells = [
        {
            "period": one["period"],
            **{f"series.{name}": (one["metrics"].get(metric) or {}).get(name) or EMPTY_CELL for name in series},
        }
        for one in rows
    ]
    return Table(tuple(columns), tuple(cells))


def _labels(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = (
        Column("period", "Labels, month", "text", 1.3),
        Column("n", "rows", "number"),
        Column("labelled", "with label", "number"),
        Column("open", "without label", "number"),
        Column("share", "labelled share", "share"),
        Column("rate", "positive rate", "share"),
    )
    cells = tuple(
        {
            "period": one["period"],
            "n": one["n"],
            "labelled": one["labelled"],
            "open": one["n"] - one["labelled"],
            "share": one["labelled"] / one["n"] if one["n"] else None,
            "rate": one.get("rate"),
        }
        for one in rows
    )
    return Table(columns, cells)


def worst_first(facts: Facts, metric: str) -> list[tuple[str, float, str]]:
    """Return (feature, largest value, its window), the largest first, of features that have a value."""
    found = []
    for name, rows in facts.of_features(metric).items():
        known = [(row["value"], window) for window, row in rows.items() if row["value"] is not None]
        if known:
            value, window = max(known)
            found.append((name, value, window))
    return sorted(found, key=lambda one: (-one[1], one[0]))


DATA_QUALITY = ("missing_rate", "unseen_rate", "not_finite_rate", "out_of_range_rate")
RUNNING = ("availability", "latency_p50", "latency_p99")


def data_quality(facts: Facts) -> Section | None:
    """Missing and unseen values of each feature, the worst first."""
    metrics = [
        one
        for one in DATA_QUALITY
        if facts.of_features(one) and (one != "not_finite_rate" or _any_above_zero(facts, one))
    ]
    if not metrics:
        return None
    return Section(
        "Data quality", ("The largest share of any window, and the newest.",), (), (_feature_table(facts, metrics),)
    )


def _any_above_zero(facts: Facts, metric: str) -> bool:
    return any(value > 0 for _, value, _ in worst_first(facts, metric))


def _feature_table(facts: Facts, metrics: Sequence[str]) -> Table:
    shown = [metric for metric in metrics if facts.of_features(metric)]
    order: dict[str, float] = {}
    for metric in shown:
        for name, value, _ in worst_first(facts, metric):
            order[name] = max(order.get(name, 0.0), value) if metric == shown[0] or name not in order else order[name]
    names = sorted(
        {name for metric in shown for name in facts.of_features(metric)},
        key=lambda name: (-order.get(name, -1.0), name),
    )
    columns = [Column("feature", "feature", "text", 1.6)]
    rows: list[dict[str, Any]] = [{"feature": name} for name in names[:FEATURES_LISTED]]
    for metric in shown:
        found = facts.of_features(metric)
        columns += [
            Column(f"{metric}.largest", f"{short_title(metric)}, largest", "number", 1.1),
            Column(f"{metric}.newest", "newest", "value", 1.3),
        ]
        largest = {name: value for name, value, _ in worst_first(facts, metric)}
        for row in rows:
            row[f"{metric}.largest"] = largest.get(row["feature"])
            values = found.get(row["feature"])
            row[f"{metric}.newest"] = values[max(values)] if values else None
    return Table(tuple(columns), tuple(rows))


def alerts(facts: Facts) -> Section:
    """All alerts, firing ones first."""
    rows = []
    for one in facts.alerts[:ALERTS_LISTED]:
        value = one.get("value")
        if not isinstance(value, Mapping):
            value = {**EMPTY_CELL, "value": value, "n": None}
        rows.append({**{col.key: one.get(col.key) for col in ALERT_COLUMNS}, "value": value})
    more = len(facts.alerts) - len(rows)
    words = (
        (f"{more} more are not shown; the page Alerts, `choirmaster alerts list` or `result.alerts` has all.",)
        if more
        else ()
    )
    return Section("Alerts", words, (), (Table(ALERT_COLUMNS, tuple(rows), "no alert in this span"),))


def running(facts: Facts) -> Section | None:
    """Availability and latency of the members."""
    metrics = [metric for metric in RUNNING if facts.of_series(metric)]
    if not metrics:
        return None
    charts = [chart for metric in metrics if (chart := line_chart(facts, metric, facts.of_series(metric)))]
    names = list(dict.fromkeys(name for metric in metrics for name in facts.of_series(metric)))
    columns = [Column("series", "series", "text", 1.2)]
    rows: list[dict[str, Any]] = [{"series": name} for name in names]
    for metric in metrics:
        worst = min if better(metric) == "higher" else max
        columns += [
            Column(f"{metric}.worst", f"{short_title(metric)}, worst window", "number"),
            Column(f"{metric}.newest", "newest", "value", 1.5),
        ]
        for row in rows:
            values = facts.of_series(metric).get(row["series"]) or {}
            known = [one["value"] for one in values.values() if one["value"] is not None]
            row[f"{metric}.worst"] = worst(known) if known else None
            row[f"{metric}.newest"] = values[max(values)] if values else EMPTY_CELL
    words = ("Latencies are in microseconds.",) if any(metric.startswith("latency") for metric in metrics) else ()
    return Section("Latency and availability", words, tuple(charts), (Table(tuple(columns), tuple(rows)),))


def methods(facts: Facts, headline: Sequence[str], told: Sequence[str]) -> Section:
    """What each number that is shown means, how its interval is made, and where that is written."""
    from choirmaster.metrics import BY_NAME

    order = [*headline, *dict.fromkeys(one for one in told if one not in headline and one in facts.metrics)]
    rows = tuple(
        {
            "metric": metric_title(name),
            "definition": f"{one.definition} ({one.unit}{_good_end(one.better)})",
            "interval": one.interval,
            "source": one.source,
        }
        for name in order
        if (one := BY_NAME.get(name)) is not None
    )
    columns = (
        Column("metric", "metric", "text", 1.2),
        Column("definition", "definition", "text", 2.6),
        Column("interval", "95 % interval", "text", 1.8),
        Column("source", "source", "text", 1.5),
    )
    words = (
        (
            "A window is [start, end) in UTC. A prediction counts in the window of its time, and its label in that "
            "same window, however late it comes."
        ),
        (
            "Every number carries the rows it rests on (n) and, where one is known, its 95 % sampling interval. A "
            "number that cannot be had is left out with its reason and is never taken as zero."
        ),
    )
    return Section("Methods and definitions", words, (), (Table(columns, rows, "no metric was measured"),))


def identity(facts: Facts, versions: Mapping[str, str], configuration: str) -> Section:
    """Which models, which configuration, which reference."""
    about = facts.about
    reference = about.get("reference") or {}
    known = {
        "task": about.get("task"),
        "fusion": about.get("fusion"),
        "positive class": about.get("positive"),
        "window": about.get("window"),
        "cutoff": number(about["cutoff"]) if isinstance(about.get("cutoff"), int | float) else None,
        "reference": reference.get("id"),
        "reference rows": reference.get("rows"),
        "reference source": reference.get("source"),
        "reference made at": reference.get("made_at"),
        "configuration hash": configuration,
        **versions,
    }
    rows = tuple(
        {"name": name, "is": number(one) if isinstance(one, int) else str(one)}
        for name, one in known.items()
        if one not in {None, ""}
    )
    tables = [Table((Column("name", "what", "text", 1.0), Column("is", "is", "text", 3.0)), rows, "nothing was given")]
    members = [one for one in about.get("members") or () if isinstance(one, Mapping)]
    if members:
        given = about.get("weights")
        weights: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        columns = (
            Column("name", "member"),
            Column("weight", "member weight", "number"),
            Column("role", "role"),
            Column("kind", "kind"),
            Column("version", "version", "text", 1.4),
        )
        tables.append(
            Table(
                columns,
                tuple(
                    {**{col.key: one.get(col.key) for col in columns}, "weight": weights.get(one["name"])}
                    for one in members
                ),
            )
        )
    notes = about.get("notes") or ()
    words = (notes,) if isinstance(notes, str) else tuple(map(str, notes))
    return Section("What was measured", words, (), tuple(tables))


def _good_end(end: str) -> str:
    return "" if end == "none" else f"; {end} is better"
