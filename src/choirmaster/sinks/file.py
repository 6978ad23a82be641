"""Appends a line of JSON to a file."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from choirmaster.errors import SinkError
from choirmaster.ports import Notification
from choirmaster.sinks.payload import as_json


class FileSink:
    """One line for each notification, written whole by one call."""

    def __init__(self, name: str, path: str | Path) -> None:
        self.name, self.path = name, Path(path)
        self._lock = threading.Lock()

    def send(self, notification: Notification) -> None:
        """Append the line; a full disk or a closed folder may pass, so trying again can help."""
        line = as_json(notification) + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock:
                handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                try:
                    os.write(handle, line)
                finally:
                    os.close(handle)
        except OSError as error:
            raise SinkError("cannot write a notification", retryable=True, where=f'sink "{self.name}", {self.path}',
                            got=type(error).__name__) from None  # fmt: skip
