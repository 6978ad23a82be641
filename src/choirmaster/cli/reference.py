"""``choirmaster reference``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

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


def set_reference(
    ensemble: str, *, from_: Annotated[str | None, Parameter("--from")] = None, from_window: str | None = None,
    first: str | None = None, since: str | None = None, who: str = "", cause: str = "",
    config: Config = DEFAULT_CONFIG, json: Json = False,
) -> int:  # fmt: skip
    """Compare with other rows: start an epoch, and measure recent windows again.

    Without --from, --from-window or --first the rows are those the configuration names, else the first live ones. It
    takes cutoff, features and segments from the configuration as it is now. Windows before --since keep their values.

    Example: choirmaster reference set delays --from-window 2013-03-01..2013-03-15 --since 2013-03-15

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    from_
        A Parquet or CSV file: as train writes it, or rows that the members answer now.
    from_window
        Live rows of a span, as START..END in ISO 8601; a date begins in the ensemble's time zone.
    first
        The first live rows, so long as this, such as 14d.
    since
        ISO 8601: windows from here on are measured again; by default the last 30 days.
    who
        Who does this, for the audit table; by default the user's name.
    cause
        Why, for the audit table.
    """
    with output.progress(quiet=json) as progress:
        found = services().set_reference(
            config, ensemble=ensemble, file=from_, window=from_window, first=first, since=since, who=who, cause=cause,
            progress=progress,
        )  # fmt: skip
    output.as_json(found) if json else output.record(found)
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
