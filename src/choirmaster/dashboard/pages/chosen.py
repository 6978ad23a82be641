"""What was chosen automatically, and why: windows by the traffic, metrics by the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from choirmaster.dashboard.tables import column, table

WINDOWS = (column("time", "from", "time"), column("name", "window"), column("why", "why", "words"))
METRICS = (column("rank", "rank", "number"), column("name", "metric", "metric"), column("why", "why", "words"))


def chosen(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a table of the windows, newest first, and one of the metrics, the leading one first."""
    found = about.get("choices") or ()
    windows = [one for one in reversed(found) if one["what"] == "window"]
    metrics = [one for one in found if one["what"] == "metric"]
    shown = (
        ("chosen-windows", "Windows chosen", WINDOWS, windows, "each by the rows that came before it"),
        ("chosen-metrics", "Metrics chosen", METRICS, metrics, "by the reference"),
    )
    return [table(name, title, columns, rows, note=note) for name, title, columns, rows, note in shown if rows]
