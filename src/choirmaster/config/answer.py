"""The answer policy of an ensemble: what an answer keeps to, and what is done about members that are slow or fail."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from choirmaster.config.scalars import Duration
from choirmaster.times import MINUTE, SECOND


class Breaker(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a member that fails is left alone for a while, and how long."""

    enabled: bool = True  # false: every member is asked always
    failures: int = 5  # failures in a row that open it
    window: int = 20  # calls over which the share of failures is looked at
    share: float = 0.5  # of failures in that window that opens it
    probes: int = 3  # calls let through after its rest; all must answer
    rest: Duration = field(default_factory=lambda: Duration(5 * SECOND))  # the first one; a failed probe doubles it
    longest: Duration = field(default_factory=lambda: Duration(5 * MINUTE))  # rest that it is doubled up to

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"failures": 5, "rest": "5s", "longest": "5m"}


class Hedge(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a slow member is asked a second time; the first answer counts. Only members that are ``repeatable``."""

    after: Duration | None = None  # none: by the quantile
    quantile: float = 0.95  # after the time in which this share of the member's recent calls had answered
    budget: float = 0.1  # second calls for each first call, at most

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"after": "20ms", "budget": 0.05}


class Early(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An answer before all members are in, once those missing cannot change it."""

    tolerance: float | None = None  # how far they may still move a score or number; none: any, if the class stands
    least: float | None = None  # of what members answer, of a regression
    greatest: float | None = None  # the same

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"tolerance": 0.01}


class Answer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an answer must keep to."""

    deadline: Duration = field(default_factory=lambda: Duration(SECOND))  # for the whole answer
    quorum: int = 1  # members that must be present in a row
    fallback: str | float | dict[str, float] = "error"  # "error", a member, {class: probability} or a number
    record: Literal["async", "durable"] = "async"  # durable answers after the journal's fsync
    max_rows: int = 100_000  # rows of one request
    breaker: Breaker = field(default_factory=Breaker)
    hedge: Hedge | None = None  # none: nobody is asked twice
    early: Early | None = None  # none: every answer waits for all voters

    @classmethod
    def example(cls) -> dict[str, Any]:
        """Return one that is right."""
        return {"deadline": "80ms", "quorum": 1, "fallback": "boost", "record": "durable"}
