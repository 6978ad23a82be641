"""What is asked of the server, as plain data: the same for the blocking client and the asynchronous one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from choirmaster.client.rows import ARROW, check_ids, frame, identified, pieces, records, stream
from choirmaster.errors import unknown

ROWS, EVENTS = 2_000, 10_000  # rows of one request: members have a deadline, the journal has none
_VERBS = {
    "set_role": "/api/members/{ensemble}/{member}", "clear_role": "/api/members/{ensemble}/{member}/clear",
    "set_weights": "/api/weights/{ensemble}", "clear_weights": "/api/weights/{ensemble}/clear",
    **{name: f"/api/{name}/{{ensemble}}" for name in ("freeze", "unfreeze", "undo")},
}  # fmt: skip
_COUNTS = ("accepted", "duplicate", "conflicting", "refused")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request; sending it twice is the same as sending it once, unless it says ``once``."""

    method: str
    path: str
    options: Mapping[str, Any] = field(default_factory=dict)
    once: bool = False


def get(path: str, **parameters: Any) -> Ask:
    """Return a question."""
    return Ask("GET", path, {"params": {name: one for name, one in parameters.items() if one is not None}})


def part(text: str) -> str:
    """Return a name as one part of a path."""
    return quote(text, safe="")


def predictions(
    ensemble: str, rows: Any, ids: Sequence[str] | None, *, explain: bool, size: int = ROWS
) -> Iterator[Ask]:
    """Return the requests that ask for these rows, each with identities of its own."""
    path = f"/api/predict/{part(ensemble)}"
    parameters = {"explain": "true"} if explain else {}
    table = frame(rows)
    if table is not None:
        table = identified(table, ids, uuid.uuid4().hex)
        for one in pieces(table.num_rows, size):
            body = stream(table.slice(one.start, one.stop - one.start))
            yield Ask("POST", path, {"content": body, "headers": {"Content-Type": ARROW}, "params": parameters})
        return
    listed = records(rows)
    given = None if ids is None else check_ids(ids, len(listed))
    for one in pieces(len(listed), size):
        body_of: dict[str, Any] = {"rows": listed[one], "request_id": uuid.uuid4().hex}
        if given is not None:
            body_of["ids"] = [name or None for name in given[one]]
        yield Ask("POST", path, {"content": _json(body_of), "headers": {"Content-Type": "application/json"},
                                 "params": parameters})  # fmt: skip


def events(kind: str, ensemble: str, rows: Any, *, size: int = EVENTS) -> Iterator[Ask]:
    """Return the requests that hand over these predictions or labels."""
    listed = records(rows)
    for one in pieces(len(listed), size):
        yield Ask("POST", f"/api/ingest/{kind}", {
            "params": {"ensemble": ensemble}, "content": b"\n".join(_json(row) for row in listed[one]),
            "headers": {"Content-Type": "application/x-ndjson"},
        })  # fmt: skip


def decision(
    verb: str, ensemble: str, *, reason: str, member: str = "", lasting: str = "", force: bool = False, **given: Any
) -> Ask:
    """Return the request that changes how an ensemble runs; sent once, since a second might be a second change."""
    if verb not in _VERBS:
        raise unknown("verb", verb, _VERBS)
    path = _VERBS[verb].format(ensemble=part(ensemble), member=part(member))
    body = {"reason": reason, "force": force, "for": lasting, **given}
    sent = {name: value for name, value in body.items() if value not in (None, "", False)}
    return Ask("POST", path, {"content": _json(sent), "headers": {"Content-Type": "application/json"}}, once=True)


def together(answers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the counts of several batches as one, with all their receipts.

    >>> together([{"receipt": "j:1", "accepted": 2}, {"receipt": "j:2", "accepted": 3}])
    {'receipts': ['j:1', 'j:2'], 'accepted': 5, 'duplicate': 0, 'conflicting': 0, 'refused': 0}
    """
    found = list(answers)
    receipts = [one["receipt"] for one in found if one.get("receipt")]
    if len(found) == 1:
        return {**found[0], "receipts": receipts}
    return {"receipts": receipts, **{name: sum(int(one.get(name, 0)) for one in found) for name in _COUNTS}}


def _json(value: Any) -> bytes:
    return json.dumps(value, default=str).encode()
