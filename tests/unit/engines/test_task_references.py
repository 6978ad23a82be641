"""References of two tasks are stored and read back, and a late label moves their states to those of a recompute."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.engines.local import scan_table, states_of
from choirmaster.engines.reference import build_reference
from choirmaster.layout import Layout, Output, SeriesSpec, Task, label_set, probability_column, quantile_column
from choirmaster.plan import Plan, plan_for
from choirmaster.states import BY_KIND
from choirmaster.states.pack import merge_states, subtract_states
from choirmaster.states.reference import from_bytes, to_bytes
from choirmaster.times import Window

N = 200
RNG = np.random.default_rng(3)
QUANTILE = Layout(Task.QUANTILE, (SeriesSpec("a", Output.QUANTILES),), levels=("0.1", "0.5", "0.9"))
MULTILABEL = Layout(Task.MULTILABEL, (SeriesSpec("a"),), ("rain", "wind|ice"))


def quantiles() -> pa.Table:
    numbers = np.sort(RNG.normal(size=(N, 3)), axis=1)
    columns = {quantile_column("a", level): numbers[:, k] for k, level in enumerate(QUANTILE.levels)}
    return pa.table(columns | {"label": RNG.normal(size=N)})


def sets() -> pa.Table:
    columns = {probability_column("a", name): RNG.random(N) for name in MULTILABEL.classes}
    labels = [label_set(name for name in MULTILABEL.classes if RNG.random() < 0.5) for _ in range(N)]
    return pa.table(columns | {"label": pa.array(labels).dictionary_encode()})


CASES = {"quantile": (QUANTILE, quantiles()), "multilabel": (MULTILABEL, sets())}
each = pytest.mark.parametrize("name", CASES)


@each
def test_a_reference_comes_back(name: str) -> None:
    layout, table = CASES[name]
    built = build_reference(table, layout, cutoff="auto" if name == "multilabel" else None)
    back = from_bytes(to_bytes(built), BY_KIND)
    assert back.id == built.id
    assert back.layout == layout
    assert back.parts == built.parts
    assert back.states == built.states


@each
def test_a_label_that_comes_late_moves_the_states_to_those_of_a_recompute(name: str) -> None:
    layout, table = CASES[name]
    reference = build_reference(table, layout)
    label = table["label"].combine_chunks()
    pending = pa.nulls(N, label.type)
    plan = Plan(layout, reference.parts, None)
    first = states_of(table.set_column(table.schema.get_field_index("label"), "label", pending), plan)
    changes = table.append_column("label_before", pending)
    part = Plan(layout, {key: reference.parts[key] for key in plan_for(reference, None, calls=False).labelled()}, None)
    slot = (Window(0, 0), "")
    before = scan_table(changes, part, label="label_before").states(part, slot)
    after = scan_table(changes, part).states(part, slot)
    moved = merge_states(first, subtract_states(after, before))
    whole = states_of(table, plan)
    assert {key: state for key, state in moved.items() if not state.empty} == whole
