"""Score the rows of a file with an ensemble's members, without a server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from choirmaster.app.rows import open_rows
from choirmaster.errors import ConfigError, DataError
from choirmaster.layout import Layout, SeriesSpec, Task
from choirmaster.ports import Member
from choirmaster.schema import Schema
from choirmaster.serve.outputs import alignment
from choirmaster.sources.canonical import Canonical

if TYPE_CHECKING:
    from choirmaster.app.installation import Installation

ROWS_AT_ONCE = 10_000


def score_rows(path: Path, layout: Layout, members: Mapping[str, Member]) -> pa.Table:
    """Return canonical rows of a raw file, scored by the members now.

    It holds features, and ``label`` and ``value`` where it has them.
    """
    rows = open_rows(str(path))
    names = rows.arrow.names
    absent = [name for name in layout.features if name not in names]
    if absent:
        raise DataError("a reference file lacks features", where=str(path), got=", ".join(absent), allowed=names)
    schema = Schema(
        str(layout.task), label="label" if "label" in names else None, classes=layout.classes or None,
        value="value" if layout.value and "value" in names else None,
        positive=layout.positive or None, numeric=layout.numeric, categorical=layout.categorical,
        features=layout.features, segments=[one for one in layout.sliced if one in names],
    )  # fmt: skip
    table = Canonical(schema, layout, rows.arrow).table(rows.whole())
    features = features_of(table, layout)
    for one in layout.members:
        for name, column in _outputs(members[one.name], features, layout, one).items():
            table = table.append_column(name, pa.array(column, pa.float64(), from_pandas=True))
    return table


def features_of(table: pa.Table, layout: Layout) -> pa.Table:
    """Return the features of canonical rows under their own names."""
    from choirmaster.layout import feature_column

    return pa.table({name: table[feature_column(name)] for name in layout.features})


def _outputs(member: Member, features: pa.Table, layout: Layout, one: SeriesSpec) -> dict[str, Any]:
    pieces = [member.predict(features.slice(at, ROWS_AT_ONCE)) for at in range(0, features.num_rows, ROWS_AT_ONCE)]
    output = np.concatenate(pieces)
    names = layout.output_columns(one)
    if not layout.task.classifies:
        return {names[0]: output.reshape(-1)}
    order = alignment(one.name, member.classes, layout.classes)
    aligned = output if order is None else output[:, order]
    if layout.task is Task.BINARY:
        return {names[0]: aligned[:, layout.classes.index(layout.positive)]}
    return {name: aligned[:, k] for k, name in enumerate(names)}


def predict_file(
    site: Installation, ensemble: str, data: str, out: Path, progress: Callable[..., None]
) -> dict[str, Any]:
    """Answer every row of a file; writes JSON lines, CSV or Parquet by the suffix of ``out``; memory is bounded."""
    name = ensemble or (next(iter(site.layouts)) if len(site.layouts) == 1 else "")
    if name not in site.layouts:
        raise ConfigError("unknown ensemble", got=f'"{ensemble}"', allowed=site.layouts)
    layout = site.layouts[name]
    rows = open_rows(data)
    schema = Schema(str(layout.task), classes=layout.classes or None, positive=layout.positive or None,
                    numeric=layout.numeric, categorical=layout.categorical, features=layout.features)  # fmt: skip
    canonical = Canonical(schema, layout, rows.arrow)
    if canonical.missing:
        raise DataError(
            "the file lacks features", where=data, got=", ".join(canonical.missing), allowed=rows.arrow.names
        )
    site.start_runner(name)
    runner, counts = site.runners[name], Counter[str]()

    def answers() -> Iterator[pa.RecordBatch]:
        done = 0
        for split in rows.splits(canonical.columns):
            for batch in split():
                fused = runner.predict(features_of(pa.Table.from_batches([canonical(batch)]), layout))
                done += batch.num_rows
                progress("predict", done, 0, "rows")
                counts["answered"] += int(np.isfinite(fused.reshape(len(fused), -1)).all(axis=1).sum())
                counts["rows"] += batch.num_rows
                yield _answer(fused, layout)

    _write(answers(), out)
    return {"file": str(out), **counts}


def _answer(fused: Any, layout: Layout) -> pa.RecordBatch:
    if not layout.task.classifies:
        return pa.record_batch({"prediction": pa.array(fused, from_pandas=True)})
    columns = {f"p_{name}": pa.array(fused[:, k], from_pandas=True) for k, name in enumerate(layout.classes)}
    return pa.record_batch(columns)


def _write(batches: Iterator[pa.RecordBatch], out: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    first = next(batches, None)
    if first is None:
        raise DataError("there is no row to answer", where=str(out))
    if out.suffix in (".jsonl", ".ndjson"):
        with out.open("w", encoding="utf-8") as file:
            for batch in _chain(first, batches):
                file.writelines(json.dumps(row) + "\n" for row in batch.to_pylist())
        return
    writers: dict[str, Any] = {".parquet": pyarrow.parquet.ParquetWriter, ".csv": pyarrow.csv.CSVWriter}
    if out.suffix not in writers:
        raise ConfigError("cannot write this kind of file", where=str(out), got=f'"{out.suffix}"',
                          allowed=(*writers, ".jsonl"))  # fmt: skip
    with writers[out.suffix](str(out), first.schema) as writer:
        for batch in _chain(first, batches):
            writer.write_batch(batch)


def _chain(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest
