"""A store that is fed at random, and what its states should be: one pass over the rows with the labels that lead."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.engines.local import LocalEngine
from choirmaster.layout import Layout, SeriesSpec, Task
from choirmaster.plan import plan_for
from choirmaster.records import LABEL_SCHEMA, Batch, EventKind, Part
from choirmaster.states import BY_KIND
from choirmaster.states.pack import unpack
from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.times import DAY, HOUR, Grain, to_micros
from choirmaster.watch.history import history_of
from choirmaster.watch.queries import Queries
from choirmaster.watch.service import Monitor
from choirmaster.watch.settings import MonitorSettings

LAYOUT = Layout(
    Task.BINARY, (SeriesSpec("a"), SeriesSpec("b"), SeriesSpec("fused")), ("no", "yes"), "yes", ("x",), ("carrier",),
    ("carrier",),
)  # fmt: skip
ZONE = "America/New_York"
FIRST = to_micros(datetime(2013, 2, 20, tzinfo=ZoneInfo(ZONE)))  # clocks go forward on 10 March


class Clock:
    """Stands where it is put."""

    def __init__(self, at: int) -> None:
        self.at = at

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return 0.0


def rows(n: int, seed: int, *, start: int = FIRST, span: int = 4 * DAY, layout: Layout = LAYOUT, shift: float = 0.0):
    """Canonical predictions, spread over a span."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(start, start + span, n))
    made = {
        "id": [f"r{seed}-{i}" for i in range(n)], "time": times, "split": ["live"] * n, "call": [1] * n,
        "weight_version": ["w"] * n,
    }  # fmt: skip
    columns = []
    for one in layout.arrow():
        if one.name in made:
            column = pa.array(made[one.name])
        elif one.name.endswith(".status"):
            column = pa.array(["ok"] * n)
        elif one.name.endswith(".version"):
            column = pa.array(["1"] * n)
        elif one.name.endswith(".latency_us"):
            column = pa.array(rng.integers(1, 9000, n))
        elif one.name == "x.carrier":
            column = pa.array(rng.choice(["AA", "UA"], n))
        elif one.name.startswith("x."):
            column = pa.array(rng.normal(shift, 1.0, n))
        else:
            column = pa.array(rng.uniform(size=n))
        kind = one.type
        columns.append(column.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else column.cast(kind))
    return pa.table(columns, schema=layout.arrow())


def with_labels(table: pa.Table, seed: int = 1) -> pa.Table:
    values = np.random.default_rng(seed).choice(["no", "yes"], table.num_rows)
    return table.append_column("label", pa.array(values).dictionary_encode())


class Site:
    """One ensemble in an embedded store, with a clock that is moved by hand."""

    def __init__(self, folder, *, now: int = FIRST + 200 * DAY, layout: Layout = LAYOUT, **more) -> None:
        past = with_labels(rows(300, 99, layout=layout))
        usual = {"reference_rows": lambda: past, "reference_source": "train"}
        self.settings = MonitorSettings("e", layout, Grain(1, "d", ZONE), HOUR, **(usual | more))
        self.clock = Clock(now)
        self.store = EmbeddedStore(folder)
        self.store.open_ensemble("e", layout)
        self.monitor = Monitor(self.store, LocalEngine(), self.clock, [self.settings])
        self.queries = Queries(self.store, [self.settings], LocalEngine())
        self.sequence = 0

    def change(self, *, holder: str = "", **more) -> None:
        """Go on with another configuration, as a new process would."""
        self.settings = replace(self.settings, **more)
        self.store.open_ensemble("e", self.settings.layout)
        self.monitor = Monitor(
            self.store, LocalEngine(), self.clock, [self.settings], holder=holder or f"h{self.sequence}"
        )
        self.queries = Queries(self.store, [self.settings], LocalEngine())

    def predictions(self, table: pa.Table, *, received_at: int = FIRST) -> None:
        self._put(EventKind.PREDICTION, table.combine_chunks().to_batches()[0], received_at)

    def labels(self, events: list[tuple[str, str | None, int, int]]) -> None:
        """``events`` are (id, value, known_at, revision)."""
        listed = [{"id": i, "value": v, "known_at": at, "source": "s", "revision": r} for i, v, at, r in events]
        self._put(EventKind.LABEL, pa.RecordBatch.from_pylist(listed, schema=LABEL_SCHEMA))

    def _put(self, kind: EventKind, batch: pa.RecordBatch, received_at: int = FIRST) -> None:
        self.sequence += 1
        self.store.write_parts([Part("j" * 32, self.sequence, received_at, Batch(kind, "e", batch))])

    def states(self):
        """What the store holds, by window and segment: digests by key."""
        history = history_of(self.store, "e", LAYOUT)
        out = {}
        for one in self.store.packs("e"):
            parts = plan_for(history.at(one.window.start), None, calls=True).parts
            out[one.window, one.segment] = digests(unpack(one.payload, parts, BY_KIND))
        return out

    def recomputed(self, table: pa.Table):
        """What one pass over all rows, each with its leading label, gives."""
        history = history_of(self.store, "e", LAYOUT)
        out = {}
        for reference, some in history.cut(table):
            found = LocalEngine().states(some, reference, self.settings.grain, calls=True)
            out |= {slot: digests(states) for slot, states in found.items()}
        return out


def digests(states):
    """Digests by key; how rows arrived is not in the rows, see test_arrived."""
    return {key.text: state.digest() for key, state in states.items() if not state.empty and key.kind != "intake/1"}


def of_rows(table: pa.Table) -> pa.Table:
    """Return values without those of how rows arrived, which the rows alone do not tell."""
    apart = ["duplicate_id_rate", "conflicting_id_rate", "future_time_rate", "backwards_time_rate", "freshness"]
    return table.filter(pc.invert(pc.is_in(table["metric"], pa.array(apart))))


def leading(table: pa.Table, events) -> pa.Table:
    """Give each row the label that leads by (revision, known_at, value) (D5; one source)."""
    best = {}
    for identity, value, at, revision in events:
        order = (revision, at, value is not None, value or "")
        if identity not in best or best[identity][0] < order:
            best[identity] = (order, value)
    texts = [best.get(one, (0, None))[1] for one in table["id"].to_pylist()]
    return table.append_column("label", pa.array(texts, pa.string()).dictionary_encode())
