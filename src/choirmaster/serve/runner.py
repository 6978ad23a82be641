"""Runs one ensemble: fan out under one deadline, fuse those present, hand the record on, answer."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from choirmaster import fusion
from choirmaster.errors import ConfigError, DeadlineExceeded, Unavailable, unknown
from choirmaster.ids import content_id
from choirmaster.layout import Status
from choirmaster.ports import Clock, Member
from choirmaster.records import Batch
from choirmaster.serve.answer import Answer, MemberCall
from choirmaster.serve.lanes import Call, Gather, Lane, Reply
from choirmaster.serve.outputs import Floats, Mask, alignment, check_output
from choirmaster.serve.record import record_batch
from choirmaster.serve.request import PredictRequest, check_rows
from choirmaster.serve.settings import EnsembleSettings, Weights

_LOG = logging.getLogger("choirmaster.serve")

Fuse = Callable[[Floats, Mask, Floats], fusion.Fused]
Record = Callable[[Batch], str]


class Telemetry(Protocol):
    """Where the runner counts what it does; an exporter behind it."""

    def member(self, ensemble: str, call: MemberCall) -> None:
        """Count one member's part in one request."""
        ...

    def recorded(self, ensemble: str, state: str, rows: int) -> None:
        """Count rows by what became of their record."""
        ...


