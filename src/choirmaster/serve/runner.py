"""Runs one ensemble: fan out under one deadline, fuse those present, answer, hand the record on."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from choirmaster.errors import DeadlineExceeded, Unavailable, unknown
from choirmaster.ids import content_id
from choirmaster.layout import Status
from choirmaster.overlay import Role, Standing
from choirmaster.ports import Clock, Member
from choirmaster.records import Batch
from choirmaster.serve.answer import Answer, MemberCall
from choirmaster.serve.asking import Round, idle, warm
from choirmaster.serve.breaker import State
from choirmaster.serve.combine import Combiner, Fuse, declared
from choirmaster.serve.keeper import Keeper
from choirmaster.serve.outputs import Floats
from choirmaster.serve.record import RecordWriter
from choirmaster.serve.request import PredictRequest, check_rows, features_table
from choirmaster.serve.roles import Seating, seating
from choirmaster.serve.roster import seated
from choirmaster.serve.settings import EnsembleSettings, Weights
from choirmaster.serve.telemetry import Silent, Telemetry

_LOG = logging.getLogger("choirmaster.serve")

Record = Callable[[Batch], str]


@dataclass(frozen=True, slots=True)
class Health:
    """How one member stands now.

    Attributes
    ----------
    ready : bool
        Whether it can be asked: its breaker is not open, and not every thread of it hangs.
    opened : int
        How often its breaker has opened.
    late_results : int
        Results thrown away because they came after their deadline.
    """

    member: str
    role: Role
    ready: bool
    breaker: State
    opened: int
    late_results: int


class EnsembleRunner:
    """One ensemble that answers; also a member, so ensembles nest.

    Parameters
    ----------
    settings : EnsembleSettings
    members : dict
        ``{name: Member}`` for every member of the layout.
    clock : Clock
    record : callable, optional
        Takes the canonical batch and returns ``queued``, ``durable`` or ``dropped``. Whatever it does, it never fails
        an answer.
    telemetry : Telemetry, optional
    new_id : callable, optional
        Makes request ids; a random one by default.
    fuse : callable, optional
        In place of the rule named in the settings.
    """

    def __init__(
        self,
        settings: EnsembleSettings,
        members: Mapping[str, Member],
        clock: Clock,
        *,
        record: Record | None = None,
        telemetry: Telemetry | None = None,
        new_id: Callable[[], str] | None = None,
        fuse: Fuse | None = None,
    ) -> None:
        settings.check()
        self.settings, self.layout, self.name = settings, settings.layout, settings.name
        self._clock, self._record = clock, record
        self._telemetry: Telemetry = telemetry or Silent()
        self._new_id = new_id or (lambda: uuid.uuid4().hex)
        self._seats = seated(settings, members, clock)
        self.members: dict[str, Member] = {name: seat.member for name, seat in self._seats.items()}
        self._writer = RecordWriter(self.layout)
        parts = [declared(settings.fusion), *(f"{name}={one.version}" for name, one in self.members.items())]
        self._version = content_id(*(part.encode() for part in parts))[:12]
        self._combiner = Combiner(settings, self._version, fuse)
        self._keeper = Keeper(clock)
        self._changing = threading.Lock()
        self.declared: Standing = settings.declared
        self._standing = self._checked(self.declared)

    # -- the member port ----------------------------------------------------------------------------------------
    @property
    def version(self) -> str:
        """Names the members, their versions and the rule; moving weights does not change it."""
        return self._version

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Class names in the order of the answer's columns; None for a regression."""
        return self.layout.classes or None

    @property
    def features(self) -> tuple[str, ...]:
        """The features it takes."""
        return self.layout.features

    def predict(self, features: pa.Table) -> Floats:
        """Answer as a member of another ensemble: nothing is recorded, unanswered rows are NaN, no shadow is asked."""
        return self._answer(PredictRequest(features), record=False).output

    def predict_within(self, features: pa.Table, seconds: float) -> Floats:
        """Answer as a member of another ensemble that waits so many seconds at most."""
        return self._answer(PredictRequest(features, timeout_seconds=seconds), record=False).output

    # -- answering ----------------------------------------------------------------------------------------------
    def answer(self, request: PredictRequest) -> Answer:
        """Answer a validated request.

        Raises
        ------
        DeadlineExceeded
            The time of the request was over before a member could be asked; none was.
        Unavailable
            No row reached the quorum and there is no fallback; the statuses are recorded all the same.
        TooLarge
            More rows than ``max_rows``.
        """
        return self._answer(request, record=True)

    def answer_member(self, name: str, request: PredictRequest) -> MemberCall:
        """Ask one member alone, whatever its role and its breaker; nothing is fused and nothing recorded.

        Raises
        ------
        DeadlineExceeded, Unavailable
            The member was late, or did not answer.
        """
        if name not in self.members:
            raise unknown("member", name, self.members)
        check_rows(request.rows, self.settings.max_rows)
        one = Round(self._seats, request.features, self._clock)
        one.choose_only(name)
        one.ask(self._end(request), self.settings.deadline_seconds)
        one.wait()
        call = one.finish()[0]
        if call.status is Status.LATE:
            raise DeadlineExceeded("the member did not answer in time", where=f"{self.name}.{name}")
        if call.status is not Status.OK:
            raise Unavailable("the member did not answer", where=f"{self.name}.{name}", got=str(call.status))
        return call

    # -- roles and weights while it runs ------------------------------------------------------------------------
    def apply(self, standing: Standing) -> None:
        """Run under another standing, as a whole; ``declared`` is the file's.

        A request that has begun goes on as it began; every later one sees the new standing. A standing that is refused
        changes nothing.

        Raises
        ------
        UnknownName, ConfigError
            As :func:`choirmaster.serve.roles.seating`.
        """
        with self._changing:
            self._standing = self._checked(standing)

    def set_weights(self, weights: Weights) -> None:
        """Use other weights from the next request on.

        Raises
        ------
        Unavailable
            They are frozen.
        """
        with self._changing:
            if self._standing.frozen:
                raise Unavailable("the weights are frozen", where=f"$.ensembles.{self.name}.fusion.weights",
                                  fix="clear the freeze first")  # fmt: skip
            now = self._standing
            self._standing = self._checked(Standing(now.roles, now.shares, weights.values, weights.version))

    @property
    def weights(self) -> Weights:
        """The weights that the next request will see."""
        now = self._standing
        return Weights(now.weight_version, now.weights)

    @property
    def standing(self) -> Seating:
        """Roles, shares and weights as the next request will see them."""
        return self._standing

    def _checked(self, standing: Standing) -> Seating:
        names = [one.name for one in self.layout.members]
        return seating(standing, names, f"$.ensembles.{self.name}")

    # -- how it is ----------------------------------------------------------------------------------------------
    @property
    def ready(self) -> bool:
        """Whether enough members can be asked to reach the quorum, or a constant stands in."""
        able = sum(self._seats[name].ready for name in self._standing.voters)
        return able >= self.settings.quorum or self.settings.fallback.kind == "constant"

    def member_ready(self, name: str) -> bool:
        """Whether one member can be asked."""
        return self._seats[name].ready

    def health(self) -> list[Health]:
        """Return how every member stands now."""
        roles = self._standing.roles
        return [
            Health(name, roles[name], seat.ready, seat.breaker, seat.opened, seat.lane.late_results)
            for name, seat in self._seats.items()
        ]

    @property
    def late_results(self) -> int:
        """Results thrown away because they came after their deadline."""
        return sum(seat.lane.late_results for seat in self._seats.values())

    @property
    def threads(self) -> int:
        """Threads that run members now."""
        return sum(seat.lane.threads for seat in self._seats.values())

    def warm(self, seconds: float = 10.0) -> int:
        """Ask every member once about a row of missing values, so that the first request finds them ready.

        What they say is thrown away and counts nowhere; returns how many came back in time.
        """
        row = features_table(self.layout, {}, 1)
        roles = self._standing.roles
        seats = [seat for seat in self._seats.values() if roles[seat.name] is not Role.OFF]
        return warm(seats, row, self._clock, seconds)

    def close(self) -> None:
        """Hand on the records that still wait for somebody, and end the threads of all members."""
        self._keeper.close()
        for seat in self._seats.values():
            seat.lane.close()

    # -- parts --------------------------------------------------------------------------------------------------
    def _answer(self, request: PredictRequest, *, record: bool) -> Answer:
        check_rows(request.rows, self.settings.max_rows)
        start, standing, ids = self._clock.monotonic(), self._standing, self._ids(request)
        if not request.rows:
            nobody = idle(self._seats.values(), standing.roles)
            return self._combiner.answer(nobody, ids, standing, early=False)
        one = Round(self._seats, request.features, self._clock, eager=self.settings.early is not None)
        end = self._end(request)
        one.choose(self.name, standing, ids, self.settings.quorum, shadows=record)
        early = self._ask(one, end, standing)
        answer = self._combiner.answer(one.calls(), ids, standing, early=early)
        if record:
            answer = self._kept(request, answer, one)
            self._telemetry.answered(self.name, answer, self._clock.monotonic() - start, one.second_calls)
        elif one.open:
            self._keeper.hold(one, lambda: _ended(one))
        self._refuse_if_nothing(answer, record=record)
        return answer

    def _ask(self, one: Round, end: float, standing: Seating) -> bool:
        """Ask in turn, stage by stage; returns whether the answer was settled before all were in."""
        settled = None
        if self.settings.early is not None:
            settled = lambda: self._combiner.settled(one.calls(), standing)  # noqa: E731 - one line says it all
        rows, stages, early = None, self._combiner.stages, False
        for stage, names in enumerate(stages):
            one.ask(end, self.settings.deadline_seconds, names=names, rows=rows)
            early = one.wait(settled)
            if early or stage == len(stages) - 1:
                break
            rows = ~self._combiner.decided(one.calls(), standing, stage)
            if not rows.any():
                break
        one.spare()
        return early

    def _refuse_if_nothing(self, answer: Answer, *, record: bool) -> None:
        if answer.answered.any():
            return
        if record:
            self._telemetry.refused(self.name, "below_quorum")
        raise Unavailable(
            f'ensemble "{self.name}" is below its quorum',
            expected=f"{self.settings.quorum} of {len(answer.calls)} members",
            got=", ".join(f"{name} {why}" for name, why in answer.missing.items()),
        )  # fmt: skip

    def _end(self, request: PredictRequest) -> float:
        """Return when the request must be answered, or refuse it where that is over."""
        now = self._clock.monotonic()
        limit = self.settings.deadline_seconds
        if request.timeout_seconds is not None:
            limit = min(limit, request.timeout_seconds)
        end = (now if request.arrived is None else request.arrived) + limit
        if now >= end:
            self._telemetry.refused(self.name, "expired")
            raise DeadlineExceeded("the time of the request was over before a member was asked", where=self.name,
                                   expected=f"an answer within {limit:g} s")  # fmt: skip
        return end

    def _ids(self, request: PredictRequest) -> tuple[str, ...]:
        given = request.ids or (None,) * request.rows
        if all(given):
            return tuple(one for one in given if one)
        head = request.request_id or self._new_id()
        return tuple(one or f"{head}/{row}" for row, one in enumerate(given))

    # -- keeping ------------------------------------------------------------------------------------------------
    def _kept(self, request: PredictRequest, answer: Answer, one: Round) -> Answer:
        """Hand the record on now, or once the calls that the answer did not wait for are known."""
        if not one.open:
            self._count(answer.calls)
            return replace(answer, recorded=self._keep(request, answer))
        now = self.settings.record == "durable" or self._record is None
        recorded = self._keep(request, answer) if now else "queued"
        began = request.times or (self._clock.now(),) * answer.rows

        def then() -> None:
            calls = one.finish()
            self._count(calls)
            if not now:
                self._keep(replace(request, times=began), replace(answer, calls=calls))

        self._keeper.hold(one, then)
        return replace(answer, recorded=recorded)

    def _count(self, calls: tuple[MemberCall, ...]) -> None:
        for call in calls:
            self._telemetry.member(self.name, call)

    def _keep(self, request: PredictRequest, answer: Answer) -> str:
        if self._record is None:
            return "off"
        try:
            times = request.times or (self._clock.now(),) * answer.rows
            state = self._record(self._writer.batch(request, answer, times))
        except Exception:
            _LOG.exception("could not record %d predictions of %s", answer.rows, self.name)
            state = "dropped"
        self._telemetry.recorded(self.name, state, answer.rows)
        return state


def _ended(one: Round) -> None:
    one.finish()
