"""One decision about a running ensemble: who decided what, when, until when and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a member does in an ensemble now."""

    VOTER = "voter"
    SHADOW = "shadow"
    CANARY = "canary"
    OFF = "off"


class Verb(StrEnum):
    """What a decision does; also its action in the audit table."""

    MEMBER_SET = "member.set"
    MEMBER_CLEAR = "member.clear"
    WEIGHTS_SET = "weights.set"
    WEIGHTS_CLEAR = "weights.clear"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    UNDO = "undo"
    EXPIRE = "expire"


ABOUT_OTHERS = (Verb.UNDO, Verb.EXPIRE)


@dataclass(frozen=True, slots=True)
class Decision:
    """One row of the append-only table of decisions.

    Attributes
    ----------
    number : int
        Its place in the table, ascending; 0 before it is stored.
    at : int
        When it was taken, in microseconds UTC.
    who : str
    verb : Verb
    member : str
        Of ``member.set`` and ``member.clear``; else ''.
    role : Role or None
        Of ``member.set``.
    share : float or None
        Share of the ids that a canary votes on, above 0 and below 1.
    weights : dict
        Of ``weights.set``: fusion weight of every member there was.
    until : int or None
        From this instant on it no longer holds; None: until it is taken back, cleared or followed by another.
    reason : str
    takes_back : int or None
        Of ``undo`` and ``expire``: the number of the decision that no longer holds.
    automatic : bool
        Nobody asked for it: the system moved something by itself. Refused while the ensemble is frozen.
    """

    ensemble: str
    verb: Verb
    at: int
    who: str
    reason: str = ""
    member: str = ""
    role: Role | None = None
    share: float | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    until: int | None = None
    takes_back: int | None = None
    automatic: bool = False
    number: int = 0

    def over(self, now: int) -> bool:
        """Return whether its time has run out."""
        return self.until is not None and self.until <= now
