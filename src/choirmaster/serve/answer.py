"""The answer to one request: what was fused, from whom, and who is missing and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from choirmaster.layout import Status
from choirmaster.overlay import Role
from choirmaster.serve.outputs import Floats, Mask

FALLBACK_VERSION = "fallback:"
NOT_AWAITED = "not_awaited"


@dataclass(frozen=True, slots=True)
class MemberCall:
    """How one member did on one request.

    Attributes
    ----------
    status : Status
        Of the call as a whole; ``invalid`` when no row was usable.
    usable : (n_samples,) bool
        Rows whose answer entered the fusion.
    output : (n_samples, n_classes) or (n_samples,) float64
        NaN where not usable.
    latency_us : int or None
        From asking to the answer; up to the cut for a late one; None when the member was not called.
    reasons : dict or None
        Rows of an answer that were not usable, by reason.
    role : Role
        What the member did in this request.
    chosen : (n_samples,) bool or None
        Rows it was asked for; None is all.
    why : str
        One word where it was not called or not waited for: ``breaker_open``, ``hung``, ``busy``, ``closing``,
        ``not_awaited``, ``not_asked``.
    """

    name: str
    version: str
    status: Status
    usable: Mask
    output: Floats
    latency_us: int | None = None
    reasons: Mapping[str, int] | None = None
    detail: str = ""
    role: Role = Role.VOTER
    chosen: Mask | None = None
    why: str = ""

    @property
    def due(self) -> Mask:
        """Rows in which the member has a say."""
        if self.role in (Role.SHADOW, Role.OFF):
            return np.zeros_like(self.usable)
        return np.ones_like(self.usable) if self.chosen is None else self.chosen

    @property
    def lacking(self) -> Mask:
        """Rows in which the member has a say and gave no usable answer."""
        return self.due & ~self.usable

    def status_of(self, row: int) -> Status:
        """Return the status in one row: an unusable row of an answer that came is ``invalid``."""
        if self.chosen is not None and not self.chosen[row]:
            return Status.ABSENT
        if self.status is Status.OK and not self.usable[row]:
            return Status.INVALID
        return self.status


@dataclass(frozen=True, slots=True)
class Answer:
    """One request's answer.

    Attributes
    ----------
    ids : tuple of str
    classes : tuple of str
        Order of the probabilities; empty for a regression.
    output : (n_samples, n_classes) or (n_samples,) float64
        NaN in rows that could not be answered.
    answered : (n_samples,) bool
    choice : (n_samples,) intp or None
        Index of the decided class, -1 where not answered.
    calls : tuple of MemberCall
        In declared order.
    fallback : (n_samples,) bool
        Rows answered by the fallback.
    weight_version : str
    recorded : str
        ``queued``, ``durable``, ``dropped`` or ``off``.
    early : bool
        Whether it was given before all members were in, because they could not change it any more.
    """

    ensemble: str
    version: str
    weight_version: str
    ids: tuple[str, ...]
    classes: tuple[str, ...]
    output: Floats
    answered: Mask
    choice: NDArray[np.intp] | None
    calls: tuple[MemberCall, ...]
    fallback: Mask
    recorded: str = "off"
    early: bool = False

    @property
    def rows(self) -> int:
        """How many rows were asked for."""
        return len(self.ids)

    @property
    def present(self) -> tuple[str, ...]:
        """Members whose answer was usable in every row in which they have a say."""
        return tuple(call.name for call in self.calls if self._speaks(call) and not call.lacking.any())

    @property
    def missing(self) -> dict[str, str]:
        """Members with a say that were not usable in every row of it, and why."""
        return {call.name: _why(call, int(call.lacking.argmax())) for call in self.calls if call.lacking.any()}

    @property
    def degraded(self) -> bool:
        """Whether any row lacks a member that could have changed it."""
        return bool(self.fallback.any()) or any(call.lacking.any() and not self._needless(call) for call in self.calls)

    @property
    def whole(self) -> bool:
        """Whether every row was answered by the same members, and by all that have a say."""
        return not self.fallback.any() and all(call.chosen is None and not call.lacking.any() for call in self.calls)

    def row(self, row: int) -> tuple[list[str], dict[str, str], bool]:
        """Return who was present in a row, who was missing and why, and whether the row is degraded."""
        due = [call for call in self.calls if call.due[row]]
        lacking = [call for call in due if not call.usable[row]]
        degraded = bool(self.fallback[row]) or any(not self._needless(call) for call in lacking)
        present = [call.name for call in due if call.usable[row]]
        return present, {call.name: _why(call, row) for call in lacking}, degraded

    def _speaks(self, call: MemberCall) -> bool:
        return bool(call.due.any()) or (not self.rows and call.role is Role.VOTER)

    def _needless(self, call: MemberCall) -> bool:
        return self.early and call.why == NOT_AWAITED

    def prediction(self, row: int) -> str | float | None:
        """Return the decided class or the number of a row; None where it could not be answered."""
        if not self.answered[row]:
            return None
        return float(self.output[row]) if self.choice is None else self.classes[int(self.choice[row])]


def _why(call: MemberCall, row: int) -> str:
    return call.why or str(call.status_of(row))


def predictions(answer: Answer) -> list[str | float | None]:
    """Return all rows' predictions."""
    if answer.choice is None:
        return [float(one) if ok else None for one, ok in zip(answer.output, answer.answered, strict=True)]
    names = (*answer.classes, None)  # -1 is "not answered"
    return [names[one] for one in answer.choice.tolist()]
