"""The members of an ensemble as it holds them: each with its lane, its breaker and its second calls."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from choirmaster.errors import ConfigError, unknown
from choirmaster.layout import Status
from choirmaster.overlay import Role
from choirmaster.ports import Clock, Member
from choirmaster.serve.answer import MemberCall
from choirmaster.serve.breaker import Breaker, Pass, State
from choirmaster.serve.gather import Reply
from choirmaster.serve.hedging import Hedger
from choirmaster.serve.lanes import Lane
from choirmaster.serve.outputs import Mask, alignment, check_output
from choirmaster.serve.settings import EnsembleSettings
from choirmaster.serve.sparing import SparingLog

_LOG = logging.getLogger("choirmaster.serve")
_FAULTS = (Status.LATE, Status.FAILED, Status.INVALID)


class Seat:
    """One member: how it is asked, and what is made of what it says."""

    def __init__(self, settings: EnsembleSettings, name: str, member: Member, clock: Clock) -> None:
        how, layout = settings.member(name), settings.layout
        self.ensemble, self.name, self.member = settings.name, name, member
        self.timeout = how.timeout_seconds
        self.lane = Lane(member, clock, concurrency=how.concurrency, waiting=how.waiting, batch=how.batch)
        self.hedger = Hedger(settings.hedge) if settings.hedge is not None and how.repeatable else None
        self._classes = len(layout.classes)
        self._columns = alignment(name, member.classes, layout.classes)
        self._clock, self._lock = clock, threading.Lock()
        self._log = SparingLog(_LOG, clock)
        self._breaker = None if settings.breaker is None else Breaker(settings.breaker, random.random)

    # -- the breaker ----------------------------------------------------------------------------------------------
    def admit(self) -> Pass | None:
        """Return leave to ask the member, or None while its breaker is open."""
        if self._breaker is None:
            return _ALWAYS
        with self._lock:
            return self._breaker.admit(self._clock.monotonic())

    def settle(self, one: Pass | None, status: Status, *, own: bool = True) -> None:
        """Tell the breaker what became of a call; lateness that is not the member's ``own`` says nothing."""
        if self._breaker is None:
            return
        with self._lock:
            if status is Status.OK or (status in _FAULTS and (own or status is not Status.LATE)):
                self._breaker.settle(one, good=status is Status.OK, now=self._clock.monotonic())
            else:
                self._breaker.withdraw(one)

    @property
    def breaker(self) -> State:
        """Where the member's breaker is."""
        if self._breaker is None:
            return State.CLOSED
        with self._lock:
            return self._breaker.state(self._clock.monotonic())

    @property
    def opened(self) -> int:
        """How often the breaker has opened."""
        return 0 if self._breaker is None else self._breaker.opened

    @property
    def ready(self) -> bool:
        """Whether the member can be asked."""
        return not self.lane.hung and self.breaker is not State.OPEN

    # -- what it says ---------------------------------------------------------------------------------------------
    def heard(self, reply: Reply, rows: int, chosen: Mask | None, role: Role) -> MemberCall:
        """Return a reply checked and put in the ensemble's class order."""
        if reply.status is not Status.OK:
            if reply.status is Status.FAILED:
                self._log.warning("member %s.%s failed: %s", self.ensemble, self.name, reply.detail)
            return self.silent(reply.status, rows, role, chosen=chosen, latency_us=reply.latency_us,
                               detail=reply.detail, why=reply.why)  # fmt: skip
        asked = rows if chosen is None else int(chosen.sum())
        checked = check_output(reply.raw, asked, self._columns, self._classes)
        usable, output = checked.usable, checked.output
        if checked.reasons:
            self._log.warning("member %s.%s gave unusable rows: %s %s", self.ensemble, self.name, checked.reasons,
                         checked.detail)  # fmt: skip
        status = Status.OK if usable.any() else Status.INVALID
        if chosen is not None:
            whole = np.full((rows, *output.shape[1:]), np.nan)
            whole[chosen] = output
            spread = np.zeros(rows, dtype=np.bool_)
            spread[chosen] = usable
            usable, output = spread, whole
        return MemberCall(self.name, self.member.version, status, usable, output, reply.latency_us, checked.reasons,
                          checked.detail, role, chosen)  # fmt: skip

    def silent(self, status: Status, rows: int, role: Role, **more: Any) -> MemberCall:
        """Return a call that brought no answer."""
        shape = (rows, self._classes) if self._classes else (rows,)
        nothing = np.zeros(rows, dtype=np.bool_)
        return MemberCall(self.name, self.member.version, status, nothing, np.full(shape, np.nan), role=role, **more)


_ALWAYS = Pass(-1)


def seated(settings: EnsembleSettings, members: Mapping[str, Member], clock: Clock) -> dict[str, Seat]:
    """Return a seat for every member of the layout, in declared order.

    Raises
    ------
    UnknownName
        A member of the layout is not given.
    ConfigError
        A member takes a feature that the ensemble has not, or its classes do not fit.
    """
    where = f"$.ensembles.{settings.name}.members"
    seats = {}
    for name in (one.name for one in settings.layout.members):
        if name not in members:
            raise unknown("member", name, members, where=where)
        strangers = [one for one in members[name].features if one not in settings.layout.features]
        if strangers:
            raise ConfigError("a member takes a feature that the ensemble has not", got=f'"{strangers[0]}"',
                              where=f"{where}.{name}", allowed=settings.layout.features)  # fmt: skip
        seats[name] = Seat(settings, name, members[name], clock)
    return seats
