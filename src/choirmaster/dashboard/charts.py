"""Lines over time as plain data: what the browser draws, and the numbers beneath it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.dashboard.tables import column, table
from choirmaster.dashboard.words import metric_title
from choirmaster.times import SECOND, parse_instant
from choirmaster.values import FUSED

SHOWN_WINDOWS = 31
ARRAYS = ("value", "lower", "upper", "n", "reason")


def line_chart(answer: Mapping[str, Any], *, title: str = "", note: str = "") -> dict[str, Any]:
    """Build a chart from ``Queries.series``: the fused series first, then the members by name."""
    series = answer.get("series", {})
    names = sorted(series, key=lambda name: (name != FUSED, name))
    size = len(answer["times"])
    return {
        "id": f"chart-{answer['metric']}",
        "title": title or metric_title(answer["metric"]),
        "metric": answer["metric"],
        "note": note,
        "times": list(answer["times"]),
        "windows": list(answer["windows"]),
        "series": [{"name": name, **_arrays(series[name], size)} for name in names],
        "reference": dict(answer.get("reference") or {}),
        "bounds": [bound for item in answer.get("bounds") or () if (bound := _bound(item))],
        "annotations": [dict(item) for item in answer.get("annotations") or ()],
    }


def chart_of_rows(
    rows: Sequence[Mapping[str, Any]], metric: str, *, title: str = "", by: str = "series"
) -> dict[str, Any]:
    """Build a chart from tidy rows of one metric; ``by`` names the column that makes the lines."""
    rows = [row for row in rows if row["metric"] == metric]
    windows = sorted({row["window_start"] for row in rows})
    at = {window: index for index, window in enumerate(windows)}
    series: dict[str, dict[str, list[Any]]] = {}
    for row in rows:
        lists = series.setdefault(row[by] or metric, {name: [None] * len(windows) for name in ARRAYS})
        for name in ARRAYS:
            lists[name][at[row["window_start"]]] = row.get(name)
    times = [parse_instant(window) // SECOND for window in windows]
    return line_chart({"metric": metric, "times": times, "windows": windows, "series": series}, title=title)


def has_points(chart: Mapping[str, Any]) -> bool:
    """Tell whether any line of a chart has a number."""
    return any(point is not None for line in chart["series"] for point in line["value"])


def chart_table(chart: Mapping[str, Any], *, newest: int | None = None) -> dict[str, Any]:
    """Return the numbers behind a chart, newest window first; ``newest`` keeps only so many."""
    total = len(chart["windows"])
    keep = range(total - 1, max(-1, total - 1 - (newest or total)), -1)
    columns = [
        column("window", "window", "time"),
        *(column(f"series.{line['name']}", line["name"], "value") for line in chart["series"]),
    ]
    rows = [
        {"window": chart["windows"][at], **{f"series.{line['name']}": _point(line, at) for line in chart["series"]}}
        for at in keep
    ]
    note = f"the newest {newest} of {total} windows; the CSV file has all" if newest and total > newest else ""
    return table(chart["id"], chart["title"], columns, rows, empty="no window in this span", note=note)


def _arrays(lists: Mapping[str, Sequence[Any]], size: int) -> dict[str, list[Any]]:
    return {name: [_rounded(point) for point in lists.get(name) or [None] * size] for name in ARRAYS}


def _rounded(point: Any) -> Any:
    """Keep seven significant digits: enough for every use of a picture, and half the bytes."""
    return float(f"{point:.7g}") if isinstance(point, float) else point


def _point(line: Mapping[str, Any], at: int) -> dict[str, Any]:
    return {name: line[name][at] for name in ARRAYS} | {"resolution": None, "kind": None}


def _bound(item: Any) -> dict[str, Any] | None:
    if isinstance(item, Mapping):
        number = next((item[key] for key in ("bound", "value", "below", "above") if item.get(key) is not None), None)
        words = str(item.get("text") or item.get("rule") or item.get("name") or "bound")
        series = str(item.get("series") or "")
    else:
        number, words, series = item, "bound", ""
    return None if not isinstance(number, int | float) else {"value": float(number), "text": words, "series": series}
