"""`/alerts` and `/audit`: what was told, and who changed what."""

from __future__ import annotations

from typing import Any

from choirmaster.dashboard.asked import Asked
from choirmaster.dashboard.pages.frame import alert_row, frame
from choirmaster.dashboard.ports import Queries
from choirmaster.dashboard.tables import column, link, table

STATES = (("", "all"), ("firing", "firing"), ("resolved", "resolved"))
ALERT_COLUMNS = (  # the sentence of an alert says what stands in the columns that are data only
    column("state", "state", "state"),
    column("severity", "severity"),
    column("ensemble", "ensemble", "link"),
    column("since", "since", "time"),
    column("resolved_at", "resolved", "time"),
    column("text", "what", "words"),
    column("rule", "rule", "data"),
    column("series", "series", "data"),
    column("feature", "feature", "data"),
    column("segment", "segment", "data"),
    column("metric", "metric", "data"),
    column("value", "value", "value"),
    column("bound", "bound", "number"),
    column("window_start", "window", "data"),
)
AUDIT_COLUMNS = (
    column("at", "when", "time"),
    column("who", "who"),
    column("action", "action"),
    column("subject", "subject"),
    column("cause", "cause"),
    column("before", "before"),
    column("after", "after"),
)
AUDIT_SHOWN = 200


def alerts(queries: Queries, asked: Asked) -> dict[str, Any]:
    """Return every alert, firing ones first, then the newest."""
    got = queries.alerts(ensemble=asked.get("ensemble") or None, state=asked.get("state") or None)
    got = sorted(got, key=lambda alert: str(alert.get("since") or ""), reverse=True)
    got.sort(key=lambda alert: alert.get("state") != "firing")
    one = table("alerts", "Alerts", ALERT_COLUMNS, map(alert_row, got), empty="no alert so far")
    states = [{**link(words, asked.href(state=state)), "here": asked.get("state") == state} for state, words in STATES]
    return frame(asked, "alerts", "Alerts", tables=[one], states=states)


def audit(queries: Queries, asked: Asked) -> dict[str, Any]:
    """Return the newest entries of the audit table."""
    one = table("audit", "Audit", AUDIT_COLUMNS, queries.audit(AUDIT_SHOWN), empty="nothing was changed so far")
    return frame(
        asked,
        "audit",
        "Audit",
        tables=[one],
        note=f"the newest {AUDIT_SHOWN} entries; entries are never changed or removed",
    )
