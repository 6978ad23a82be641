"""Where the answers to a file go: a file that is there only when it is whole, and a note of how far it has come."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from choirmaster.app.answering_rows import Reject, Taken
from choirmaster.errors import ConfigError

KINDS = (".csv", ".jsonl", ".ndjson", ".parquet")


def answer_schema(taken: Taken) -> pa.Schema:
    """Return the columns of the answers."""
    prediction = pa.string() if taken.classes else pa.float64()
    return pa.schema([
        ("id", pa.string()), ("prediction", prediction), *((f"p_{one}", pa.float64()) for one in taken.classes),
        ("degraded", pa.bool_()), ("missing", pa.string()),
    ])  # fmt: skip


def answer_batch(schema: pa.Schema, taken: Taken, answers: Iterable[Mapping[str, Any]]) -> pa.RecordBatch:
    """Return rows' answers as one batch; ``missing`` is ``member:why`` for each that had no part."""
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    for one in answers:
        probability = one["probability"] or {}
        columns["id"].append(one["id"])
        columns["prediction"].append(one["prediction"])
        for name in taken.classes:
            columns[f"p_{name}"].append(probability.get(name))
        columns["degraded"].append(one["degraded"])
        columns["missing"].append(",".join(f"{name}:{why}" for name, why in one["missing"].items()))
    return pa.RecordBatch.from_arrays([pa.array(columns[one.name], one.type) for one in schema], schema=schema)


@dataclass
class Progress:
    """How far a run has come: what a later one needs to go on."""

    key: str
    piece: int = -1
    rows: int = 0
    out_bytes: int = 0
    rejects_bytes: int = 0
    counts: Counter[str] = field(default_factory=Counter)


class Writing:
    """The answers' file, the rejects' file and the note beside them.

    Parameters
    ----------
    out, rejects : Path
    schema : pyarrow.Schema
    key : str
        Names the question; a note of another one is not gone on from.
    resume : bool
        Whether to go on where a run that was cut off had come to. Parquet cannot be gone on with and starts again.
    """

    def __init__(self, out: Path, rejects: Path, schema: pa.Schema, key: str, *, resume: bool) -> None:
        if out.suffix not in KINDS:
            raise ConfigError("cannot write this kind of file", where=str(out), got=f'"{out.suffix}"', allowed=KINDS)
        self.out, self.rejects, self.schema = out, rejects, schema
        self._partial, self._note = Path(f"{out}.partial"), Path(f"{out}.progress.json")
        self._parquet = out.suffix == ".parquet"
        self.progress = self._found(key) if resume and not self._parquet else Progress(key)
        self.resumed = self.progress.piece >= 0
        self._file = _cut(self._partial, self.progress.out_bytes)
        self._told = _cut(self.rejects, self.progress.rejects_bytes)
        self._known = {line["line"] for line in _lines(self.rejects) if "line" in line}
        self._writer: Any = None

    def _found(self, key: str) -> Progress:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            progress = Progress(**(note | {"counts": Counter(note["counts"])}))
        except (OSError, ValueError, TypeError, KeyError):
            return Progress(key)
        there = self._partial.exists() and self._partial.stat().st_size >= progress.out_bytes
        return progress if progress.key == key and there else Progress(key)

    def write(self, batch: pa.RecordBatch, rejects: Iterable[Reject], *, piece: int, rows: int) -> None:
        """Write the answers to one piece, and what of it was put aside."""
        self._answers(batch)
        self._put_aside(rejects)
        now = self.progress
        now.piece, now.rows = piece, now.rows + rows
        now.counts["rows"] += rows

    def _answers(self, batch: pa.RecordBatch) -> None:
        if self._parquet:
            import pyarrow.parquet as pq

            self._writer = self._writer or pq.ParquetWriter(self._file, self.schema)
            self._writer.write_batch(batch)
        elif self.out.suffix == ".csv":
            import pyarrow.csv

            headed = pyarrow.csv.WriteOptions(include_header=not self._file.tell())
            sink = pa.BufferOutputStream()
            pyarrow.csv.write_csv(batch, sink, headed)
            self._file.write(sink.getvalue())
        else:
            self._file.write("".join(json.dumps(row) + "\n" for row in batch.to_pylist()).encode())

    def _put_aside(self, rejects: Iterable[Reject]) -> None:
        for one in rejects:
            if one.line and one.line in self._known:
                continue
            self.progress.counts["rejected"] += 1
            words = {name: value for name, value in asdict(one).items() if value not in (None, "")}
            self._told.write((json.dumps(words, ensure_ascii=False) + "\n").encode())

    def note(self) -> None:
        """Make durable how far this has come."""
        for file in (self._file, self._told):
            file.flush()
            os.fsync(file.fileno())
        now = self.progress
        now.out_bytes, now.rejects_bytes = self._file.tell(), self._told.tell()
        fresh = Path(f"{self._note}.new")
        fresh.write_text(json.dumps(vars(now)), encoding="utf-8")
        fresh.replace(self._note)

    def finish(self) -> None:
        """Put the whole file in its place."""
        if self._writer is None and not self._file.tell():
            self._answers(
                pa.RecordBatch.from_arrays([pa.array([], one.type) for one in self.schema], schema=self.schema)
            )
        self.close()
        self._partial.replace(self.out)
        self._note.unlink(missing_ok=True)
        if not self.progress.counts["rejected"]:
            self.rejects.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files as they are."""
        if self._writer is not None:
            self._writer.close()
        for file in (self._file, self._told):
            if not file.closed:
                file.close()


def _cut(path: Path, size: int) -> Any:
    """Open a file for writing behind its first bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("r+b" if path.exists() else "w+b")
    file.truncate(size)
    file.seek(size)
    return file


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
