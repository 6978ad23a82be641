"""The scan: rows, seconds, peak memory, and the ratio to merely reading the same Parquet with pyarrow.

Each figure is a process of its own, so that peak memory is that of the work alone. Kernels are compiled before.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.data import FEATURES, MEMBERS, write

REPEATS = 3
OF_PEERS = ("jensen_shannon", "ks", "accuracy", "precision", "recall", "f1", "roc_auc", "log_loss")


def read(path: Path) -> dict[str, Any]:
    """Read every column with pyarrow, all threads, batch by batch."""
    import pyarrow.dataset as ds

    start = time.perf_counter()
    rows = sum(batch.num_rows for batch in ds.dataset(path).to_batches())
    return {"rows": rows, "seconds": time.perf_counter() - start}


def measure(path: Path, reference: Path, metrics: Sequence[str] = ()) -> dict[str, Any]:
    """Measure every series and feature in daily windows through the public face; the usual metrics, or those named."""
    import choirmaster as cm

    schema = cm.Schema("binary", label="label", members=list(MEMBERS), fused="fused", time="time")
    asked = list(metrics) or "auto"
    cm.monitor(
        str(reference), reference=str(reference), schema=schema, window=None, metrics=asked
    )  # compiled and imported from here on
    start = time.perf_counter()
    stages = [("", start)]

    def progress(stage: str, *_: object) -> None:
        if stage != stages[-1][0]:
            stages.append((stage, time.perf_counter()))

    result = cm.monitor(str(path), reference=str(reference), schema=schema, window="1d", metrics=asked,
                        progress=progress)  # fmt: skip
    seconds = time.perf_counter() - start
    spent = {name: round(end - begin, 3) for (name, begin), (_, end) in pairwise(stages) if name}
    return {"rows": result.rows, "seconds": seconds, "values": result.table.num_rows, "stages": spent}


def main(rows: int, folder: Path, days: int) -> dict[str, Any]:
    """Run both, each in fresh processes, and print one line."""
    path = write(folder / f"rows-{rows}-{days}d.parquet", rows, days=days)
    reference = write(folder / "reference.parquet", 100_000, days=14, seed=1)
    child("measure", reference, reference)  # fills the cache of compiled kernels
    runs = [(child("read", path, reference), child("measure", path, reference)) for _ in range(REPEATS)]
    reading = median(one["seconds"] for one, _ in runs)
    measuring = median(two["seconds"] for _, two in runs)
    found = {
        "rows": rows, "features": FEATURES, "members": len(MEMBERS), "days": days, "read_seconds": round(reading, 3),
        "measure_seconds": round(measuring, 3),
        "ratio_to_read": round(median(b["seconds"] / a["seconds"] for a, b in runs), 2),
        "rows_per_second": round(rows / measuring), "peak_mb": max(two["peak_mb"] for _, two in runs),
        "read_peak_mb": max(one["peak_mb"] for one, _ in runs), "values": runs[0][1]["values"],
        "stages": runs[-1][1]["stages"],
        "scan_ratio_to_read": round(median(b["stages"]["measure"] / a["seconds"] for a, b in runs), 2),
    }  # fmt: skip
    print(_line(found), flush=True)
    return found


def _line(found: dict[str, Any]) -> str:
    return (
        f"scan: {found['rows']:,} rows x {found['features']} features x {found['members']} members, {found['days']} "
        f"daily windows: {found['measure_seconds']} s, {found['rows_per_second']:,} rows/s, "
        f"peak {found['peak_mb']} MB; "
        f"reading alone {found['read_seconds']} s; ratio {found['ratio_to_read']} for the whole call, "
        f"{found['scan_ratio_to_read']} for the scan (seconds by stage: {found['stages']})"
    )


def child(what: str, path: Path, reference: Path) -> dict[str, Any]:
    """Run one figure in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scan", "--child", what, str(path), str(reference)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _work() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", nargs=3, required=True)
    what, path, reference = parser.parse_args().child
    work: dict[str, Callable[[], dict[str, Any]]] = {
        "read": lambda: read(Path(path)), "measure": lambda: measure(Path(path), Path(reference)),
        "same": lambda: measure(Path(path), Path(reference), OF_PEERS),
    }  # fmt: skip
    found = work[what]()
    found["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps(found))


if __name__ == "__main__":
    _work()
