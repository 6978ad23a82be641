"""``choirmaster show``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, Config, Json, services

_FIRST = ("ensemble", "id", "state", "time", "answer", "present", "missing", "weight_version", "weights", "label")


def show(ensemble: str, id: str, *, config: Config = DEFAULT_CONFIG, json: Json = False) -> int:
    """Show one prediction: what went in, what each member and the ensemble said, who was missing, and its labels.

    Example: choirmaster show delays 2013-07-01/UA/1545

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    id
        Of the prediction.
    """
    found = services().show(config, ensemble=ensemble, identity=id)
    output.as_json(found) if json else output.record(_ordered(found))
    return 0


def _ordered(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same with what is asked for most in front, and without what is empty."""
    first = {name: found[name] for name in _FIRST if name in found}
    rest = {name: one for name, one in found.items() if name not in first and one not in (None, {}, [], False)}
    return first | rest
