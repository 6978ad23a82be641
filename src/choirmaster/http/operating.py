"""Handlers of the operator's verbs; each answers when the decision is stored and holds in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct, field
from msgspec.json import Decoder
from starlette.responses import Response

from choirmaster.errors import Unavailable
from choirmaster.http.bodies import decode, read_body
from choirmaster.http.replies import as_json
from choirmaster.http.table import OPERATE, READ, Call, Handler, Route
from choirmaster.operate.operator import Ask, Operator


class Reason(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why something is changed."""

    reason: str = ""  # for the audit table; needed
    force: bool = False  # accept fewer voters than the quorum, or no fallback


class Timed(Reason, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why something is changed, and for how long."""

    lasting: str = field(name="for", default="")  # such as 2h; '' for good


class SetRole(Timed, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Another role of a member."""

    role: str  # voter, shadow, canary or off
    share: float | None = None  # of the ids, for a canary


class SetWeights(Timed, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Other fusion weights."""

    weights: dict[str, float]  # a member that is not named keeps the weight it has


class Decided(Struct, frozen=True, kw_only=True):
    """A decision as it was written down."""

    ensemble: str
    number: int
    action: str
    before: str
    after: str
    until: str | None
    who: str
    reason: str


Work = Callable[[Operator, Call, Any, Ask], dict[str, Any]]


def _verb(kind: type[Any], work: Work) -> Handler:
    decoder: Decoder[Any] = Decoder(kind)

    async def handler(call: Call) -> Response:
        operator = call.services.operator
        if operator is None:
            raise Unavailable("this server takes no decisions")
        body = decode(await read_body(call.request, call.settings.limits), decoder)
        ask = Ask(call.who, body.reason, getattr(body, "lasting", ""), body.force)
        call.audited = True  # by the operator, in one transaction with the decision
        return as_json(await call.off_loop(lambda: work(operator, call, body, ask)))

    return handler


def _set_role(operator: Operator, call: Call, body: SetRole, ask: Ask) -> dict[str, Any]:
    return operator.set_role(call.path("ensemble"), call.path("member"), body.role, ask, share=body.share)


def _clear_role(operator: Operator, call: Call, _: Reason, ask: Ask) -> dict[str, Any]:
    return operator.clear_role(call.path("ensemble"), call.path("member"), ask)


def _set_weights(operator: Operator, call: Call, body: SetWeights, ask: Ask) -> dict[str, Any]:
    return operator.set_weights(call.path("ensemble"), body.weights, ask)


def _plain(verb: Callable[[Operator, str, Ask], dict[str, Any]]) -> Work:
    """Return the work of a verb that takes the ensemble and why, and nothing else."""
    return lambda operator, call, _, ask: verb(operator, call.path("ensemble"), ask)


async def overrides(call: Call) -> Response:
    """Answer how each ensemble stands: roles, weights, freeze, who set them, and what the file says."""
    operator = call.services.operator
    if operator is None:
        raise Unavailable("this server takes no decisions")
    name = call.query("ensemble")
    return as_json(await call.off_loop(lambda: operator.stands(name)))


def _post(path: str, action: str, summary: str, body: Any, work: Work) -> Route:
    return Route("POST", path, OPERATE, _verb(body, work), summary, kind="write", action=action, body=body,
                 answer=Decided)  # fmt: skip


ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/overrides", READ, overrides, "Roles and weights as they hold now, and who set them",
          parameters=("ensemble",)),
    _post("/api/members/{ensemble}/{member}", "member.set", "Give a member another role", SetRole, _set_role),
    _post("/api/members/{ensemble}/{member}/clear", "member.clear", "Let a member do what the file says", Reason,
          _clear_role),
    _post("/api/weights/{ensemble}", "weights.set", "Set fusion weights", SetWeights, _set_weights),
    _post("/api/weights/{ensemble}/clear", "weights.clear", "Let the weights be what the file says", Reason,
          _plain(Operator.clear_weights)),
    _post("/api/freeze/{ensemble}", "freeze", "Let nothing automatic move weights or roles", Timed,
          _plain(Operator.freeze)),
    _post("/api/unfreeze/{ensemble}", "unfreeze", "Let automatic changes go on", Reason, _plain(Operator.unfreeze)),
    _post("/api/undo/{ensemble}", "undo", "Take the last decision back", Reason, _plain(Operator.undo)),
)  # fmt: skip
