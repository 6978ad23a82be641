"""Where log lines go."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog


@contextmanager
def to_stderr() -> Iterator[None]:
    """Write log lines to stderr for a while: the stdout of a command is its answer, and machines read it."""
    before = structlog.get_config()
    structlog.configure(logger_factory=_at_stderr)
    try:
        yield
    finally:
        structlog.configure(**before)


def _at_stderr(*_: Any) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)  # as it is at the time of the line
