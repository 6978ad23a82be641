"""`/ensembles/{name}/features`: which inputs moved, and when; and one feature closely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.dashboard.asked import Asked, page_path
from choirmaster.dashboard.charts import SHOWN_WINDOWS, chart_of_rows, chart_table, has_points
from choirmaster.dashboard.pages.ensemble import spans
from choirmaster.dashboard.pages.frame import frame
from choirmaster.dashboard.ports import Queries
from choirmaster.dashboard.tables import column, link, table
from choirmaster.dashboard.words import metric_title

STRIPES = 60
LEVELS = (0.05, 0.1, 0.2, 0.3, 0.5)
DRIFT_METRICS = ("psi", "jensen_shannon", "ks", "wasserstein_scaled", "psi_previous", "missing_rate", "unseen_rate",
                 "out_of_range_rate")  # fmt: skip


def features(queries: Queries, asked: Asked, name: str) -> dict[str, Any]:
    """Return the drift of every feature over time, the worst first."""
    metric = asked.get("metric", "psi")
    about = queries.ensemble(name)
    answer = queries.drift(name, metric=metric, start=asked.start, end=asked.end)
    base = page_path("ensembles", name, "features")
    rows = [
        {
            "name": link(one["name"], f"{base}/{page_path(one['name'])[1:]}"),
            "type": one.get("type"),
            "max": one.get("max"),
            "latest": one.get("latest"),
            "stripes": stripes(answer["windows"], one["values"]),
        }
        for one in answer["features"]
    ]
    columns = (
        column("name", "feature", "link"),
        column("type", "type"),
        column("max", "largest", "number"),
        column("latest", "newest", "number"),
    )
    drift = table("drift", f"{metric_title(metric)} by feature", columns, rows, empty="no window has been compared yet")
    return frame(
        asked,
        "features",
        f"{name}: features",
        name=name,
        tables=[drift, every_month(answer, metric), every_window(answer, asked)],
        metric=metric,
        metrics=[{**link(metric_title(one), asked.href(metric=one)), "here": one == metric} for one in DRIFT_METRICS],
        heat=rows,
        levels=list(LEVELS),
        spans=spans(asked, about),
        stripe_windows=max(1, -(-len(answer["windows"]) // STRIPES)),
        window_count=len(answer["windows"]),
    )


def stripes(windows: Sequence[str], values: Sequence[float | None]) -> list[dict[str, Any]]:
    """Join windows to at most ``STRIPES`` stripes, each as large as its largest value, with the window where that was.

    >>> [s["level"] for s in stripes(["a", "b"], [0.01, 0.9])]
    [0, 5]
    """
    size = max(1, -(-len(windows) // STRIPES))
    joined = []
    for first in range(0, len(windows), size):
        known = [(value, at) for at, value in enumerate(values[first : first + size], first) if value is not None]
        value, at = max(known) if known else (None, first)
        joined.append({"window": windows[at], "value": value, "level": level(value)})
    return joined


def level(value: float | None) -> int:
    """Return 0 (quiet) to 5 for a drift value, -1 where there is none.

    >>> level(0.07), level(None)
    (1, -1)
    """
    return -1 if value is None else sum(value >= edge for edge in LEVELS)


def every_month(answer: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """Return each feature's drift by calendar month, measured on the whole month at once."""
    named = answer["features"]
    months = answer.get("months") or []
    rows = [
        {"month": month, **{f"x.{one['name']}": one["months"][at] for one in named}} for at, month in enumerate(months)
    ]
    columns = [column("month", "month"), *(column(f"x.{one['name']}", one["name"], "number") for one in named)]
    title = f"{metric_title(metric)} by month"
    return table("drift-months", title, columns, rows, empty="no month has ended or begun yet")


def every_window(answer: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
    """Return the numbers behind the stripes, newest window first; a page shows the newest ones, the file all."""
    named = answer["features"]
    total = len(answer["windows"])
    stop = max(-1, total - 1 - SHOWN_WINDOWS) if asked.form == "html" else -1
    rows = [
        {"window": answer["windows"][at], **{f"x.{one['name']}": one["values"][at] for one in named}}
        for at in range(total - 1, stop, -1)
    ]
    columns = [
        column("window", "window", "time"),
        *(column(f"x.{one['name']}", one["name"], "number") for one in named),
    ]
    note = f"the newest {len(rows)} of {total} windows; the CSV file has all" if len(rows) < total else ""
    return table("drift-windows", "Every window", columns, rows, empty="no window in this span", note=note)


def feature(queries: Queries, asked: Asked, name: str, which: str) -> dict[str, Any]:
    """Return one feature: its shares now and in the reference, and its drift over time."""
    window = asked.get("window") or None
    about = queries.ensemble(name)
    answer = queries.feature(name, which, window=window)
    rows = queries.metrics(ensemble=name, feature=(which,), metric=DRIFT_METRICS, start=asked.start, end=asked.end)
    found = [one for one in DRIFT_METRICS if any(row["metric"] == one for row in rows)]
    charts = [chart for one in found if has_points(chart := chart_of_rows(rows, one, by="feature"))]
    shares = [
        {
            "bin": label,
            "reference": before,
            "current": now,
        }
        for label, before, now in zip(answer["bins"], answer["reference"], answer["current"], strict=True)
    ]
    columns = (
        column("bin", "bin"),
        column("reference", "reference", "share"),
        column("current", "current", "share"),
    )
    tables = [
        table("shares", "Shares of reference and current", columns, shares, empty="no bin is known for this feature")
    ]
    tables += [chart_table(chart, newest=SHOWN_WINDOWS if asked.form == "html" else None) for chart in charts]
    return frame(
        asked,
        "feature",
        f"{name}: {which}",
        name=name,
        feature=which,
        type=answer.get("type"),
        window=answer.get("window"),
        bars=bars(shares),
        longest=longest(shares),
        tables=tables,
        charts=charts,
        spans=spans(asked, about),
    )


def longest(shares: Sequence[Mapping[str, Any]]) -> float:
    """Return the largest share, which gets the longest bar."""
    return max((row[side] or 0.0 for row in shares for side in ("reference", "current")), default=0.0)


def bars(shares: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add to each row how wide its two bars are, of 1000 units for the largest share.

    >>> bars([{"bin": "a", "reference": 0.5, "current": 0.25}])[0]["wide_current"]
    500.0
    """
    top = longest(shares) or 1.0
    return [
        {**row, **{f"wide_{side}": round((row[side] or 0.0) / top * 1000, 1) for side in ("reference", "current")}}
        for row in shares
    ]
