"""``choirmaster token``."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated, Literal

from cyclopts import Parameter

from choirmaster.cli import output
from choirmaster.cli.context import Json
from choirmaster.ids import check_name

_Role = Literal["score", "ingest", "read", "operate", "admin"]


def new(name: str, *, role: Annotated[list[_Role] | None, Parameter(negative=())] = None, json: Json = False) -> int:
    """Make a token of 256 random bits; it is shown once, and only its hash goes into the configuration.

    Example: choirmaster token new scorer --role score --role ingest

    Parameters
    ----------
    name
        Who it is for.
    role
        What it may do; read when not given.
    """
    check_name("token", name)
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    roles = list(dict.fromkeys(role or ["read"]))
    if json:
        output.as_json({"name": name, "token": token, "sha256": digest, "roles": roles})
        return 0
    output.tell(f"token: {token}")
    output.tell("below access.tokens of choirmaster.yaml:")
    output.tell(f"  - {{name: {name}, sha256: {digest}, roles: [{', '.join(roles)}]}}")
    output.hint("the token is not stored anywhere; keep it now")
    return 0
