"""``choirmaster show``."""

from __future__ import annotations

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, Config, Json, services


def show(ensemble: str, id: str, *, config: Config = DEFAULT_CONFIG, json: Json = False) -> int:
    """Show one prediction: what went in, what each member and the ensemble said, and its labels.

    Example: choirmaster show delays 2013-07-01/UA/1545

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    id
        Of the prediction.
    """
    found = services().show(config, ensemble=ensemble, identity=id)
    output.as_json(found) if json else output.record(found)
    return 0
