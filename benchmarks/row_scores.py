"""What metrics of all features together cost: the scan and the reference with and without them, and the classifier.

Processor seconds of one process, the least of three: three members and their mean, daily windows of a month.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.engines.compile import compiled
from choirmaster.engines.local import scan_table
from choirmaster.engines.reference import build_reference
from choirmaster.layout import Layout, SeriesSpec, Task, feature_column, probability_column
from choirmaster.metrics.domain_classifier import auc_of_rows
from choirmaster.plan import plan_for
from choirmaster.times import DAY, Grain

ROWS, PAST, SIDE = 1_000_000, 100_000, 5_000
FEATURES = (20, 100)
SERIES = tuple(SeriesSpec(one) for one in ("a", "b", "c", "fused"))


def rows(n: int, layout: Layout) -> pa.Table:
    """Return canonical rows of a month, whose features have five causes in common."""
    rng = np.random.default_rng(n)
    causes = rng.normal(size=(5, n))
    columns: dict[str, Any] = {
        "time": pa.array(np.sort(rng.integers(0, 30 * DAY, n)), pa.timestamp("us", "UTC")),
        "label": pa.array(rng.choice(["no", "yes"], n)).dictionary_encode(),
    }
    columns |= {probability_column(one.name, "yes"): rng.random(n) for one in layout.series}
    for k, name in enumerate(layout.numeric):
        columns[feature_column(name)] = causes[k % 5] + rng.normal(size=n)
    return pa.Table.from_batches(pa.table(columns).combine_chunks().to_batches(max_chunksize=1 << 16))


def seconds(work: Callable[[], object]) -> float:
    """Return the least processor seconds of three runs."""
    found = []
    for _ in range(3):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return round(min(found), 3)


def of_features(count: int) -> dict[str, Any]:
    """Return the figures for so many features."""
    layout = Layout(Task.BINARY, SERIES, ("no", "yes"), "yes", tuple(f"f{k:03d}" for k in range(count)))
    now, past = rows(ROWS, layout), rows(PAST, layout)
    out: dict[str, Any] = {"features": count}
    for name, wanted in (("usual", False), ("together", True)):
        out[f"reference_{name}"] = seconds(partial(build_reference, past, layout, row_scores=wanted))
        plan = plan_for(build_reference(past, layout, row_scores=wanted), Grain(1, "d"), calls=False)
        out[f"scan_{name}"] = seconds(partial(scan_table, now, plan))
    columns = list(np.random.default_rng(1).normal(size=(count, 2 * SIDE)))
    out["classifier"] = seconds(lambda: auc_of_rows(columns, [], np.repeat([0, 1], SIDE)))
    return out


def main() -> list[dict[str, Any]]:
    """Print the figures."""
    compiled()
    found = [of_features(count) for count in FEATURES]
    for one in found:
        print(f"{one['features']} features together: scan of {ROWS:,} rows {one['scan_usual']} s, with them "
              f"{one['scan_together']} s; reference of {PAST:,} rows {one['reference_usual']} s, with them "
              f"{one['reference_together']} s; classifier {one['classifier']} s a window", flush=True)  # fmt: skip
    return found


if __name__ == "__main__":
    main()
