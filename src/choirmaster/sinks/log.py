"""Writes a structured line to the program's log."""

from __future__ import annotations

from choirmaster.ports import Notification
from choirmaster.sinks.payload import as_plain


class LogSink:
    """One structlog line for each notification, at a level by its severity."""

    def __init__(self, name: str) -> None:
        self.name = name

    def send(self, notification: Notification) -> None:
        """Write the line."""
        import structlog

        log = structlog.get_logger("choirmaster.notify")
        plain = as_plain(notification)
        level = "info" if notification.status == "resolved" else {"critical": "error"}.get(
            notification.severity, notification.severity if notification.severity in ("info", "warning") else "warning"
        )  # fmt: skip
        getattr(log, level)(plain.pop("title"), sink=self.name, **plain.pop("fields"), **plain)
