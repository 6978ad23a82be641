"""`/`: every ensemble, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from choirmaster.dashboard.asked import Asked, page_path
from choirmaster.dashboard.pages.frame import frame
from choirmaster.dashboard.ports import Queries
from choirmaster.dashboard.tables import column, link, table, value_cell
from choirmaster.dashboard.words import HEALTH_ORDER, better, moment
from choirmaster.values import FUSED
from choirmaster.watch.answers import collecting_text

COLUMNS = (
    column("name", "ensemble", "link"),
    column("health", "health", "health"),
    column("alerts_firing", "alerts", "number"),
    column("headline", "headline", "metric"),
    column("fused", "fused", "value"),
    column("best", "best member", "text"),
    column("best_value", "its value", "value"),
    column("predictions", "predictions", "number"),
    column("labelled_share", "labelled", "share"),
    column("last_window", "last window", "time"),
    column("watermark", "data up to", "time"),
    column("owner", "owner", "text"),
)
DECIDED = (
    column("ensemble", "ensemble", "link"),
    column("what", "what"),
    column("now", "now"),
    column("file", "configuration"),
    column("set", "decision", "words"),
)


def overview(queries: Queries, asked: Asked) -> dict[str, Any]:
    """Return the first page."""
    summaries = sorted(queries.ensembles(), key=_worst_first)
    rows = [_row(summary) for summary in summaries]
    firing = sum(int(summary.get("alerts_firing") or 0) for summary in summaries)
    counts = {
        "ensembles": len(summaries),
        "alerts_firing": firing,
        "predictions": sum(int(summary.get("predictions") or 0) for summary in summaries),
    }
    set_now = decided(summaries)
    counts["decided"] = len(set_now["rows"])
    one = table("ensembles", "Ensembles", COLUMNS, rows, empty="no ensemble yet; the configuration names them")
    return frame(asked, "overview", "Overview", tables=[one, set_now], counts=counts)


def decided(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what operators decided, which wins over the configuration until it is cleared."""
    rows = [
        {
            **{key: one.get(key) for key in ("what", "now", "file")},
            "ensemble": link(summary["name"], page_path("ensembles", summary["name"])),
            "set": set_by(one),
        }
        for summary in summaries
        for one in summary.get("overrides") or ()
    ]
    note = "these win over the configuration until they are cleared or their time runs out"
    return table("decided", "Set by operators", DECIDED, rows, empty="all is as the configuration says", note=note)


def set_by(override: Mapping[str, Any]) -> str:
    """Return who set something, until when and why, as a sentence."""
    until = f" until {moment(override['until'])}" if override.get("until") else ""
    return f"set by {override['who']}{until}: {override['reason']}"


def best_member(metric: str, values: Mapping[str, Any]) -> str:
    """Return the member whose value is best, '' where none has one."""
    known = {
        name: value["value"]
        for name, value in values.items()
        if name != FUSED and isinstance(value, Mapping) and value.get("value") is not None
    }
    if not known:
        return ""
    return (min if better(metric) == "lower" else max)(sorted(known), key=lambda name: known[name])


def _worst_first(summary: Mapping[str, Any]) -> tuple[int, int, str]:
    health = summary.get("health", "no_data")
    rank = HEALTH_ORDER.index(health) if health in HEALTH_ORDER else 0
    return rank, -int(summary.get("alerts_firing") or 0), str(summary["name"])


def _row(summary: Mapping[str, Any]) -> dict[str, Any]:
    latest, share = summary.get("latest") or {}, summary.get("collecting")
    metric = next(iter(latest), "")
    values = latest.get(metric) or {}
    best = best_member(metric, values)
    return {
        **{key: summary.get(key) for key in ("health", "alerts_firing", "predictions", "labelled_share", "owner")},
        **{key: summary.get(key) for key in ("last_window", "watermark")},
        "name": link(summary["name"], page_path("ensembles", summary["name"])),
        "headline": metric or ("" if share is None else collecting_text(share)),
        "fused": value_cell(values.get(FUSED), metric),
        "best": best,
        "best_value": value_cell(values.get(best), metric),
    }
