"""Crossed segments: keys as in D2, capped by the reference, each row once in each cut."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.engines.local import scan_table
from choirmaster.engines.reference import build_reference
from choirmaster.engines.slicing import MAX_CROSS_CELLS, OTHER_SEGMENT, frequent_cells
from choirmaster.errors import SchemaError
from choirmaster.ids import segment_key
from choirmaster.layout import Layout, SeriesSpec, Task, split_segments
from choirmaster.plan import plan_for
from choirmaster.states import BY_KIND
from choirmaster.states.keys import StateKey
from choirmaster.states.reference import from_bytes, to_bytes

SERIES = (SeriesSpec("a"),)
LAYOUT = Layout(
    Task.BINARY, SERIES, ("no", "yes"), "yes", ("x",), ("k",), ("k",), crosses=(("g", "k"), ("g", "k", "x"))
)
KEY = StateKey("a", "confusion/1")


def rows(g, k, x=None, seed: int = 0) -> pa.Table:
    n, rng = len(g), np.random.default_rng(seed)
    return pa.table({
        "tag.g": pa.array(g, pa.string()), "x.k": pa.array(k, pa.string()),
        "x.x": pa.array(np.zeros(n) if x is None else x),
        "m.a.p.yes": rng.uniform(size=n), "label": pa.array(rng.choice(["no", "yes"], n)),
    })  # fmt: skip


def counted(table: pa.Table, reference) -> dict[str, int]:
    plan = plan_for(reference, None, calls=False)
    found = scan_table(table, plan)
    return {segment: found.states(plan, (window, segment))[KEY].rows for window, segment in found.slots()}


def test_each_cell_of_a_cross_is_counted_under_its_key() -> None:
    rng = np.random.default_rng(1)
    g = rng.choice(["u&v", "w=%", "~", None], 500)
    k = rng.choice(["p", "q r", None], 500)
    x = rng.integers(0, 2, 500).astype(float)
    table = rows(g, k, x)
    found = counted(table, build_reference(table, LAYOUT))
    pairs = Counter(segment_key({"g": a, "k": b}) for a, b in zip(g, k, strict=True))
    triples = Counter(segment_key({"g": a, "k": b, "x": str(int(c))}) for a, b, c in zip(g, k, x, strict=True))
    assert {one: n for one, n in found.items() if one.count("&") == 1} == pairs
    assert {one: n for one, n in found.items() if one.count("&") == 2} == triples
    assert "g=%7E&k=~" in pairs  # the text ~ and a missing value are two things


def test_what_the_reference_does_not_know_counts_as_other() -> None:
    reference = build_reference(rows(["a", "b"], ["p", "q"]), LAYOUT)
    other = segment_key({"g": OTHER_SEGMENT, "k": OTHER_SEGMENT})
    found = counted(rows(["a", "a", "b", "new", None], ["p", "q", "q", "p", "p"]), reference)
    assert found["g=a&k=p"] == found["g=b&k=q"] == 1
    assert found[other] == 3  # a with q are both known, but not together


@pytest.mark.parametrize("categories", [300, 100_000])
def test_cells_never_exceed_the_cap(categories: int) -> None:
    rng = np.random.default_rng(2)
    n = 200_000
    g = np.char.add("g", (categories * rng.uniform(size=n) ** 4).astype(int).astype(str))
    k = rng.choice(["p", "q"], n)
    table = rows(g, k)
    reference = build_reference(table, LAYOUT)
    found = counted(table, reference)
    cells = {one: rows for one, rows in found.items() if one.startswith("g=") and one.count("&") == 1}
    other = cells.pop(segment_key({"g": OTHER_SEGMENT, "k": OTHER_SEGMENT}))
    assert len(cells) == MAX_CROSS_CELLS
    assert other == n - sum(cells.values())
    exact = Counter(zip(g.tolist(), k.tolist(), strict=True))
    top = sorted(((-count, segment_key({"g": a, "k": b})) for (a, b), count in exact.items()))[:MAX_CROSS_CELLS]
    assert cells == {key: -count for count, key in top}


def test_the_cap_is_a_parameter_and_survives_storing() -> None:
    table = rows(["a"] * 5 + ["b"] * 3 + ["c"] * 2, ["p"] * 10)
    reference = build_reference(table, LAYOUT, cross_cells=2)
    assert reference.crosses["g", "k"] == ("g=a&k=p", "g=b&k=p")
    again = from_bytes(to_bytes(reference), BY_KIND)
    assert (again.crosses, again.layout) == (reference.crosses, LAYOUT)
    assert counted(table, again)[segment_key({"g": OTHER_SEGMENT, "k": OTHER_SEGMENT})] == 2


def test_a_cross_of_absent_columns_is_all_other() -> None:
    batch = rows(["a"], ["p"]).drop(["tag.g"]).to_batches()[0]
    assert frequent_cells(batch, LAYOUT, ("g", "k")) == ()
    table = rows(["a"], ["p"]).drop(["tag.g"])
    assert counted(table, build_reference(table, LAYOUT))[segment_key({"g": OTHER_SEGMENT, "k": OTHER_SEGMENT})] == 1


@pytest.mark.parametrize("wrong", [[["a"]], [["a", "a"]], [["a", "b", "c", "d", "e"]], [[]], [["a", 1]]])
def test_what_cannot_be_crossed_is_refused(wrong) -> None:
    with pytest.raises(SchemaError, match="cannot cross"):
        split_segments(wrong)
