"""`/ensembles/{name}/segments`: the slices side by side, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.dashboard.asked import Asked, page_path
from choirmaster.dashboard.pages.ensemble import member_names, spans
from choirmaster.dashboard.pages.frame import frame
from choirmaster.dashboard.ports import Queries
from choirmaster.dashboard.tables import column, link, table, value_cell
from choirmaster.dashboard.words import better, better_words, metric_title, segment_words
from choirmaster.values import FUSED


def segments(queries: Queries, asked: Asked, name: str) -> dict[str, Any]:
    """Return one metric for every segment."""
    about = queries.ensemble(name)
    headline = list(about.get("headline") or ())
    metric = asked.get("metric", headline[0] if headline else "")
    series = asked.get("series", FUSED)
    got = queries.segments(name, metric, series=series, start=asked.start, end=asked.end) if metric else []
    rows = sorted((flat(row, metric) for row in got), key=lambda row: _worst_first(row, metric))
    home = page_path("ensembles", name)
    for row in rows:
        row["name"] = link(segment_words(row["segment"]), Asked(home, {"segment": row["segment"]}).href())
    scale = scale_of(rows)
    columns = (
        column("name", "segment", "link"),
        column("segment", "key"),
        column("value", metric_title(metric), "value"),
    )
    note = better_words(metric)
    return frame(
        asked,
        "segments",
        f"{name}: segments",
        name=name,
        metric=metric,
        series=series,
        scale=scale,
        dots=[{**row, "box": box(row["value"], scale)} for row in rows],
        tables=[
            table(
                "segments",
                f"{metric_title(metric)} by segment",
                columns,
                rows,
                empty="no segment is declared",
                note=note,
            )
        ],
        metrics=[{**link(metric_title(one), asked.href(metric=one)), "here": one == metric} for one in headline],
        series_links=[
            {**link(one, asked.href(series=one)), "here": one == series} for one in (FUSED, *member_names(about))
        ],
        spans=spans(asked, about),
    )


def flat(row: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """Return a segment's row with its value as one cell, whether it came flat or nested."""
    value = row.get("value")
    return {"segment": row["segment"], "value": value_cell(value if isinstance(value, Mapping) else row, metric)}


def scale_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the ends of a scale that holds every value and interval.

    >>> scale_of([])
    {'low': 0.0, 'high': 1.0}
    """
    known = [row["value"] for row in rows if row["value"]["value"] is not None]
    reach = [value[key] for value in known for key in ("value", "lower", "upper") if value.get(key) is not None]
    if not reach:
        return {"low": 0.0, "high": 1.0}
    spare = (max(reach) - min(reach)) * 0.02 or 0.02
    return {"low": min(reach) - spare, "high": max(reach) + spare}


def box(value: Mapping[str, Any], scale: Mapping[str, float]) -> dict[str, float] | None:
    """Lay out one value with its interval on a line of 1000 units; None where there is no value."""
    if value["value"] is None:
        return None

    def at(number: float | None) -> float:
        given = value["value"] if number is None else number
        return round((given - scale["low"]) / (scale["high"] - scale["low"]) * 1000, 1)

    first, last = at(value["lower"]), at(value["upper"])
    return {"x": at(value["value"]), "x1": first, "wide": round(last - first, 1)}


def _worst_first(row: Mapping[str, Any], metric: str) -> tuple[bool, float, str]:
    value = row["value"]["value"]
    if value is None:
        return True, 0.0, row["segment"]
    return False, -value if better(metric) == "lower" else value, row["segment"]
