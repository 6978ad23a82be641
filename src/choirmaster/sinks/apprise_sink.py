"""Hands a notification to apprise, which knows some hundred services by their URL."""

from __future__ import annotations

from typing import Any

from choirmaster.errors import SinkError, missing_extra
from choirmaster.ports import Notification

_TYPES = {"info": "info", "warning": "warning", "critical": "failure"}


class AppriseSink:
    """One apprise service."""

    def __init__(self, name: str, url: str) -> None:
        self.name, self._url = name, url
        self._service: Any = None

    def _open(self) -> Any:
        if self._service is None:
            try:
                import apprise
            except ImportError:
                raise missing_extra("apprise", "serve", purpose="an apprise sink") from None
            service = apprise.Apprise()
            if not service.add(self._url):
                raise SinkError("apprise does not know this kind of URL", retryable=False, where=f'sink "{self.name}"')
            self._service = service
        return self._service

    def send(self, notification: Notification) -> None:
        """Deliver; apprise says only whether it went through, so every failure may be tried again."""
        kind = "success" if notification.status == "resolved" else _TYPES.get(notification.severity, "warning")
        text = "\n".join(part for part in (notification.text, notification.link) if part)
        if not self._open().notify(title=notification.title, body=text, notify_type=kind):
            raise SinkError("the service did not take a notification", retryable=True, where=f'sink "{self.name}"')
