"""``choirmaster alerts``."""

from __future__ import annotations

from typing import Literal

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, FINE, FOUND, Config, Json, services


def list_alerts(
    ensemble: str = "", *, state: Literal["firing", "resolved", "all"] = "firing", config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> int:  # fmt: skip
    """List alerts; the exit code is 1 when one is firing.

    Example: choirmaster alerts list delays --state all

    Parameters
    ----------
    ensemble
        Its name in the configuration; all when not given.
    state
        Which alerts.
    """
    found = list(services().alerts(config, ensemble=ensemble, state=state))
    if json:
        output.as_json(found)
    elif found:
        output.records(found)
    else:
        output.tell("no alerts")
    return FOUND if any(one.get("state", "firing") == "firing" for one in found) else FINE
