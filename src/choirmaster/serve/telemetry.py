"""What the runner counts of what it does; an exporter stands behind it."""

from __future__ import annotations

from typing import Protocol

from choirmaster.serve.answer import Answer, MemberCall


class Telemetry(Protocol):
    """Where the runner counts what it does."""

    def member(self, ensemble: str, call: MemberCall) -> None:
        """Count what came of one member's part in one request."""
        ...

    def answered(self, ensemble: str, answer: Answer, seconds: float, second_calls: int) -> None:
        """Count one answer, by how it came about."""
        ...

    def refused(self, ensemble: str, reason: str) -> None:
        """Count one request without an answer: ``below_quorum`` or ``expired``."""
        ...

    def recorded(self, ensemble: str, state: str, rows: int) -> None:
        """Count rows by what became of their record."""
        ...


class Silent:
    """Counts nothing."""

    def member(self, ensemble: str, call: MemberCall) -> None:
        """Ignore."""

    def answered(self, ensemble: str, answer: Answer, seconds: float, second_calls: int) -> None:
        """Ignore."""

    def refused(self, ensemble: str, reason: str) -> None:
        """Ignore."""

    def recorded(self, ensemble: str, state: str, rows: int) -> None:
        """Ignore."""
