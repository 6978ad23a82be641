"""What was chosen automatically, and why: one row each."""

from __future__ import annotations

from choirmaster.reports.facts import Facts
from choirmaster.reports.model import Column, Section, Table
from choirmaster.reports.words import metric_title

COLUMNS = (
    Column("name", "chosen", "text", 1.4),
    Column("rank", "rank", "number", 0.5),
    Column("since", "from", "time", 1.1),
    Column("why", "why", "text", 4.0),
)
METRICS = COLUMNS[:2] + COLUMNS[3:]


def choices(facts: Facts) -> Section | None:
    """Return windows and metrics as they were chosen, or None where nothing was."""
    found = facts.about.get("choices") or ()
    windows = tuple({**one, "since": one.get("time") or ""} for one in found if one["what"] == "window")
    metrics = tuple({**one, "name": metric_title(one["name"])} for one in found if one["what"] == "metric")
    tables = [Table(columns, rows) for columns, rows in ((COLUMNS, windows), (METRICS, metrics)) if rows]
    words = ("A window is chosen from what lies before it, a metric from the reference; later rows have no say.",)
    return Section("What was chosen, and why", words, (), tuple(tables)) if tables else None
