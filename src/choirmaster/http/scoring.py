"""Handlers that predict: the protocol's and the plain one, both on the same runner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeVar

from starlette.responses import Response

from choirmaster.errors import RequestError, unknown
from choirmaster.http import oip, plain
from choirmaster.http.bodies import ARROW_TYPES, decode, decode_any, media_type, read_arrow, read_body
from choirmaster.http.explaining import explain
from choirmaster.http.models import Model, both, find_model
from choirmaster.http.problems import Refused, encode
from choirmaster.http.replies import packed
from choirmaster.http.statistics import Took
from choirmaster.http.table import SCORE, Call, Route
from choirmaster.serve.request import PredictRequest
from choirmaster.serve.runner import EnsembleRunner

T = TypeVar("T")
_TENSORS = ("application/json", "application/octet-stream")  # the second where bytes follow the JSON


async def in_turn(call: Call, work: Callable[[], T]) -> T:
    """Run work on the scoring threads."""
    return await asyncio.get_running_loop().run_in_executor(call.pools.scoring, work)


class Timed:
    """One request to a model, counted when it ends: as answered, with the time of each step, or as failed."""

    def __init__(self, call: Call, model: str, runner: EnsembleRunner) -> None:
        self._clock, self._statistics, self._model = call.services.clock, call.services.statistics, model
        self._door, self._seconds = call.pools.door, runner.settings.deadline_seconds
        self.arrived = self._clock.monotonic()
        self._laps = [self.arrived]
        self.rows = 0

    def read(self, request: PredictRequest) -> PredictRequest:
        """Take the rows, which are now read; returns them with the time they have been here since."""
        self.rows = request.rows
        self.lap()
        self._door.started(self._laps[-1] - self.arrived, self._seconds)
        return replace(request, arrived=self.arrived)

    def lap(self) -> None:
        """End a step and begin the next."""
        self._laps.append(self._clock.monotonic())

    def __enter__(self) -> Self:
        """Begin to read; what was before is waiting."""
        self.lap()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lap()
        if error is not None:
            self._statistics.failed(self._model, self._laps[-1] - self._laps[0])
            return
        steps = [end - start for start, end in zip(self._laps, self._laps[1:], strict=False)]
        self._statistics.answered(self._model, self.rows, Took(*steps), now=self._clock.now())


async def infer(call: Call) -> Response:
    """Answer an infer request."""
    found = find_model(call)
    raw = await read_body(call.request, call.settings.limits)
    timed = Timed(call, found.name, found.runner)
    return await in_turn(call, lambda: _infer(call, found, raw, timed))


def _infer(call: Call, found: Model, raw: bytes, timed: Timed) -> Response:
    with timed:
        written = _written(call, found, raw, timed)
    accept = call.request.headers.get("accept-encoding", "")
    if written.json_bytes is None:
        return packed(written.body, accept)
    headers = {oip.BINARY_HEADER: str(written.json_bytes)}
    return packed(written.body, accept, media_type="application/octet-stream", headers=headers)


def _written(call: Call, found: Model, raw: bytes, timed: Timed) -> oip.Written:
    layout, runner, services = found.layout, found.runner, call.services
    head, tail = oip.split(raw, call.request.headers.get(oip.BINARY_HEADER))
    whole = tail is not None and not head  # one tensor and no JSON
    body = oip.raw_body(layout, tail) if whole and tail is not None else decode(head, oip.DECODER)
    request = timed.read(oip.parse(layout, body, tail, now=services.clock.now(), max_rows=runner.settings.max_rows))
    if found.member:
        asked = runner.answer_member(found.member, request)
        timed.lap()
        return oip.member_response(found.name, layout, asked, body, request.ids)
    answer = runner.answer(request)
    timed.lap()
    services.statistics.called(found.name, answer.calls, now=services.clock.now())
    return oip.response(found.name, layout, answer, body, lambda: explain(runner, answer))


def find_runner(call: Call) -> EnsembleRunner:
    """Return the ensemble named in the path, or raise UnknownName."""
    name = call.path("ensemble")
    runner = call.services.runners.get(name)
    if runner is None:
        raise unknown("ensemble", name[:100], call.services.runners)
    return runner


async def predict(call: Call) -> Response:
    """Answer plain records, columns, or an Arrow table."""
    runner = find_runner(call)
    kind = media_type(call.request)
    if kind not in ("", "application/json", *ARROW_TYPES):
        raise Refused(415, f"unknown Content-Type: allowed: application/json, {', '.join(ARROW_TYPES)}")
    if call.query("explain", "false") not in ("true", "false"):
        raise RequestError("bad explain", where="?explain", expected="true or false", got=call.query("explain")[:40])
    raw = await read_body(call.request, call.settings.limits)
    timed = Timed(call, runner.name, runner)
    return await in_turn(call, lambda: _predict(call, runner, kind, raw, timed))


def _predict(call: Call, runner: EnsembleRunner, kind: str, raw: bytes, timed: Timed) -> Response:
    with timed:
        parsed = _parsed(call, runner, kind, raw)
        answer = runner.answer(timed.read(parsed.request))
        timed.lap()
        call.services.statistics.called(runner.name, answer.calls, now=call.services.clock.now())
        shares = explain(runner, answer) if call.query("explain") == "true" else None
        rows = plain.row_answers(answer, shares)
        body = encode(rows[0] if parsed.single else plain.response(answer, parsed.ignored, rows))
    return packed(body, call.request.headers.get("accept-encoding", ""))


def _parsed(call: Call, runner: EnsembleRunner, kind: str, raw: bytes) -> plain.Parsed:
    limit, now = runner.settings.max_rows, call.services.clock.now()
    if kind not in ARROW_TYPES:
        return plain.parse(runner.layout, decode_any(raw), now=now, max_rows=limit)
    table = read_arrow(raw, call.settings.limits)
    plain.check_rows(table.num_rows, limit)
    columns = {name: table.column(place) for place, name in enumerate(table.column_names)}
    if len(columns) != table.num_columns:
        raise RequestError("a column name stands twice", got=str(table.column_names[:20]))
    return plain.from_columns(runner.layout, columns, table.num_rows, {}, now=now)


ROUTES: tuple[Route, ...] = (
    *both("POST", "/v2/models/{model}/infer", infer, "Predict (Open Inference Protocol V2)", roles=SCORE,
          kind="event", body=oip.InferRequest, answer=oip.InferResponse, media=_TENSORS, takes=_TENSORS),
    Route("POST", "/api/predict/{ensemble}", SCORE, predict, "Predict from plain records", kind="event",
          body=plain.Rows, answer=plain.PlainAnswer, parameters=("explain",),
          takes=("application/json", *ARROW_TYPES)),
)  # fmt: skip
