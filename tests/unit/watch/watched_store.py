"""A small watched store of any task."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from choirmaster.engines.local import LocalEngine
from choirmaster.layout import Layout, Output, SeriesSpec, Task
from choirmaster.records import LABEL_SCHEMA, Batch, EventKind, Part
from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.times import DAY, HOUR, Grain
from choirmaster.watch.queries import Queries
from choirmaster.watch.service import Monitor
from choirmaster.watch.settings import MonitorSettings

ROWS = 120
NUMBERS = Layout(
    Task.REGRESSION, (SeriesSpec("a", Output.VALUE), SeriesSpec("fused", Output.VALUE)), numeric=("x",), segments=("x",)
)
CLASSES = Layout(Task.MULTICLASS, (SeriesSpec("a"), SeriesSpec("fused")), ("a", "b", "c"), numeric=("x",))


class Clock:
    """Stands where it is put."""

    def __init__(self, at: int) -> None:
        self.at = at

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return 0.0


def rows(layout: Layout, n: int = ROWS, days: int = 4, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    known = {
        "id": [f"r{seed}-{i}" for i in range(n)],
        "time": (np.arange(n) * days * DAY) // n,
        "split": ["live"] * n,
        "call": [1] * n,
        "x.x": rng.integers(0, 3, n).astype(float),
    }
    share = rng.dirichlet((1, 1, 1), n)
    arrays = []
    for field in layout.arrow():
        if field.name in known:
            arrays.append(pa.array(known[field.name]).cast(field.type))
        elif ".p." in field.name:
            arrays.append(pa.array(share[:, "abc".index(field.name[-1])]))
        elif field.name.endswith(".value"):
            arrays.append(pa.array(1000.0 + rng.normal(size=n)))
        elif field.name.startswith("x.") and field.type == pa.float64():
            arrays.append(pa.array(known["x.x"] + rng.normal(size=n)))
        elif field.name.endswith(".status"):
            arrays.append(pa.array(["ok"] * n).cast(field.type))
        else:
            arrays.append(pa.nulls(n, field.type))
    return pa.table(arrays, schema=layout.arrow())


def watched(tmp_path, layout: Layout, label: list[str], *, now: int = 30 * DAY, rules=(), **more):
    store = EmbeddedStore(tmp_path)
    past = rows(layout, 60, seed=9)
    values = pa.array([1000.0] * 60) if layout.task is Task.REGRESSION else pa.array(["a", "b", "c"] * 20)
    past = past.append_column("label", values)
    more = {"reference_rows": lambda: past, "reference_source": "train"} | more
    settings = MonitorSettings("e", layout, Grain(1, "d"), HOUR, rules=rules, **more)
    monitor = Monitor(store, LocalEngine(), Clock(now), [settings])
    store.open_ensemble("e", layout)
    table = rows(layout)
    store.write_parts([Part("j" * 32, 1, 0, Batch(EventKind.PREDICTION, "e", table.combine_chunks().to_batches()[0]))])
    listed = [
        {"id": f"r0-{i}", "value": one, "known_at": None, "source": "t", "revision": 0} for i, one in enumerate(label)
    ]
    if listed:
        batch = pa.RecordBatch.from_pylist(listed, schema=LABEL_SCHEMA)
        store.write_parts([Part("j" * 32, 2, 0, Batch(EventKind.LABEL, "e", batch))])
    return store, monitor, Queries(store, [settings])