class Silent:
    """Counts nothing."""

    def member(self, ensemble: str, call: MemberCall) -> None:
        """Ignore."""

    def recorded(self, ensemble: str, state: str, rows: int) -> None:
        """Ignore."""


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
        self._fuse: Fuse = fuse or _rule(settings)
        names = [one.name for one in self.layout.members]
        for name in names:
            if name not in members:
                raise unknown("member", name, members, where=f"$.ensembles.{self.name}.members")
        self.members: dict[str, Member] = {name: members[name] for name in names}
        self._columns = {name: self._aligned(member) for name, member in self.members.items()}
        self._lanes = {name: self._lane(name) for name in names}
        self._schema = self.layout.arrow()
        parts = [settings.fusion, *(f"{name}={one.version}" for name, one in self.members.items())]
        self._version = content_id(*(part.encode() for part in parts))[:12]
        self.set_weights(settings.weights)

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
        """Answer as a member of another ensemble: nothing is recorded, unanswered rows are NaN."""
        return self._answer(PredictRequest(features), record=False).output

    # -- answering ----------------------------------------------------------------------------------------------
    def answer(self, request: PredictRequest) -> Answer:
        """Answer a validated request.

        Raises
        ------
        Unavailable
            No row reached the quorum and there is no fallback; the statuses are recorded all the same.
        TooLarge
            More rows than ``max_rows``.
        """
        return self._answer(request, record=True)

    def answer_member(self, name: str, request: PredictRequest) -> MemberCall:
        """Ask one member alone; nothing is fused and nothing recorded.

        Raises
        ------
        DeadlineExceeded, Unavailable
            The member was late, or did not answer.
        """
        if name not in self.members:
            raise unknown("member", name, self.members)
        check_rows(request.rows, self.settings.max_rows)
        call = self._ask([name], request)[0]
        if call.status is Status.LATE:
            raise DeadlineExceeded("the member did not answer in time", where=f"{self.name}.{name}")
        if call.status is not Status.OK:
            raise Unavailable("the member did not answer", where=f"{self.name}.{name}", got=str(call.status))
        return call

    def set_weights(self, weights: Weights) -> None:
        """Use other weights from the next request on."""
        for name in weights.values:
            if name not in self.members:
                raise unknown("member", name, self.members, where="weights")
        array = np.array([float(weights.values.get(name, 1.0)) for name in self.members])
        if not np.isfinite(array).all() or (array < 0).any() or not array.any():
            raise ConfigError("bad weights", where=f"$.ensembles.{self.name}.fusion.weights", got=str(array.tolist()),
                              expected="finite, none negative, at least one above zero")  # fmt: skip
        self._weights = (weights, array)

    @property
    def weights(self) -> Weights:
        """The weights in use."""
        return self._weights[0]

    @property
    def ready(self) -> bool:
        """Whether enough members can be asked to reach the quorum."""
        return sum(not lane.hung for lane in self._lanes.values()) >= self.settings.quorum

    def member_ready(self, name: str) -> bool:
        """Whether one member can be asked."""
        return not self._lanes[name].hung

    @property
    def late_results(self) -> int:
        """Results thrown away because they came after their deadline."""
        return sum(lane.late_results for lane in self._lanes.values())

    @property
    def threads(self) -> int:
        """Threads that run members now."""
        return sum(lane.threads for lane in self._lanes.values())

    def close(self) -> None:
        """End the threads of all members."""
        for lane in self._lanes.values():
            lane.close()

    # -- parts --------------------------------------------------------------------------------------------------
    def _answer(self, request: PredictRequest, *, record: bool) -> Answer:
        check_rows(request.rows, self.settings.max_rows)
        ids = self._ids(request)
        weights, member_weight = self._weights
        calls = self._ask(list(self.members), request) if request.rows else [self._idle(n) for n in self.members]
        answer = self._fused(calls, ids, weights.version, member_weight)
        if record:
            answer = replace(answer, recorded=self._keep(request, answer))
            for call in calls:
                self._telemetry.member(self.name, call)
        if request.rows and not answer.answered.any():
            raise Unavailable(
                f'ensemble "{self.name}" is below its quorum',
                expected=f"{self.settings.quorum} of {len(calls)} members",
                got=", ".join(f"{name} {why}" for name, why in answer.missing.items()),
            )
        return answer

    def _ids(self, request: PredictRequest) -> tuple[str, ...]:
        given = request.ids or (None,) * request.rows
        if all(given):
            return tuple(one for one in given if one)
        head = request.request_id or self._new_id()
        return tuple(one or f"{head}/{row}" for row, one in enumerate(given))

    def _ask(self, names: list[str], request: PredictRequest) -> list[MemberCall]:
        start = self._clock.monotonic()
        limit = self.settings.deadline_seconds
        if request.timeout_seconds is not None:
            limit = min(limit, request.timeout_seconds)
        own = [self.settings.member(name).timeout_seconds for name in names]
        deadlines = [start + (limit if one is None else min(limit, one)) for one in own]
        gather = Gather(deadlines)
        for index, (name, deadline) in enumerate(zip(names, deadlines, strict=True)):
            self._lanes[name].submit(Call(request.features, gather, index, start, deadline))
        replies = gather.wait(self._clock)
        waited = max(0, round((self._clock.monotonic() - start) * 1e6))
        return [
            self._checked(name, reply or Reply(Status.LATE, latency_us=waited), request.rows)
            for name, reply in zip(names, replies, strict=True)
        ]

    def _checked(self, name: str, reply: Reply, rows: int) -> MemberCall:
        member, columns = self.members[name], self._columns[name]
        if reply.status is not Status.OK:
            if reply.status is Status.FAILED:
                _LOG.warning("member %s.%s failed: %s", self.name, name, reply.detail)
            return self._without(name, reply.status, rows, latency_us=reply.latency_us, detail=reply.detail)
        checked = check_output(reply.raw, rows, columns, len(self.layout.classes))
        status = Status.OK if checked.usable.any() else Status.INVALID
        if checked.reasons:
            _LOG.warning("member %s.%s gave unusable rows: %s %s", self.name, name, checked.reasons, checked.detail)
        return MemberCall(name, member.version, status, checked.usable, checked.output, reply.latency_us,
                          checked.reasons, checked.detail)  # fmt: skip

    def _without(self, name: str, status: Status, rows: int, **more: Any) -> MemberCall:
        shape = (rows, len(self.layout.classes)) if self.layout.classes else (rows,)
        nothing = np.zeros(rows, dtype=np.bool_)
        return MemberCall(name, self.members[name].version, status, nothing, np.full(shape, np.nan), **more)

    def _idle(self, name: str) -> MemberCall:
        return replace(self._without(name, Status.OK, 0), latency_us=None)

    def _fused(self, calls: list[MemberCall], ids: tuple[str, ...], version: str, weight: Floats) -> Answer:
        present = np.stack([call.usable for call in calls], axis=1)
        outputs = np.stack([call.output for call in calls], axis=1)
        fused = self._fuse(outputs, present, weight)
        enough = fused.answered & (present.sum(axis=1) >= self.settings.quorum)
        output, answered, stood_in = self._fall_back(calls, np.array(fused.output), enough)
        choice = self._choice(output, answered, None if stood_in.any() else fused.choice)
        return Answer(self.name, self.version, version, ids, self.layout.classes, output, answered, choice,
                      tuple(calls), stood_in)  # fmt: skip

    def _fall_back(self, calls: list[MemberCall], output: Floats, enough: Mask) -> tuple[Floats, Mask, Mask]:
        """Fill the rows below quorum as declared; never with anything else."""
        below = ~enough
        output[below] = np.nan
        fallback, stood_in = self.settings.fallback, np.zeros_like(below)
        if fallback.kind == "constant" and fallback.constant is not None:
            stood_in = below.copy()
            output[below] = self._constant(fallback.constant)
        elif fallback.kind == "member":
            call = next(one for one in calls if one.name == fallback.member)
            stood_in = below & call.usable
            output[stood_in] = call.output[stood_in]
        return output, enough | stood_in, stood_in

    def _constant(self, constant: Mapping[str, float] | float) -> Any:
        return [constant[one] for one in self.layout.classes] if isinstance(constant, Mapping) else constant

    def _choice(self, output: Floats, answered: Mask, decided: Any) -> Any:
        if not self.layout.classes:
            return None
        if self.settings.cutoff is not None and self.layout.positive:
            positive = self.layout.classes.index(self.layout.positive)
            chosen = np.where(output[:, positive] >= self.settings.cutoff, positive, 1 - positive)
        elif decided is not None:
            chosen = decided
        else:
            chosen = np.nan_to_num(output).argmax(axis=1)
        return np.where(answered, chosen, -1)

    def _keep(self, request: PredictRequest, answer: Answer) -> str:
        if self._record is None or not answer.rows:
            return "off"
        try:
            times = request.times or (self._clock.now(),) * answer.rows
            state = self._record(record_batch(self.layout, self._schema, request, answer, times))
        except Exception:
            _LOG.exception("could not record %d predictions of %s", answer.rows, self.name)
            state = "dropped"
        self._telemetry.recorded(self.name, state, answer.rows)
        return state

    def _aligned(self, member: Member) -> Any:
        where = f"$.ensembles.{self.name}.members.{member.name}"
        strangers = [one for one in member.features if one not in self.layout.features]
        if strangers:
            raise ConfigError("a member takes a feature that the ensemble has not", got=f'"{strangers[0]}"',
                              where=where, allowed=self.layout.features)  # fmt: skip
        return alignment(member.name, member.classes, self.layout.classes)

    def _lane(self, name: str) -> Lane:
        how = self.settings.member(name)
        return Lane(self.members[name], self._clock, concurrency=how.concurrency, waiting=how.waiting)


def _rule(settings: EnsembleSettings) -> Fuse:
    rule = fusion.get(settings.fusion, where=f"$.ensembles.{settings.name}.fusion.rule")
    if str(settings.layout.task) not in rule.tasks:
        raise ConfigError("fusion rule does not fit the task", where=f"$.ensembles.{settings.name}.fusion.rule",
                          got=f'"{settings.fusion}"', allowed=[one.name for one in fusion.RULES
                                                               if str(settings.layout.task) in one.tasks])  # fmt: skip
    return rule.fuse
