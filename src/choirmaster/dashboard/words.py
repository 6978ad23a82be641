"""Numbers, times and names as the dashboard writes them: those of the catalogue, and what only it has."""

from __future__ import annotations

from choirmaster.catalogue.titles import metric_title
from choirmaster.catalogue.words import (
    about_metric,
    better,
    better_words,
    interval,
    moment,
    number,
    plain,
    reason_words,
    segment_words,
)

HEALTH_WORDS = {"ok": "quiet", "warning": "warning", "firing": "alert", "no_data": "no data"}
HEALTH_ORDER = ("firing", "warning", "no_data", "ok")

__all__ = [
    "HEALTH_ORDER", "HEALTH_WORDS", "about_metric", "better", "better_words", "interval", "metric_title", "moment",
    "number", "plain", "reason_words", "segment_words",
]  # fmt: skip
