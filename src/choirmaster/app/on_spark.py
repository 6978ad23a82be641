"""Measuring on Spark: what it can be asked, its rows, and its scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from choirmaster.app.reading import Reader
from choirmaster.app.rows import Rows, open_rows
from choirmaster.app.sharding import Work, count_rows, merge_rows
from choirmaster.engines import spark
from choirmaster.engines.local import Scan
from choirmaster.engines.shards import KEYS, PARTIAL, gathered
from choirmaster.errors import DataError, SchemaError, unknown
from choirmaster.plan import Plan
from choirmaster.states.reference import Reference
from choirmaster.times import Grain

ENGINES = ("local", "spark")
_SUFFIXES = (".parquet", ".pq")


@dataclass(frozen=True)
class SparkRows(Rows):
    """Rows that Spark reads: those of a Spark frame, or of Parquet at an address that only Spark knows."""

    frame: Any = None

    def head(self, rows: int) -> pa.Table:
        """Return at most so many rows; which ones is Spark's choice."""
        return spark.head(self.frame, rows)

    def sample(self, rows: int = 10_000) -> pa.Table:
        """Return some rows."""
        return self.head(rows)


class SparkRun:
    """One measuring on one Spark session."""

    def __init__(self, engine: Any) -> None:
        self.session = spark.open_session(engine)

    def open(self, data: Any) -> Rows:
        """Take a Spark frame, or a path, glob, folder or address of Parquet."""
        if spark.is_frame(data):
            return _rows(data, "a Spark frame")
        if not isinstance(data, str | Path):
            raise DataError("Spark measures Parquet and Spark frames", where="engine", got=type(data).__name__,
                            fix="leave engine out: rows in memory are measured where they are")  # fmt: skip
        text = str(data)
        if "://" in text:
            return _rows(spark.read_parquet(self.session, [text]), text)
        rows = open_rows(data)
        other = [str(one) for one in rows.files.paths if one.suffix.lower() not in _SUFFIXES]
        if other:
            raise DataError("Spark measures Parquet", where=other[0], got=f'"{Path(other[0]).suffix}"',
                            allowed=_SUFFIXES, fix="leave engine out, or write the rows as Parquet")  # fmt: skip
        return rows

    def scan(
        self, rows: Rows, reader: Reader, reference: Reference, grain: Grain | int | None, now: int | None
    ) -> tuple[Scan, Plan]:
        """Return the scan of all rows, and its plan; what was wrong in them is counted in the reader's faults.

        With a clock ``now`` also what each row says of how it arrived.
        """
        assert not isinstance(grain, int), "windows by row number are refused before"
        frame = getattr(rows, "frame", None)
        if frame is None:
            frame = spark.read_parquet(self.session, [one.resolve().as_uri() for one in rows.files.paths])
        work = Work(reader.schema, reader.arrow, reader.form, reference, grain, now)
        columns = reader.canonical.columns
        table = spark.map_reduce(frame, columns, work.to_bytes(), count=count_rows, merge=merge_rows, form=PARTIAL,
                                 keys=KEYS)  # fmt: skip
        found, tally = gathered(table.to_batches(), work.plan)
        for column, reason, count, examples in tally.faults:
            reader.faults.add(column, reason, count, *examples)
        return found, work.plan


def chosen(engine: Any, current: Any) -> SparkRun | None:
    """Return the Spark run to measure with, or None for the local engine."""
    if spark.is_frame(current) and engine == "local":
        return SparkRun(current.sparkSession)
    if spark.is_session(engine):
        return SparkRun(engine)
    if engine not in ENGINES:
        raise unknown("engine", str(engine), ENGINES, where="engine")
    return SparkRun(engine) if engine == "spark" else None


def open_reference(data: Any, run: SparkRun | None) -> Rows:
    """Take the rows to compare with: what only Spark can read through Spark, all else here."""
    far = spark.is_frame(data) or (isinstance(data, str | Path) and "://" in str(data))
    return run.open(data) if run is not None and far else open_rows(data)


def refuse_ordered(window: str | int | None, reference: Any) -> None:
    """Refuse what needs all rows in one order, or in one place."""
    here = "measure it without engine, or "
    if isinstance(window, int):
        raise SchemaError("windows by row number need all rows in one order, which Spark does not keep", where="window",
                          got=str(window), fix=here + 'say a window of time such as "1d"')  # fmt: skip
    if isinstance(reference, str) and reference.strip().startswith("first "):
        raise DataError("the first rows are a reference only where rows are in order", where="reference",
                        got=f'"{reference}"', fix=here + "name a file or frame of reference rows")  # fmt: skip


def _rows(frame: Any, name: str) -> Rows:
    arrow = spark.head(frame, 0).schema
    return SparkRows(arrow, "files", name, None, None, frame)
