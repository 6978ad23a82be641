"""What all verbs about a running ensemble share: their options, how they are sent and how they answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from choirmaster.cli import output
from choirmaster.cli.context import FINE, services

Why = Annotated[str, Parameter("--reason", help="Why, for the audit table; needed.")]
For = Annotated[str, Parameter("--for", help="How long it holds, such as 2h; for good when not given.")]
Force = Annotated[bool, Parameter("--force", negative=(), help="Accept fewer voters than the quorum, or no fallback.")]
Who = Annotated[str, Parameter("--who", help="Who does this; by default the user's name. A server takes its token's.")]
Url = Annotated[str, Parameter("--url", env_var="CHOIRMASTER_URL", help=(
    "A server to ask, such as http://127.0.0.1:8080, with the token in CHOIRMASTER_TOKEN; by default the decision is "
    "written into the store of the configuration, which every server on it follows."))]  # fmt: skip


def decide(config: Path, verb: str, ensemble: str, *, url: str, json: bool, **given: Any) -> int:
    """Send one decision and show it."""
    found = services().decide(config, verb, ensemble=ensemble, url=url, **given)
    if json:
        output.as_json(found)
        return FINE
    output.tell(f"{found['ensemble']}: {found['before']} -> {found['after']}")
    return FINE
