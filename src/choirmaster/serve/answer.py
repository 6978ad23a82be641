"""The answer to one request: what was fused, from whom, and who is missing and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from choirmaster.layout import Status
from choirmaster.serve.outputs import Floats, Mask

FALLBACK_VERSION = "fallback:"


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
    """

    name: str
    version: str
    status: Status
    usable: Mask
    output: Floats
    latency_us: int | None = None
    reasons: Mapping[str, int] | None = None
    detail: str = ""

    def status_of(self, row: int) -> Status:
        """Return the status in one row: an unusable row of an answer that came is ``invalid``."""
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

    @property
    def rows(self) -> int:
        """How many rows were asked for."""
        return len(self.ids)

    @property
    def present(self) -> tuple[str, ...]:
        """Members whose answer was usable in every row."""
        return tuple(call.name for call in self.calls if bool(call.usable.all()))

    @property
    def missing(self) -> dict[str, str]:
        """Members not usable in every row, and why."""
        return {call.name: str(_why(call)) for call in self.calls if not call.usable.all()}

    @property
    def degraded(self) -> bool:
        """Whether any row lacks a member."""
        return any(not call.usable.all() for call in self.calls) or bool(self.fallback.any())

    def prediction(self, row: int) -> str | float | None:
        """Return the decided class or the number of a row; None where it could not be answered."""
        if not self.answered[row]:
            return None
        return float(self.output[row]) if self.choice is None else self.classes[int(self.choice[row])]


def _why(call: MemberCall) -> Status:
    return call.status_of(int(np.argmin(call.usable)))


def predictions(answer: Answer) -> list[str | float | None]:
    """Return all rows' predictions."""
    if answer.choice is None:
        return [float(one) if ok else None for one, ok in zip(answer.output, answer.answered, strict=True)]
    names = (*answer.classes, None)  # -1 is "not answered"
    return [names[one] for one in answer.choice.tolist()]
