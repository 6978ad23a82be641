"""Rows as they come: three tasks, segments, missing and odd cells, rows without a label or a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa

from choirmaster.app.arrival import marked
from choirmaster.app.reading import Reader
from choirmaster.app.sharding import Work, count_rows, merge_rows
from choirmaster.engines.local import Scan, scan
from choirmaster.engines.reference import build_reference
from choirmaster.engines.shards import KEYS, PARTIAL, digest, gathered
from choirmaster.schema import Schema
from choirmaster.sources.faults import Faults
from choirmaster.sources.resolve import resolve
from choirmaster.times import Grain

START = 1_358_640_000_000_000  # 2013-01-20, in microseconds
DAY = 86_400_000_000
COMMON = {"label": "y", "time": "at", "segments": ("carrier",), "numeric": ("x", "z"), "categorical": ("carrier",)}
CLASSES = ("a", "b", "c")
SCHEMAS = {
    "binary": Schema("binary", members={"one": {"output": "probability", "columns": "p1",
                     "version": "v"}, "two": "p2"}, fusion="soft_vote", positive="1",
                     cutoff={"one": 0.4, "*": 0.5}, timezone="America/New_York", **COMMON),
    "multiclass": Schema("multiclass", members={one: {k: f"{one}.{k}" for k in CLASSES} for one in ("one", "two")},
                         fusion="soft_vote", **COMMON),
    "regression": Schema("regression", members={"one": "v1", "two": "v2"}, fusion="mean",
                         **COMMON | {"segments": ("carrier", ("carrier", "v"))}),
}  # fmt: skip
TASKS = tuple(SCHEMAS)


def rows_of(task: str, n: int, seed: int = 0) -> pa.Table:
    """Return n rows of two months: 3 % of cells missing or odd, 10 % of labels late, some rows untimed."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(n) < 0.02, rng.choice([np.nan, np.inf, -np.inf, 1e300, -7.0], n), rng.normal(size=n))
    times = pa.array(START + rng.integers(0, 30 * DAY, n), pa.timestamp("us"), mask=rng.random(n) < 0.01)
    columns = {
        "at": times,
        "x": pa.array(x, mask=rng.random(n) < 0.03),
        "z": pa.array(rng.integers(0, 40, n), pa.int32()),
        "carrier": pa.array(rng.choice(["AA", "&=% Ö", *(["new"] if seed < 99 else [])], n), mask=rng.random(n) < 0.03),
    }
    columns["v"] = pa.array(rng.choice([f"v{k}" for k in range(3)], n))
    columns |= _answers(task, rng, n, x)
    return pa.table(columns)


def _answers(task: str, rng: np.random.Generator, n: int, x: np.ndarray) -> dict[str, pa.Array]:
    def late(values: np.ndarray, share: float = 0.04) -> pa.Array:
        return pa.array(values, mask=rng.random(n) < share)

    hint = np.where(np.isfinite(x) & (np.abs(x) < 10), x, 0.0)
    if task == "binary":
        chances = [1 / (1 + np.exp(-hint - rng.normal(size=n))) for _ in range(2)]
        y = (rng.random(n) < chances[0]).astype(np.int64)
        return {f"p{k + 1}": late(one) for k, one in enumerate(chances)} | {"y": late(y, 0.1)}
    if task == "regression":
        return {"v1": late(hint + rng.normal(size=n)), "v2": late(2 * hint), "y": late(hint + rng.normal(size=n), 0.1)}
    out = {}
    for one in ("one", "two"):
        p = rng.dirichlet([1.0, 2.0, 1.5], n)
        gone = rng.random(n) < 0.04
        out |= {f"{one}.{k}": pa.array(p[:, i], mask=gone) for i, k in enumerate(CLASSES)}
    return out | {"y": late(rng.choice([*CLASSES, "unheard of"], n, p=[0.3, 0.4, 0.29, 0.01]), 0.1)}


def work_of(task: str, rows: pa.Table, grain: Grain | None = None) -> Work:
    """Return the work of measuring rows against a reference of other rows."""
    schema, past = SCHEMAS[task], rows_of(task, 4_000, seed=99)
    found = resolve(schema, rows.schema, past, classes=CLASSES if task == "multiclass" else ())
    canonical = Reader(schema, found.layout, past.schema, found.time_form, Faults()).table(past)
    reference = build_reference(canonical, found.layout, cutoff=schema.cutoff, source="past", row_scores=True)
    return Work(schema, rows.schema, found.time_form, reference, grain or Grain(1, "mo", schema.timezone))


def digest_here(work: Work, rows: pa.Table) -> str:
    """Return the digest of the local engine's scan in one thread: the way that shares least with shards."""
    return digest(scan_here(work, rows), work.plan)


def scan_here(work: Work, rows: pa.Table) -> Scan:
    """Return the local engine's scan in one thread."""
    reader = work.reader(Faults())

    def read() -> Iterator[pa.RecordBatch]:
        for one in rows.select(reader.canonical.columns).to_batches(49_152):
            yield reader.batch(one) if work.now is None else marked(reader, one, work.now)

    return scan([read], work.plan, threads=1)


def counted(work: bytes, shard: bytes) -> bytes:
    """Count one shard; everything that comes and goes is bytes."""
    with pa.ipc.open_stream(shard) as reader:
        return written(count_rows(work, iter(reader)))


def written(batches: Iterable[pa.RecordBatch]) -> bytes:
    """Return partial states as an Arrow stream."""
    out = io.BytesIO()
    with pa.ipc.new_stream(out, PARTIAL) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return out.getvalue()


def cut(rows: pa.Table, work: Work, shards: int, seed: int) -> list[bytes]:
    """Return the rows, shuffled, in shards of unequal size, some of them empty."""
    rng = np.random.default_rng(seed)
    narrow = rows.select(work.reader(Faults()).canonical.columns).take(rng.permutation(len(rows)))
    edges = [0, *sorted(rng.integers(0, len(rows), shards - 1).tolist()), len(rows)]
    out = []
    for start, end in pairwise(edges):
        held = io.BytesIO()
        with pa.ipc.new_stream(held, narrow.schema) as writer:
            writer.write_table(narrow.slice(start, end - start), max_chunksize=10_000)
        out.append(held.getvalue())
    return out


def reduced(work: Work, found: Iterable[bytes]) -> pa.Table:
    """Return one row for each key, as the reduce step of a cluster makes it."""
    partial = pa.concat_tables([pa.ipc.open_stream(one).read_all() for one in found])
    in_order = partial.sort_by([(name, "ascending") for name in KEYS])
    batches: Iterator[pa.RecordBatch] = merge_rows(work.to_bytes(), iter(in_order.to_batches(1_000)))
    return pa.Table.from_batches(batches, schema=PARTIAL)


def digest_of(work: Work, partial: pa.Table) -> str:
    """Return the digest of the scan that partial states are."""
    found, _ = gathered(partial.to_batches(), work.plan)
    return digest(found, work.plan)
