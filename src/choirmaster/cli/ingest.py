"""``choirmaster ingest``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, FINE, FOUND, Config, Json, services
from choirmaster.cli.schema_path import read_schema


def ingest(
    data: str, *, ensemble: str, kind: Literal["predictions", "labels"] = "predictions", schema: Path | None = None,
    config: Config = DEFAULT_CONFIG, json: Json = False,
) -> int:  # fmt: skip
    """Put predictions or labels of a file into the store; each row counts once, however often it is sent.

    Example: choirmaster ingest labels.csv --ensemble delays --kind labels

    Parameters
    ----------
    data
        Path or glob of CSV, JSON lines or Parquet.
    ensemble
        Its name in the configuration.
    kind
        What the rows are.
    schema
        A schema.yaml that says which column is what, where the columns are not named as inside.
    """
    declared = read_schema(schema) if schema else None
    with output.progress(quiet=json) as progress:
        counts = services().ingest(
            config, data=data, ensemble=ensemble, kind=kind, schema=declared, progress=progress
        )  # fmt: skip
    output.as_json(counts) if json else output.record(counts)
    return FOUND if counts.get("refused") or counts.get("conflicting") else FINE
