"""Handlers about models: what there is, whether it can be asked, what it takes and gives, what it was asked so far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from choirmaster.errors import NotFound
from choirmaster.http import oip
from choirmaster.http.bodies import decode, read_body
from choirmaster.http.problems import Refused
from choirmaster.http.replies import as_json
from choirmaster.http.table import ANY_ROLE, EVERYBODY, OPERATE, READ, SCORE, Call, Route
from choirmaster.layout import Layout
from choirmaster.serve.runner import EnsembleRunner

ANY_SCORER = SCORE | READ


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

    def metadata(self) -> oip.ModelMetadata:
        """Return what it takes and gives."""
        members = () if self.member else tuple(self.runner.members)
        return oip.metadata(self.name, self.version, self.layout, members)


def find_model(call: Call) -> Model:
    """Return the model named in the path, or raise NotFound."""
    name, version = call.path("model"), call.path("version")
    ensemble, _, member = name.partition(".")
    runner = call.services.runners.get(ensemble)
    if runner is None or (member and member not in runner.members) or name.endswith("."):
        raise NotFound("unknown model", got=f'"{name[:100]}"', allowed=[one.name for one in every_model(call)])
    model = Model(name, runner, member)
    if version and version != model.version:
        raise NotFound("unknown version", where=name, got=f'"{version[:100]}"', allowed=(model.version,))
    return model


def every_model(call: Call) -> list[Model]:
    """Return every ensemble, each followed by its members."""
    return [Model(f"{ensemble}.{one}" if one else ensemble, runner, one)
            for ensemble, runner in list(call.services.runners.items()) for one in ("", *runner.members)]  # fmt: skip


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
    return as_json({"name": "choirmaster", "version": call.services.version, "extensions": list(oip.EXTENSIONS)})


async def models(call: Call) -> Response:
    """Answer all model names."""
    return as_json({"models": [one.name for one in every_model(call)]})


async def model(call: Call) -> Response:
    """Answer one model's metadata."""
    return as_json(find_model(call).metadata())


async def configuration(call: Call) -> Response:
    """Answer one model's metadata in the form of Triton's model configuration."""
    return as_json(oip.configuration(find_model(call).metadata()))


async def model_ready(call: Call) -> Response:
    """Answer whether one model can be asked."""
    found = find_model(call)
    if found.ready and not call.services.draining:
        return as_json({"name": found.name, "ready": True})
    return as_json({"name": found.name, "ready": False, "error": "not ready"}, 503)


async def index(call: Call) -> Response:
    """Answer the models of the repository, with ``{"ready": true}`` only those that can be asked."""
    body = await read_body(call.request, call.settings.limits)
    only = bool(body.strip()) and decode(body, oip.INDEX_DECODER).ready
    found = [(one, one.ready and not call.services.draining) for one in every_model(call)]
    return as_json([
        oip.IndexEntry(one.name, one.version, "READY" if up else "UNAVAILABLE", "" if up else "not ready")
        for one, up in found if up or not only
    ])  # fmt: skip


async def load(call: Call) -> Response:
    """Refuse to load or unload: what is served is what the configuration names."""
    raise Refused(
        501, f'"{find_model(call).name}" cannot be loaded or unloaded here: models come from the configuration'
    )


async def statistics(call: Call) -> Response:
    """Answer what one model was asked so far."""
    return _statistics(call, [find_model(call)])


async def all_statistics(call: Call) -> Response:
    """Answer what all models were asked so far."""
    return _statistics(call, every_model(call))


def _statistics(call: Call, found: Iterable[Model]) -> Response:
    return as_json({"model_stats": [call.services.statistics.of(one.name, one.version) for one in found]})


def both(method: str, path: str, handler: Any, summary: str, **more: Any) -> list[Route]:
    """Declare a model route without and with a version in its path."""
    versioned = path.replace("{model}", "{model}/versions/{version}")
    return [Route(method, one, handler=handler, summary=summary, **more) for one in (path, versioned)]


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v2/health/live", EVERYBODY, live, "Whether the process runs"),
    Route("GET", "/v2/health/ready", EVERYBODY, ready, "Whether every ensemble can answer"),
    Route("GET", "/v2", ANY_ROLE, server, "Server metadata"),
    Route("GET", "/v2/", ANY_ROLE, server, "Server metadata"),
    Route("GET", "/v2/models", ANY_SCORER, models, "Every ensemble and member"),
    Route("GET", "/v2/models/stats", ANY_SCORER, all_statistics, "What every model was asked so far"),
    *both("GET", "/v2/models/{model}", model, "What a model takes and gives", roles=ANY_SCORER,
          answer=oip.ModelMetadata),
    *both("GET", "/v2/models/{model}/ready", model_ready, "Whether a model can be asked", roles=ANY_SCORER),
    *both("GET", "/v2/models/{model}/config", configuration, "The same as Triton's model configuration",
          roles=ANY_SCORER),
    *both("GET", "/v2/models/{model}/stats", statistics, "What a model was asked so far", roles=ANY_SCORER),
    Route("POST", "/v2/repository/index", ANY_SCORER, index, "Every model and its state", kind="event",
          body=oip.IndexRequest, answer=list[oip.IndexEntry]),
    Route("POST", "/v2/repository/models/{model}/load", OPERATE, load, "Refused: the configuration names the models",
          kind="event"),
    Route("POST", "/v2/repository/models/{model}/unload", OPERATE, load, "Refused: the configuration names the models",
          kind="event"),
)  # fmt: skip
