"""Generated data: rows of three members and their fused answer, twenty features, in order of time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FEATURES = 20
MEMBERS = ("a", "b", "c")
DAYS = 30
ROW_GROUP = 131_072


def write(path: Path, rows: int, *, days: int = DAYS, seed: int = 0) -> Path:
    """Write ``rows`` rows over ``days`` days as Parquet; kept if it is there already."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    writer = None
    for at in range(0, rows, ROW_GROUP):
        table = _rows(min(ROW_GROUP, rows - at), at, rows, days, np.random.default_rng([seed, at]))
        writer = writer or pq.ParquetWriter(partial, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()
    partial.rename(path)
    return path


def _rows(n: int, at: int, total: int, days: int, rng: np.random.Generator) -> pa.Table:
    ease = rng.normal(size=n)
    label = rng.uniform(size=n) < 1.0 / (1.0 + np.exp(1.5 - ease))
    columns: dict[str, object] = {
        "time": pa.array((np.arange(at, at + n) * (days * 86_400_000_000 / total)).astype("int64")).cast(
            pa.timestamp("us", "UTC")
        ),
        "label": label.astype(np.int64),
    }
    scores = []
    for k, name in enumerate(MEMBERS):
        noise = rng.normal(scale=0.6 + 0.2 * k, size=n)
        scores.append(1.0 / (1.0 + np.exp(1.5 - ease - noise)))
        columns[name] = scores[-1]
    columns["fused"] = np.mean(scores, axis=0)
    for k in range(FEATURES):
        columns[f"f{k:02d}"] = rng.normal(loc=0.1 * ease, size=n) if k % 2 else rng.gamma(2.0, size=n)
    return pa.table(columns)
