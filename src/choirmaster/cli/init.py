"""``choirmaster init``: a schema guessed from a file with each guess explained, or a commented configuration."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from choirmaster.cli import output
from choirmaster.cli.context import Json, services
from choirmaster.errors import ConfigError

if TYPE_CHECKING:
    from choirmaster.schema import Schema

TEMPLATE = """\
# choirmaster.yaml; "choirmaster check" lists every problem and each effective value.

store: ./data                        # a folder

ensembles:
  mine:
    task: binary                     # binary, multiclass or regression
    classes: ["0", "1"]
    positive: "1"
    members:                         # file: ONNX or skops; url: a V2 model; callable: package.module:name
      first: {file: models/first.onnx}
      second: {file: models/second.onnx, timeout: 200ms}
    features: {numeric: [amount], categorical: [country]}
    fusion: {rule: mean}             # choirmaster describe lists the rules
    answer: {deadline: 1s, quorum: 1, fallback: error, record: async}
    labels: {expected: 1d}           # when labels should have arrived
    monitor: {window: 1d, timezone: UTC, every: 5m, grace: 1h, segments: [country]}
    # reference for drift:           monitor: {reference: {file: train.parquet}}
    # window: auto                   an hour to a month, by the traffic; precision: 0.02 is what it aims at
    alerts: {rules: [default]}

sinks:
  log: {kind: log}
  # oncall: {url: "${PAGER_URL}"}    # from the environment

access: {listen: "127.0.0.1:8080"}   # beyond loopback: tokens, and TLS or behind_proxy: true
"""


def init(
    *,
    source: Annotated[str | None, Parameter("--from", help="A file to guess a schema from.")] = None,
    out: Path | None = None,
    force: Annotated[bool, Parameter(negative=())] = False,
    task: Literal["binary", "multiclass", "regression"] | None = None,
    label: str | None = None,
    time: str | None = None,
    id: str | None = None,
    positive: str | None = None,
    member: Annotated[list[str] | None, Parameter(negative=())] = None,
    json: Json = False,
) -> int:
    """Write schema.yaml, guessed from a file with each guess explained; without a file, a commented choirmaster.yaml.

    Example: choirmaster init --from data.csv

    Parameters
    ----------
    out
        Where to write; schema.yaml or choirmaster.yaml when not given.
    force
        Overwrite what is there.
    task
        What is predicted, in place of the guess.
    label
        Column of labels, in place of the guess.
    time
        Column of times, in place of the guess.
    id
        Column of ids, in place of the guess.
    positive
        Positive class, in place of the guess.
    member
        Column of a model's answers, or name=column; may be given several times.
    """
    if source is None:
        path = out or Path("choirmaster.yaml")
        _write(path, TEMPLATE, force)
        output.as_json({"file": str(path)}) if json else output.tell(f"written: {path}\nnext: choirmaster check {path}")
        return 0
    path = out or Path("schema.yaml")
    _writable(path, force)
    text, schema = _guess(source, task=task, label=label, time=time, id=id, positive=positive, members=_named(member))
    _write(path, text, force)
    if json:
        output.as_json({"file": str(path), "schema": schema.as_dict(), "notes": list(schema.notes)})
        return 0
    for note in schema.notes:
        output.tell(note)
    output.tell(f"written: {path}")
    compared = ' --reference "first 30%"' if schema.time else ""
    command = f"choirmaster monitor {shlex.quote(source)} --schema {shlex.quote(str(path))}"
    output.tell(f"next: {command}{compared} --report out.html")
    return 0


def _guess(source: str, **given: Any) -> tuple[str, Schema]:
    from choirmaster.config.schema_file import dump_schema
    from choirmaster.guess import ROWS, guess_schema

    schema = guess_schema(services().sample(source, ROWS), **given)
    return dump_schema(schema, source=source), schema


def _named(members: list[str] | None) -> dict[str, str] | None:
    """Return ``{name: column}`` of ``name=column`` or plain columns; the guess is used when none is given."""
    if not members:
        return None
    pairs = [one.partition("=") for one in members]
    return {(name if mark else _name(name)): (column if mark else name) for name, mark, column in pairs}


def _name(column: str) -> str:
    name = "".join(ch if ch.isascii() and (ch.isalnum() or ch == "_") else "_" for ch in column)
    return name if name and not name[0].isdigit() else f"m{name}"


def _writable(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise ConfigError(
            "the file is there already", where=str(path), fix="say --force to overwrite it, or --out another"
        )


def _write(path: Path, text: str, force: bool) -> None:
    _writable(path, force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError("cannot write a file", where=str(path), got=type(error).__name__) from None
