"""``choirmaster train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from choirmaster.cli import output
from choirmaster.cli.context import Json, services
from choirmaster.cli.schema_path import read_schema


def train(
    data: str, *, schema: Path, candidate: Annotated[list[str] | None, Parameter(negative=())] = None,
    out: Path = Path("models"), folds: int = 5, seed: int = 0, json: Json = False,
) -> int:  # fmt: skip
    """Train candidates, compare them on rows they have not seen, pick members and write them with a recipe.

    Example: choirmaster train train.csv --schema schema.yaml --candidate logit --candidate boost --out models

    Parameters
    ----------
    data
        Path or glob of CSV, JSON lines or Parquet.
    schema
        A schema.yaml with the label and, where it matters, the time; its members are not needed.
    candidate
        Such as logit, forest, boost, mlp, knn, naive_bayes; several when not given.
    out
        Folder for the files and recipe.json.
    folds
        Of the cross-validation; in order of time when there is a time.
    seed
        Of everything that is drawn.
    """
    declared = read_schema(schema)
    with output.progress(quiet=json) as progress:
        found = services().train(
            data, schema=declared, candidates=candidate or [], out=out, folds=folds, seed=seed, progress=progress
        )  # fmt: skip
    output.as_json(found) if json else output.record(found)
    return 0
