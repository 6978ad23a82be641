"""One scan, however its rows are ordered, cut, threaded, put aside or compiled, gives the same bits."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.engines import local
from choirmaster.engines.compile import compiled
from choirmaster.engines.local import scan, scan_table, states_of
from choirmaster.engines.reference import MAX_SEGMENT_VALUES, build_reference
from choirmaster.engines.slicing import OTHER_SEGMENT
from choirmaster.ids import segment_key
from choirmaster.kernels.table import PLAIN
from choirmaster.layout import Layout, Output, SeriesSpec, Task
from choirmaster.plan import plan_for
from choirmaster.states.keys import StateKey
from choirmaster.times import DAY, Grain

LAYOUT = Layout(
    Task.BINARY, (SeriesSpec("a"), SeriesSpec("c", Output.CLASS), SeriesSpec("fused")), ("no", "yes"), "yes",
    ("x",), ("k",), ("k", "g"),
)  # fmt: skip
ROWS = 2_000


def table(n: int = ROWS, seed: int = 0, days: int = 12) -> pa.Table:
    rng = np.random.default_rng(seed)

    def holes(values, share: float = 0.1) -> pa.Array:
        return pa.array(values, mask=rng.random(n) < share)

    columns = {
        "id": pa.array([str(i) for i in range(n)]),
        "time": holes(rng.integers(0, days * DAY, n), 0.01).cast(pa.timestamp("us", "UTC")),
        "x.x": holes(np.where(rng.random(n) < 0.02, np.inf, rng.normal(size=n))),
        "x.k": holes(rng.choice(["u", "v", "w"], n)).dictionary_encode(),
        "tag.g": holes(rng.choice([f"g{i}" for i in range(5)], n)).dictionary_encode(),
        "m.a.p.yes": holes(rng.uniform(size=n)),
        "m.a.status": holes(rng.choice(["ok", "late", "error"], n)).dictionary_encode(),
        "m.a.latency_us": holes(rng.integers(1, 10**7, n)),
        "m.c.class": holes(rng.choice(["no", "yes", "perhaps"], n)).dictionary_encode(),
        "y.p.yes": holes(rng.uniform(size=n)),
        "label": holes(rng.choice(["no", "yes", "what"], n), 0.3).dictionary_encode(),
    }
    return pa.table(columns)


@pytest.fixture(scope="module")
def reference():
    return build_reference(table(600, 5), LAYOUT)


def digests(found, plan) -> dict[tuple[object, str], str]:
    return {
        (slot, key.text): state.digest()
        for slot in found.slots()
        for key, state in found.states(plan, slot).items()
        if not state.empty
    }


def splits(rows: pa.Table, size: int):
    return [lambda at=at: iter(rows.slice(at, size).to_batches(size // 2)) for at in range(0, rows.num_rows, size)]


@pytest.fixture(scope="module")
def plan(reference):
    return plan_for(reference, Grain(1, "d", "America/New_York"), calls=True)


@pytest.fixture(scope="module")
def whole(plan):
    return digests(scan_table(table(), plan), plan)


def test_unsorted_rows_give_what_sorted_rows_give(plan, whole) -> None:
    assert digests(scan_table(table().sort_by("time"), plan), plan) == whole


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_and_cuts_do_not_show(plan, whole, threads: int) -> None:
    seen: list[int] = []
    found = scan(splits(table(), 170), plan, threads=threads, progress=seen.append)
    assert digests(found, plan) == whole
    assert (found.rows, seen[-1], seen == sorted(seen)) == (ROWS, ROWS, True)


def test_windows_put_aside_come_back_the_same(plan, monkeypatch) -> None:
    expected = digests(scan_table(table(300), plan), plan)
    monkeypatch.setattr(local, "OPEN_BYTES", 1)
    found = scan(splits(table(300), 80), plan, threads=2)
    assert found.aside
    assert digests(found, plan) == expected
    slots = found.slots()
    assert [found.take(plan, slot) for slot in slots]
    assert found.slots() == []


def test_plain_and_compiled_kernels_agree(plan, whole) -> None:
    assert digests(scan_table(table(400), plan, kernels=PLAIN), plan) == digests(
        scan_table(table(400), plan, kernels=compiled()), plan
    )


def test_windows_add_up_to_all_rows(reference, plan) -> None:
    found = scan_table(table(), plan)
    key = StateKey("a", "confusion/1")
    assert found.untimed == table()["time"].null_count
    inside = sum(found.states(plan, slot)[key].rows for slot in found.slots() if not slot[1])
    assert inside + found.untimed == ROWS
    for name in ("k=", "g="):
        assert sum(found.states(plan, slot)[key].rows for slot in found.slots() if slot[1].startswith(name)) == inside


def test_windows_of_rows_are_read_by_one_thread(reference) -> None:
    by_rows = plan_for(reference, 300, calls=False)
    found = scan(splits(table(), 170), by_rows, threads=4)
    sizes = [found.states(by_rows, slot)[StateKey("a", "confusion/1")].rows for slot in found.slots() if not slot[1]]
    assert sizes == [300] * 6 + [200]


def test_segments_beyond_the_cap_count_together() -> None:
    n = 1_500
    names = [f"s{i:03d}" for i in range(MAX_SEGMENT_VALUES + 20)]
    some = table(n).drop(["tag.g"]).append_column("tag.g", pa.array([names[i % len(names)] for i in range(n)]))
    built = build_reference(some, LAYOUT)
    assert len(built.segments["g"]) == MAX_SEGMENT_VALUES
    cut = plan_for(built, None, calls=False)
    found = scan_table(some, cut)
    rows = {slot[1]: found.states(cut, slot)[StateKey("a", "confusion/1")].rows for slot in found.slots()}
    kept = {segment_key({"g": one}) for one in built.segments["g"]}
    assert rows[segment_key({"g": OTHER_SEGMENT})] == n - sum(rows[one] for one in kept)


def test_a_number_can_be_a_segment() -> None:
    layout = Layout(Task.BINARY, (SeriesSpec("a"),), ("no", "yes"), "yes", ("x",), (), ("x",))
    rows = table(60).drop(["x.x"]).append_column("x.x", pa.array([1.0, 2.5, None] * 20))
    cut = plan_for(build_reference(rows, layout), None, calls=False)
    assert {slot[1] for slot in scan_table(rows, cut).slots()} == {"", "x=1", "x=2.5", segment_key({"x": None})}


def test_a_class_member_counts_pairs_and_nothing_that_needs_numbers(reference) -> None:
    kinds = {key.kind for key in reference.parts if key.series == "c"}
    assert kinds == {"confusion/1"}
    rows = table(500)
    pairs = states_of(rows, plan_for(reference, None, calls=False))[StateKey("c", "confusion/1")]
    said, so = rows["m.c.class"].to_pylist(), rows["label"].to_pylist()
    expected = [[sum(1 for s, y in zip(said, so, strict=True) if (y, s) == (a, b)) for b in ("no", "yes")]
                for a in ("no", "yes")]  # fmt: skip
    assert pairs.matrix.tolist() == expected
    assert pairs.rows == 500


def test_rows_that_lack_a_column_count_it_as_missing(reference, plan) -> None:
    bare = table(50).select(["id", "time", "m.a.p.yes"])
    cut = plan_for(reference, None, calls=True)
    states = states_of(bare, cut)
    assert states[StateKey("", "histogram/1", "x")].missing == 50
    assert states[StateKey("a", "confusion/1")].unlabelled == 50
    calls = states[StateKey("a", "calls/1")].rows.tolist()
    assert sum(calls) == 50
    assert calls[0] == 50 - bare["m.a.p.yes"].null_count


@pytest.mark.parametrize("hours", [1, 6])
def test_an_empty_scan_has_no_windows(reference, hours: int) -> None:
    cut = plan_for(reference, Grain(hours, "h"), calls=True)
    assert scan([], cut).slots() == []
    assert scan_table(table(10).slice(0, 0), cut).slots() == []
