"""``choirmaster predict``."""

from __future__ import annotations

from pathlib import Path

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, Config, Json, services


def predict(data: str, *, ensemble: str, out: Path, config: Config = DEFAULT_CONFIG, json: Json = False) -> int:
    """Answer every row of a file with an ensemble of the configuration, without a server.

    Example: choirmaster predict new.csv --ensemble delays --out answers.csv

    Parameters
    ----------
    data
        Path or glob of CSV, JSON lines or Parquet.
    ensemble
        Its name in the configuration.
    out
        Where the answers go: .csv, .jsonl or .parquet.
    """
    with output.progress(quiet=json) as progress:
        counts = services().predict(config, ensemble=ensemble, data=data, out=out, progress=progress)
    output.as_json(counts) if json else output.record(counts)
    return 0
