"""``choirmaster reference``."""

from __future__ import annotations

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, Config, Json, services


def list_references(ensemble: str, *, config: Config = DEFAULT_CONFIG, json: Json = False) -> int:
    """List the references of an ensemble, newest first.

    Example: choirmaster reference list delays

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    """
    found = list(services().references(config, ensemble=ensemble))
    output.as_json(found) if json else output.records(found)
    return 0


def show_reference(ensemble: str, reference: str = "", *, config: Config = DEFAULT_CONFIG, json: Json = False) -> int:
    """Show what a reference holds: rows, features, bins, series.

    Example: choirmaster reference show delays

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    reference
        Its id; the current one when not given.
    """
    found = services().reference(config, ensemble=ensemble, reference=reference)
    output.as_json(found) if json else output.record(found)
    return 0
