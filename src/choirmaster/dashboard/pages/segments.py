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
from choirmaster.errors import ChoirmasterError
from choirmaster.values import FUSED

WEAKEST = (
    column("name", "segment", "link"),
    column("segment", "key"),
    column("value", "its value", "value"),
    column("rest", "all others", "number"),
    column("difference", "difference", "value"),
    column("p_adjusted", "adjusted p", "number"),
)
GAPS = (
    column("metric", "rate"),
    column("difference", "largest gap", "value"),
    column("lowest", "lowest in", "segment"),
    column("highest", "highest in", "segment"),
)


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
    closer = [weakest(queries, asked, name, metric, series) if rows else None, *fairness(queries, asked, about, series)]
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
            ),
            *(one for one in closer if one is not None),
        ],
        metrics=[{**link(metric_title(one), asked.href(metric=one)), "here": one == metric} for one in headline],
        series_links=[
            {**link(one, asked.href(series=one)), "here": one == series} for one in (FUSED, *member_names(about))
        ],
        spans=spans(asked, about),
    )


def weakest(queries: Queries, asked: Asked, name: str, metric: str, series: str) -> dict[str, Any] | None:
    """Return the segments that are most surely worse than all other rows; None where the metric cannot say."""
    try:
        found = queries.weakest(name, metric, series=series, start=asked.start, end=asked.end)
    except ChoirmasterError:  # a metric that has no better side or needs no label, a series without states
        return None
    rows = [
        {
            "name": link(
                segment_words(one["segment"]), Asked(page_path("ensembles", name), {"segment": one["segment"]}).href()
            ),
            "segment": one["segment"],
            "value": value_cell(one),
            "rest": one["rest"],
            "difference": value_cell(_difference(one)),
            "p_adjusted": one["p_adjusted"],
        }
        for one in found
    ]
    note = (
        "each segment against all other rows, the surest first; p is adjusted by Holm for looking at many, and at most "
        "0.05 is beyond chance"
    )
    return table("weakest", f"Weakest segments by {metric_title(metric)}", WEAKEST, rows, note=note) if rows else None


def fairness(queries: Queries, asked: Asked, about: Mapping[str, Any], series: str) -> list[dict[str, Any]]:
    """Return one table for each declared segment of a binary task: the largest gap of each rate between two groups."""
    out = []
    single = [one for one in about.get("segments") or () if " x " not in one]
    for segment in single if about.get("task") == "binary" else ():
        try:
            found = queries.fairness(about["name"], segment, series=series, start=asked.start, end=asked.end)
        except ChoirmasterError:  # no row has come by this segment yet, a series without states
            continue
        rows = [
            {
                **gap,
                "metric": metric_title(gap["metric"]),
                "difference": value_cell({**_difference(gap), "n": gap["n"]}),
            }
            for gap in found["gaps"]
        ]
        title = f"Gaps between groups of {segment}"
        note = f"selected means {found['target']}; the largest difference of each rate between any two groups"
        out.append(table(f"fairness-{segment}", title, GAPS, rows, note=note))
    return out


def _difference(row: Mapping[str, Any]) -> dict[str, Any]:
    reason = row.get("difference_reason", row.get("reason"))
    return {"value": row["difference"], "lower": row["difference_lower"], "upper": row["difference_upper"],
            "reason": reason}  # fmt: skip


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
