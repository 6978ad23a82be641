"""``choirmaster predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from choirmaster.cli import output
from choirmaster.cli.context import DEFAULT_CONFIG, FINE, FOUND, Config, Json, services

_TOKEN = "CHOIRMASTER_TOKEN"  # noqa: S105 - the name of a variable, no secret


def predict(
    data: str, *, ensemble: str, out: Path, url: str = "", token_env: str | None = None, id: str = "",
    time: str = "", rows: int = 500, in_flight: int = 4, rejects: Path | None = None,
    resume: Annotated[bool, Parameter(negative=())] = False, config: Config = DEFAULT_CONFIG, json: Json = False,
) -> int:  # fmt: skip
    """Answer every row of a file, with a running server or with the members of the configuration.

    Rows that cannot be asked go to a file of their own, each with its reason, and the exit code is 1. Rows have the
    same ids each time, so a run that was cut off can be repeated, or gone on with by --resume.

    Example: choirmaster predict new.csv --ensemble delays --out answers.csv --url http://127.0.0.1:8080

    Parameters
    ----------
    data
        Path or glob of CSV, JSON lines or Parquet.
    ensemble
        Its name.
    out
        Where the answers go: .csv, .jsonl or .parquet.
    url
        A running server, which keeps what it answers; without one the members are loaded here and nothing is kept.
    token_env
        The environment variable that holds the server's token; CHOIRMASTER_TOKEN where it is not said.
    id
        Column of the ids; "id" where there is one, else they are made of the file and the row.
    time
        Column of the times; "time" where there is one, else it is now.
    rows
        Rows of one request.
    in_flight
        Requests at the same time.
    rejects
        Where rows go that cannot be asked; the name of the answers with .rejects.jsonl by default.
    resume
        Go on where a run that was cut off had come to; Parquet starts again.
    """
    with output.progress(quiet=json) as progress:
        counts = services().predict(
            config, ensemble=ensemble, data=data, out=out, url=url, token_env=token_env or _TOKEN, id=id, time=time,
            rows=rows, in_flight=in_flight, rejects=rejects, resume=resume, progress=progress,
        )  # fmt: skip
    output.as_json(counts) if json else output.record(counts)
    return FOUND if counts.get("rejected") or counts.get("unanswered") else FINE
