"""What every page has: its title, where it stands, its links and its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.dashboard.asked import Asked, page_path
from choirmaster.dashboard.tables import link

ENSEMBLE_PAGES = (("", "Over time"), ("features", "Features"), ("segments", "Segments"))


def frame(
    asked: Asked, kind: str, title: str, *, tables: Sequence[Mapping[str, Any]] = (), name: str = "", **rest: Any
) -> dict[str, Any]:
    """Return a page as plain data. ``rest`` holds what only this kind of page has."""
    return {
        "page": kind,
        "title": title,
        "ensemble": name,
        "crumbs": crumbs(name, kind),
        "address": asked.href(),
        "twin": asked.href(format="json"),
        "csv": asked.href(format="csv"),
        "asked": dict(asked.given),
        "charts": [],
        "note": "",
        "tables": [dict(one) for one in tables],
        **rest,
    }


def crumbs(name: str, kind: str) -> list[dict[str, Any]]:
    """Return the links between the pages of one ensemble."""
    if not name:
        return []
    kinds = {"": "ensemble", "features": "features", "segments": "segments"}
    here = "features" if kind == "feature" else kind
    return [
        {**link(words, page_path("ensembles", name, *([part] if part else []))), "here": kinds[part] == here}
        for part, words in ENSEMBLE_PAGES
    ]


def alert_row(alert: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alert as a row: its sentence, its measured value and the ways to look closer."""
    number = alert.get("value")
    return {
        **{
            key: alert.get(key)
            for key in ("state", "severity", "rule", "series", "feature", "metric", "segment", "bound")
        },
        "ensemble": link(alert["ensemble"], page_path("ensembles", alert["ensemble"])),
        "text": link(alert.get("text", ""), _closer(alert)),
        "value": number
        if isinstance(number, Mapping)
        else {"value": number, "reason": None if number is not None else "no_rows"},
        "since": alert.get("since"),
        "resolved_at": alert.get("resolved_at"),
        "window_start": alert.get("window_start"),
    }


def _closer(alert: Mapping[str, Any]) -> str:
    """Return the address where an alert can be looked at closely."""
    home = ("ensembles", alert["ensemble"])
    if alert.get("feature"):
        return Asked(page_path(*home, "features", alert["feature"]), {"window": alert.get("window_start") or ""}).href()
    return Asked(page_path(*home), {"segment": alert.get("segment") or ""}).href()
