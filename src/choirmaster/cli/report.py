"""``choirmaster report``."""

from __future__ import annotations

from pathlib import Path

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, Config, Json, services


def report(
    ensemble: str, *, out: Path = Path("report.pdf"), start: str | None = None, end: str | None = None,
    config: Config = DEFAULT_CONFIG, json: Json = False,
) -> int:  # fmt: skip
    """Write a report of one ensemble and the values behind it.

    Example: choirmaster report delays --out july.pdf --start 2013-07-01 --end 2013-08-01

    Parameters
    ----------
    ensemble
        Its name in the configuration.
    out
        .pdf, .html or .csv; a CSV of the values is written beside it.
    start
        First window, ISO 8601.
    end
        Windows before this.
    """
    with output.progress(quiet=json) as progress:
        files = services().report(config, ensemble=ensemble, out=out, start=start, end=end, progress=progress)
    if json:
        output.as_json({"files": list(files)})
    else:
        for file in files:
            output.tell(f"written: {file}")
    return 0
