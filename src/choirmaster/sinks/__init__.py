"""Ways to reach people: one file each, and this list of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from choirmaster.errors import unknown
from choirmaster.ports import Sink

KINDS = ("log", "webhook", "file", "apprise")


def build(kind: str, name: str, settings: Mapping[str, Any]) -> Sink:
    """Return a sink by its kind.

    Parameters
    ----------
    kind : str
        One of ``KINDS``.
    name : str
        How it is called in the configuration.
    settings : Mapping
        ``url``, ``headers`` (texts), ``timeout_seconds``, ``allow_private`` of a webhook; ``path`` of a file; ``url``
        of apprise; keys that a kind does not know are not looked at.
    """
    if kind == "log":
        from choirmaster.sinks.log import LogSink

        return LogSink(name)
    if kind == "webhook":
        from choirmaster.sinks.webhook import WebhookSink

        return WebhookSink(
            name, settings["url"], headers=settings.get("headers") or {},
            timeout_seconds=settings.get("timeout_seconds", 10.0), allow_private=settings.get("allow_private", False),
        )  # fmt: skip
    if kind == "file":
        from choirmaster.sinks.file import FileSink

        return FileSink(name, settings["path"])
    if kind == "apprise":
        from choirmaster.sinks.apprise_sink import AppriseSink

        return AppriseSink(name, settings["url"])
    raise unknown("kind of sink", kind, KINDS, where=f"$.sinks.{name}.kind")
