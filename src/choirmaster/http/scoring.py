"""Handlers that predict: the protocol's and the plain one, both on the same runner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.responses import Response

from choirmaster.errors import NotFound, RequestError, unknown
from choirmaster.http import oip, plain
from choirmaster.http.bodies import ARROW_TYPES, decode, decode_any, media_type, read_arrow, read_body
from choirmaster.http.problems import Refused, encode
from choirmaster.http.table import ANY_ROLE, EVERYBODY, SCORE, Call, Route
from choirmaster.layout import Layout
from choirmaster.serve.runner import EnsembleRunner

T = TypeVar("T")
ANY_SCORER = SCORE | {"read", "operate"}


def as_json(value: Any, status: int = 200) -> Response:
    """Return a value as a JSON answer."""
    return Response(encode(value), status, media_type="application/json")


async def in_turn(call: Call, work: Callable[[], T]) -> T:
    """Run work on the scoring threads."""
    return await asyncio.get_running_loop().run_in_executor(call.pools.scoring, work)


class Model:
    """What a model name of the protocol stands for: an ensemble, or one of its members."""

    def __init__(self, name: str, runner: EnsembleRunner, member: str = "") -> None:
        self.name, self.runner, self.member = name, runner, member

    @property
    def version(self) -> str:
        """The version that answers."""
        return self.runner.members[self.member].version if self.member else self.runner.version

    @property
    def layout(self) -> Layout:
        """The inputs it takes."""
        layout = self.runner.layout
        return oip.member_layout(layout, self.runner.members[self.member].features) if self.member else layout

    @property
    def ready(self) -> bool:
        """Whether it can be asked."""
        return self.runner.member_ready(self.member) if self.member else self.runner.ready


def find_model(call: Call) -> Model:
    """Return the model named in the path, or raise NotFound."""
    name, version = call.path("model"), call.path("version")
    ensemble, _, member = name.partition(".")
    runner = call.services.runners.get(ensemble)
    if runner is None or (member and member not in runner.members) or name.endswith("."):
        raise NotFound("unknown model", got=f'"{name[:100]}"', allowed=model_names(call))
    model = Model(name, runner, member)
    if version and version != model.version:
        raise NotFound("unknown version", where=name, got=f'"{version[:100]}"', allowed=(model.version,))
    return model


def model_names(call: Call) -> list[str]:
    """Return every ensemble, each followed by its members."""
    return [name for ensemble, runner in list(call.services.runners.items())
            for name in (ensemble, *(f"{ensemble}.{one}" for one in runner.members))]  # fmt: skip


async def live(call: Call) -> Response:
    """Answer that the process runs."""
    return as_json({"live": True, "ready": call.services.ready})


async def ready(call: Call) -> Response:
    """Answer whether all ensembles can be asked."""
    if call.services.ready:
        return as_json({"ready": True, "live": True})
    return as_json({"ready": False, "live": True, "error": "not ready"}, 503)


async def server(call: Call) -> Response:
    """Answer the server's metadata."""
    return as_json({"name": "choirmaster", "version": call.services.version, "extensions": []})


async def models(call: Call) -> Response:
    """Answer all model names."""
    return as_json({"models": model_names(call)})


async def model(call: Call) -> Response:
    """Answer one model's metadata."""
    found = find_model(call)
    members = () if found.member else tuple(found.runner.members)
    return as_json(oip.metadata(found.name, found.version, found.layout, members))


async def model_ready(call: Call) -> Response:
    """Answer whether one model can be asked."""
    found = find_model(call)
    if found.ready and not call.services.draining:
        return as_json({"name": found.name, "ready": True})
    return as_json({"name": found.name, "ready": False, "error": "not ready"}, 503)


async def infer(call: Call) -> Response:
    """Answer an infer request."""
    found = find_model(call)
    if "inference-header-content-length" in call.request.headers:
        raise Refused(400, "binary tensors are not accepted: send JSON data, without Inference-Header-Content-Length")
    raw = await read_body(call.request, call.settings.limits)
    now = call.services.clock.now()
    return await in_turn(call, lambda: _infer(found, raw, now))


def _infer(found: Model, raw: bytes, now: int) -> Response:
    body = decode(raw, oip.DECODER)
    layout, runner = found.layout, found.runner
    request = oip.parse(layout, body, now=now, max_rows=runner.settings.max_rows)
    if not found.member:
        return as_json(oip.response(found.name, layout, runner.answer(request), body))
    asked = runner.answer_member(found.member, request)
    return as_json(oip.member_response(found.name, layout, asked, body, request.ids))


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
    raw = await read_body(call.request, call.settings.limits)
    now = call.services.clock.now()
    return await in_turn(call, lambda: _predict(call, runner, kind, raw, now))


def _predict(call: Call, runner: EnsembleRunner, kind: str, raw: bytes, now: int) -> Response:
    parsed = _parsed(call, runner, kind, raw, now)
    answer = runner.answer(parsed.request)
    if parsed.single:
        return as_json(plain.row_answers(answer)[0])
    return as_json(plain.response(answer, parsed.ignored))


def _parsed(call: Call, runner: EnsembleRunner, kind: str, raw: bytes, now: int) -> plain.Parsed:
    limit = runner.settings.max_rows
    if kind not in ARROW_TYPES:
        return plain.parse(runner.layout, decode_any(raw), now=now, max_rows=limit)
    table = read_arrow(raw, call.settings.limits)
    plain.check_rows(table.num_rows, limit)
    columns = {name: table.column(place) for place, name in enumerate(table.column_names)}
    if len(columns) != table.num_columns:
        raise RequestError("a column name stands twice", got=str(table.column_names[:20]))
    return plain.from_columns(runner.layout, columns, table.num_rows, {}, now=now)


def _both(method: str, path: str, handler: Any, summary: str, **more: Any) -> list[Route]:
    """Declare a model route without and with a version in its path."""
    versioned = path.replace("{model}", "{model}/versions/{version}")
    return [Route(method, one, handler=handler, summary=summary, **more) for one in (path, versioned)]


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v2/health/live", EVERYBODY, live, "Whether the process runs"),
    Route("GET", "/v2/health/ready", EVERYBODY, ready, "Whether every ensemble can answer"),
    Route("GET", "/v2", ANY_ROLE, server, "Server metadata"),
    Route("GET", "/v2/", ANY_ROLE, server, "Server metadata"),
    Route("GET", "/v2/models", ANY_SCORER, models, "Every ensemble and member"),
    *_both("GET", "/v2/models/{model}", model, "What a model takes and gives", roles=ANY_SCORER,
           answer=oip.ModelMetadata),
    *_both("GET", "/v2/models/{model}/ready", model_ready, "Whether a model can be asked", roles=ANY_SCORER),
    *_both("POST", "/v2/models/{model}/infer", infer, "Predict (Open Inference Protocol V2)", roles=SCORE,
           kind="event", body=oip.InferRequest, answer=oip.InferResponse),
    Route("POST", "/api/predict/{ensemble}", SCORE, predict, "Predict from plain records", kind="event",
          body=plain.Rows, answer=plain.PlainAnswer),
)  # fmt: skip
