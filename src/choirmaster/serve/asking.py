"""One request's calls: who is asked for which rows, what is waited for, and what came of each call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from choirmaster.layout import Status
from choirmaster.overlay import Role
from choirmaster.ports import Clock
from choirmaster.serve.answer import NOT_AWAITED, MemberCall
from choirmaster.serve.breaker import Pass
from choirmaster.serve.gather import Gather, Reply
from choirmaster.serve.lanes import Call
from choirmaster.serve.outputs import Mask
from choirmaster.serve.roles import Seating, in_share
from choirmaster.serve.roster import Seat

BREAKER_OPEN, NOT_ASKED = "breaker_open", "not_asked"
FAIR = 0.5
"""A member that had less than this share of its usual time is not to blame for being late."""


@dataclass(slots=True)
class Part:
    """One member's part in a request; ``call`` is there once it is known what came of it."""

    seat: Seat
    role: Role
    chosen: Mask | None = None
    passed: Pass | None = None
    deadline: float = 0.0
    fair: bool = True
    index: int = -1
    asked: float = 0.0
    second_at: float | None = None
    call: MemberCall | None = None


class Round:
    """The calls of one request.

    Parameters
    ----------
    seats : dict
    table : pyarrow.Table
    clock : Clock
    eager : bool
        Whether ``wait`` asks after each reply whether the answer is settled.
    """

    def __init__(self, seats: Mapping[str, Seat], table: pa.Table, clock: Clock, *, eager: bool = False) -> None:
        self._seats, self._table, self._clock = seats, table, clock
        self._rows = table.num_rows
        self.gather = Gather(eager=eager)
        self.parts: list[Part] = []
        self.second_calls = 0

    def choose(self, ensemble: str, standing: Seating, ids: Sequence[str], quorum: int, *, shadows: bool) -> None:
        """Decide who is asked for what; the breakers never take the voters below the quorum."""
        for name, role in standing.roles.items():
            part = Part(self._seats[name], role)
            self.parts.append(part)
            if role is Role.CANARY:
                share = standing.shares[name]
                part.chosen = np.array([in_share(ensemble, name, one, share) for one in ids], dtype=np.bool_)
            idle = role is Role.OFF or (role is Role.SHADOW and not shadows)
            if idle or (part.chosen is not None and not part.chosen.any()):
                part.call = part.seat.silent(Status.ABSENT, self._rows, role, chosen=part.chosen, why=NOT_ASKED)
                continue
            part.passed = part.seat.admit()
            if part.passed is None:
                part.call = part.seat.silent(Status.QUARANTINED, self._rows, role, chosen=part.chosen, why=BREAKER_OPEN)
        votes = [part for part in self.parts if part.role is Role.VOTER]
        lacking = quorum - sum(part.call is None for part in votes)
        for part in votes:
            if lacking > 0 and part.call is not None:
                part.call = None
                lacking -= 1

    def choose_only(self, name: str) -> None:
        """Ask one member alone, whatever its breaker says."""
        self.parts.append(Part(self._seats[name], Role.VOTER))

    def ask(
        self, end: float, deadline: float, *, names: Collection[str] | None = None, rows: Mask | None = None
    ) -> None:
        """Make the calls that are left, to be answered by ``end``.

        Parameters
        ----------
        end : float
            When the request must be answered.
        deadline : float
            How long a request has that is in no hurry.
        names : collection of str, optional
            The members whose turn it is; shadows are asked in the first turn in any case.
        rows : (n_samples,) bool, optional
            The rows that are still open.
        """
        now = self._clock.monotonic()
        turn = [part for part in self.parts if part.call is None and part.index < 0
                and (names is None or part.seat.name in names or part.role is Role.SHADOW)]  # fmt: skip
        for part in turn:
            if rows is not None:
                part.chosen = rows if part.chosen is None else rows & part.chosen
                if not part.chosen.any():
                    self._spare(part)
                    continue
            self._expect(part, now, end, deadline)
        for part in turn:
            if part.index >= 0:
                self._submit(part)

    def _expect(self, part: Part, now: float, end: float, deadline: float) -> None:
        own = part.seat.timeout
        usual = deadline if own is None else min(deadline, own)
        part.asked, part.deadline = now, min(end, now + usual)
        part.fair = part.deadline - now >= FAIR * usual
        part.index = self.gather.expect(part.deadline, awaited=part.role is not Role.SHADOW)
        if part.seat.hedger is not None and part.role is not Role.SHADOW:
            delay = part.seat.hedger.first()
            part.second_at = None if delay is None else now + delay

    def _submit(self, part: Part) -> None:
        whole = part.chosen is None or bool(part.chosen.all())
        table = self._table if whole else self._table.filter(pa.array(part.chosen))
        part.seat.lane.submit(Call(table, self.gather, part.index, part.asked, part.deadline))

    def spare(self) -> None:
        """Ask nobody more: those whose turn did not come are not missing."""
        for part in self.parts:
            if part.call is None and part.index < 0:
                self._spare(part)

    def _spare(self, part: Part) -> None:
        part.seat.settle(part.passed, Status.ABSENT)
        nowhere = np.zeros(self._rows, dtype=np.bool_)
        part.call = part.seat.silent(Status.ABSENT, self._rows, part.role, chosen=nowhere, why=NOT_ASKED)

    def wait(self, settled: Callable[[], bool] | None = None) -> bool:
        """Wait for everybody with a say; returns whether the answer was settled before."""
        while self.gather.wait(self._clock, self._next_second()):
            if settled is not None and settled():
                return True
            self._second_calls()
        return False

    def _next_second(self) -> float:
        return min((part.second_at for part in self.parts if part.second_at is not None), default=float("inf"))

    def _second_calls(self) -> None:
        now = self._clock.monotonic()
        for part in self.parts:
            if part.second_at is None or part.second_at > now:
                continue
            part.second_at = None
            hedger = part.seat.hedger
            waiting = now < part.deadline and self.gather.reply(part.index) is None
            if waiting and hedger is not None and hedger.take() and self.gather.twice(part.index):
                self.second_calls += 1
                self._submit(part)

    def calls(self) -> tuple[MemberCall, ...]:
        """Return what is known of every member now, in declared order."""
        return tuple(part.call or self._known(part) for part in self.parts)

    def finish(self) -> tuple[MemberCall, ...]:
        """Take no more replies: what is not in by now is late, or was not waited for."""
        return tuple(part.call or self._known(part, last=True) for part in self.parts)

    @property
    def open(self) -> bool:
        """Whether there is a call of which it is not known what came."""
        return any(part.call is None for part in self.parts)

    def _known(self, part: Part, *, last: bool = False) -> MemberCall:
        now, asked = self._clock.monotonic(), part.index >= 0
        reply = self.gather.reply(part.index) if asked else None
        if asked and reply is None and (last or now >= part.deadline):
            reply = self.gather.cut(part.index) or self._unanswered(part, now)
        if reply is None:
            return part.seat.silent(Status.ABSENT, self._rows, part.role, chosen=part.chosen, why=NOT_AWAITED)
        part.call = part.seat.heard(reply, self._rows, part.chosen, part.role)
        part.seat.settle(part.passed, part.call.status, own=part.fair)
        if part.seat.hedger is not None and part.call.status is Status.OK and reply.latency_us is not None:
            part.seat.hedger.answered(reply.latency_us / 1e6)
        return part.call

    def _unanswered(self, part: Part, now: float) -> Reply:
        if now < part.deadline:
            return Reply(Status.ABSENT, why=NOT_AWAITED)
        return Reply(Status.LATE, latency_us=max(0, round((now - part.asked) * 1e6)))


def warm(seats: Iterable[Seat], table: pa.Table, clock: Clock, seconds: float) -> int:
    """Ask members once before anybody waits for them; returns how many came back in time, whatever they said."""
    asked, start = list(seats), clock.monotonic()
    gather = Gather()
    for seat in asked:
        seat.lane.submit(Call(table, gather, gather.expect(start + seconds), start, start + seconds))
    gather.wait(clock)
    return sum(gather.cut(index) is not None for index in range(len(asked)))


def idle(seats: Iterable[Seat], roles: Mapping[str, Role]) -> tuple[MemberCall, ...]:
    """Return the calls of a request without rows: none is made, nobody is missing."""
    return tuple(seat.silent(Status.OK, 0, roles[seat.name]) for seat in seats)
