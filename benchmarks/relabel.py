"""Correcting 1 % of the labels of a measured day, against measuring the day again, both through the embedded store.

"Again" is what a new reference costs for the day: its rows from Delta Lake, their labels from the index, the scan, the
packed states in one transaction, all values and their judgement. "Correction" is what the monitor does once corrected
labels have been drained: looking them up, both contributions, states, marks and all values of the day. Draining the
events, which both ways share, and opening the store are left out of both.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.data import FEATURES, MEMBERS

DAY_MICROS = 86_400_000_000
FIRST = 20_000 * DAY_MICROS
PART_ROWS = 100_000
REPEATS = 3
SHARE = 0.01


class Still:
    """A clock that stands a month after the day."""

    def now(self) -> int:
        """Return the instant."""
        return FIRST + 30 * DAY_MICROS

    def monotonic(self) -> float:
        """Return the real one."""
        return time.monotonic()


def layout() -> Any:
    """Return three members, their fused answer and twenty features."""
    from choirmaster.layout import Layout, SeriesSpec, Task

    features = tuple(f"f{k:02d}" for k in range(FEATURES))
    return Layout(Task.BINARY, tuple(map(SeriesSpec, (*MEMBERS, "fused"))), ("no", "yes"), "yes", features)


def rows(n: int, seed: int) -> tuple[pa.Table, np.ndarray[Any, Any]]:
    """Return canonical rows of one day and their labels."""
    rng = np.random.default_rng(seed)
    ease = rng.normal(size=n)
    label = rng.uniform(size=n) < 1.0 / (1.0 + np.exp(1.5 - ease))
    scores = [1.0 / (1.0 + np.exp(1.5 - ease - rng.normal(scale=0.6 + 0.2 * k, size=n))) for k in range(len(MEMBERS))]
    known: dict[str, Any] = {
        "id": [f"{seed}-{i}" for i in range(n)], "time": FIRST + (np.arange(n) * (DAY_MICROS / n)).astype(np.int64),
        "call": np.ones(n, np.int8), "y.p.yes": np.mean(scores, axis=0),
    }  # fmt: skip
    known |= {f"m.{name}.p.yes": one for name, one in zip(MEMBERS, scores, strict=True)}
    constant = {"split": "live", "weight_version": "w"}
    columns = []
    for field in layout().arrow():
        if field.name in known:
            columns.append(pa.array(known[field.name]).cast(field.type))
        elif field.name.startswith("x."):
            columns.append(pa.array(rng.normal(loc=0.1 * ease)))
        elif field.name.endswith(".latency_us"):
            columns.append(pa.array(rng.integers(100, 90_000, n)))
        else:
            text = constant.get(field.name, "ok" if field.name.endswith(".status") else "1")
            column = pa.array([text] * n)
            columns.append(column.dictionary_encode() if pa.types.is_dictionary(field.type) else column)
    return pa.table(columns, schema=layout().arrow()), np.where(label, "yes", "no")


def measure(n: int) -> dict[str, Any]:
    """Fill a store with one day, then time both ways, each several times."""
    from choirmaster.engines.local import LocalEngine
    from choirmaster.records import Batch, EventKind, Part
    from choirmaster.stores.lake.store import EmbeddedStore
    from choirmaster.times import Grain
    from choirmaster.watch.service import Monitor
    from choirmaster.watch.settings import MonitorSettings

    folder = Path(tempfile.mkdtemp(prefix="relabel-"))
    store = EmbeddedStore(folder)
    past, said = rows(50_000, 1)
    past = past.append_column("label", pa.array(said).dictionary_encode())
    settings = MonitorSettings("e", layout(), Grain(1, "d"), reference_rows=lambda: past, reference_source="train")
    engine = LocalEngine()
    monitor = Monitor(store, engine, Still(), [settings])
    store.open_ensemble("e", settings.layout)
    sequence = 0

    def put(kind: EventKind, batch: pa.RecordBatch) -> None:
        nonlocal sequence
        sequence += 1
        store.write_parts([Part("j" * 32, sequence, FIRST, Batch(kind, "e", batch))])

    def put_labels(ids: list[str], values: Any, revision: int) -> None:
        from choirmaster.records import LABEL_SCHEMA

        for at in range(0, len(ids), PART_ROWS):
            some = ids[at : at + PART_ROWS]
            columns = [pa.array(some), pa.array(list(values[at : at + PART_ROWS])),
                       pa.array([FIRST] * len(some), pa.int64()).cast(LABEL_SCHEMA.field("known_at").type),
                       pa.array(["bench"] * len(some)), pa.array([revision] * len(some), pa.int64())]  # fmt: skip
            put(EventKind.LABEL, pa.RecordBatch.from_arrays(columns, schema=LABEL_SCHEMA))

    table, labels = rows(n, 2)
    ids = table["id"].to_pylist()
    put_labels(ids, labels, 0)
    for batch in table.combine_chunks().to_batches(max_chunksize=PART_ROWS):
        put(EventKind.PREDICTION, batch)
    start = time.perf_counter()
    monitor.once()
    first = time.perf_counter() - start

    again, corrected, again_cpu, corrected_cpu = [], [], [], []
    rng = np.random.default_rng(3)
    for turn in range(REPEATS):
        chosen = rng.choice(n, max(1, round(n * SHARE)), replace=False)
        labels[chosen] = np.where(labels[chosen] == "yes", "no", "yes")
        put_labels([ids[one] for one in chosen], labels[chosen], turn + 1)
        start, cpu = time.perf_counter(), time.process_time()
        done = monitor.once()
        corrected.append(time.perf_counter() - start)
        corrected_cpu.append(time.process_time() - cpu)
        assert (done.rows, done.windows) == (len(chosen), 1)
        payload = store.packs("e")[0].payload
        start, cpu = time.perf_counter(), time.process_time()
        again_once(monitor, store)
        again.append(time.perf_counter() - start)
        again_cpu.append(time.process_time() - cpu)
        assert store.packs("e")[0].payload == payload, "a correction must equal a recompute, bit for bit"
    store.close()
    shutil.rmtree(folder)
    middle = statistics.median
    return {
        "rows": n, "first_seconds": round(first, 3), "again_seconds": round(middle(again), 3),
        "corrected_seconds": round(middle(corrected), 4), "ratio": round(middle(corrected) / middle(again), 4),
        "again_cpu_seconds": round(middle(again_cpu), 3), "corrected_cpu_seconds": round(middle(corrected_cpu), 4),
        "cpu_ratio": round(middle(corrected_cpu) / middle(again_cpu), 4),
    }  # fmt: skip


def again_once(monitor: Any, store: Any) -> None:
    """Measure the day again under the reference it has."""
    from choirmaster.ports import Epoch
    from choirmaster.watch.epochs import begin_epoch

    settings = monitor.settings["e"]
    watched = monitor._watched["e"]  # noqa: SLF001 - what the loop knows, so that reading it is not timed
    epoch = Epoch(watched.reference.id, FIRST)
    begin_epoch(store, monitor.engine, settings, watched.reference, epoch, watched.revisions)
    watched.revisions = {window: revision + 1 for window, revision in watched.revisions.items()}
    monitor.once()


def main(sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)) -> list[dict[str, Any]]:
    """Run each size in a process of its own and print one line each."""
    found = []
    for n in sizes:
        command = [sys.executable, "-m", "benchmarks.relabel", "--rows", str(n)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        one = json.loads(done.stdout.splitlines()[-1])
        print(f"relabel: {n:,} rows a day x {FEATURES} features x {len(MEMBERS)} members, 1 % of the labels corrected: "
              f"{one['corrected_seconds']} s; the day again {one['again_seconds']} s; ratio {one['ratio']:.1%}, "
              f"of processor time {one['cpu_ratio']:.1%} "
              f"({one['corrected_cpu_seconds']} of {one['again_cpu_seconds']} s); "
              f"first measuring {one['first_seconds']} s; states equal bit for bit", flush=True)  # fmt: skip
        found.append(one)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, required=True)
    print(json.dumps(measure(parser.parse_args().rows)))
