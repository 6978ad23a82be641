"""A notification as plain data: the same for every machine that reads it."""

from __future__ import annotations

import json
from typing import Any

from choirmaster.ports import Notification
from choirmaster.times import isoformat


def as_plain(notification: Notification) -> dict[str, Any]:
    """Return the documented fields; ``fingerprint`` and ``status`` together let a receiver drop a repeat.

    >>> as_plain(Notification("f1", "firing", "warning", "t", "x", at=0))["at"]
    '1970-01-01T00:00:00Z'
    """
    return {
        "fingerprint": notification.fingerprint, "status": notification.status, "severity": notification.severity,
        "title": notification.title, "text": notification.text, "link": notification.link,
        "at": isoformat(notification.at), "fields": dict(notification.fields),
    }  # fmt: skip


def as_json(notification: Notification) -> bytes:
    """Return one line of JSON."""
    return json.dumps(as_plain(notification), ensure_ascii=False, separators=(",", ":")).encode()
