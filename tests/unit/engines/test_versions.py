"""Versions of a member: kept where there are two, free where there is one, the same in any order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import choirmaster as cm
from choirmaster.engines.local import scan, scan_table
from choirmaster.engines.reference import build_reference
from choirmaster.layout import Layout, SeriesSpec, Task
from choirmaster.plan import plan_for
from choirmaster.states import BY_KIND
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import merge_states, pack, subtract_states, unpack
from choirmaster.states.versions import MAX_VERSIONS, OTHER_VERSION, fold, names_of
from choirmaster.times import DAY, Grain, Window

LAYOUT = Layout(Task.BINARY, (SeriesSpec("a"), SeriesSpec("b")), ("no", "yes"), "yes", segments=("g",))
KEY = StateKey("a", "confusion/1")


def rows(versions, seed: int = 0, days: int = 1) -> pa.Table:
    n, rng = len(versions), np.random.default_rng(seed)
    return pa.table({
        "time": pa.array(rng.integers(0, days * DAY, n)).cast(pa.timestamp("us", "UTC")),
        "tag.g": pa.array(rng.choice(["u", "v"], n)),
        "m.a.p.yes": rng.uniform(size=n), "m.b.p.yes": rng.uniform(size=n),
        "m.a.version": pa.array(list(versions), pa.string()).dictionary_encode(),
        "label": pa.array(rng.choice(["no", "yes", None], n)),
    })  # fmt: skip


@pytest.fixture(scope="module")
def reference():
    return build_reference(rows(["1"] * 200, 9), LAYOUT)


def packed(found, plan) -> dict[tuple[Window, str], bytes]:
    return {slot: pack(found.states(plan, slot)) for slot in found.slots()}


def counted(table: pa.Table, plan) -> dict[str, int]:
    states = scan_table(table, plan).states(plan, (Window(0, 0), ""))
    return {key.version: state.rows for key, state in states.items() if key[:2] == KEY[:2]}


def test_each_version_has_the_states_of_its_rows(reference) -> None:
    plan = plan_for(reference, None, calls=False)
    rng = np.random.default_rng(1)
    table = rows(rng.choice(["1", "2", "*", None], 400).tolist())
    whole = scan_table(table, plan).states(plan, (Window(0, 0), ""))
    assert names_of(whole) == {"a": ["%2A", "1", "2"]}
    for name in ("1", "2"):
        alone = table.filter(pa.compute.equal(table["m.a.version"].cast(pa.string()), name))
        expected = scan_table(alone, plan).states(plan, (Window(0, 0), ""))
        for key in plan.keys(segmented=True):
            if key.series == "a":
                assert whole[key._replace(version=name)].digest() == expected[key].digest()
    found = scan_table(table, plan)
    assert not any(names_of(found.states(plan, slot)) for slot in found.slots() if slot[1])  # segments keep none


def test_one_version_costs_its_name(reference) -> None:
    plan = plan_for(reference, None, calls=False)
    table = rows(["version-1"] * 300)
    states = scan_table(table, plan).states(plan, (Window(0, 0), ""))
    blob = pack(states)
    without = pack(scan_table(table.drop(["m.a.version"]), plan).states(plan, (Window(0, 0), "")))
    assert 0 < len(blob) - len(without) < 40
    again = unpack(blob, plan.parts, BY_KIND)
    assert again == states
    assert names_of(again) == {"a": ["version-1"]}
    assert not names_of(unpack(blob, plan.parts, BY_KIND, versions=False))


def test_a_version_that_was_subtracted_leaves_no_trace(reference) -> None:
    plan = plan_for(reference, None, calls=False)
    slot = (Window(0, 0), "")
    old, new = (scan_table(rows([name] * 80, seed), plan).states(plan, slot) for seed, name in enumerate("12"))
    assert pack(subtract_states(merge_states(old, new), new)) == pack(old)


@pytest.mark.parametrize("names", [["1"], ["1", "2"], ["1", None], [f"v{i:02d}" for i in range(20)]])
def test_order_cuts_and_packs_do_not_show(reference, names) -> None:
    plan = plan_for(reference, Grain(1, "d"), calls=False)
    rng = np.random.default_rng(3)
    table = rows(rng.choice(np.array(names, object), 700).tolist(), days=3)
    expected = packed(scan_table(table, plan), plan)
    shuffled = table.take(pa.array(rng.permutation(700)))
    cut = [lambda at=at: iter(shuffled.slice(at, 60).to_batches(17)) for at in range(0, 700, 60)]
    assert packed(scan(cut, plan, threads=3), plan) == expected
    stored: dict[tuple[Window, str], bytes] = {}
    for at in range(0, 700, 90):  # as the monitor does: what came is merged with what is stored
        part = scan_table(shuffled.slice(at, 90), plan)
        for slot in part.slots():
            old = unpack(stored[slot], plan.parts, BY_KIND) if slot in stored else {}
            stored[slot] = pack(merge_states(old, part.states(plan, slot)))
    assert stored == expected


def test_many_versions_are_capped(reference) -> None:
    plan = plan_for(reference, None, calls=False)
    found = counted(rows([f"v{i % 30:02d}" for i in range(600)]), plan)
    assert found.pop("*") == 600
    assert found.pop(OTHER_VERSION) == 440
    assert found == {f"v{i:02d}": 20 for i in range(30 - MAX_VERSIONS, 30)}


def test_a_changed_label_of_a_folded_version_finds_its_place(reference) -> None:
    plan = plan_for(reference, None, calls=False)
    slot = (Window(0, 0), "")
    table = rows([f"v{i % 12:02d}" for i in range(600)], 5)
    flipped = table.set_column(table.schema.get_field_index("label"), "label", pa.array(["yes"] * 600))
    few = slice(0, 1), slice(40, 41), slice(47, 48)
    before, after, changed = scan_table(table, plan).states(plan, slot), {}, table
    delta: dict = {}
    for one in few:
        old = scan_table(table[one.start : one.stop], plan).states(plan, slot)
        new = scan_table(flipped[one.start : one.stop], plan).states(plan, slot)
        delta = merge_states(delta, subtract_states(new, old))
        changed = pa.concat_tables([changed[: one.start], flipped[one.start : one.stop], changed[one.stop :]])
    after = scan_table(changed, plan).states(plan, slot)
    assert pack(merge_states(unpack(pack(before), plan.parts, BY_KIND), delta)) == pack(after)
    assert fold(after) == after


def test_a_frame_shows_both_versions_and_their_difference() -> None:
    rng = np.random.default_rng(7)
    n = 2_000
    y = rng.integers(0, 2, n)
    version = rng.choice(["v1", "v2"], n)
    noise = np.where(version == "v1", 1.5, 0.5)
    p = 1.0 / (1.0 + np.exp(-(2.0 * y - 1.0 + noise * rng.normal(size=n))))
    frame = pa.table({"y": y, "p": p, "q": rng.uniform(size=n), "ver": version, "g": rng.choice(["a", "b"], n)})
    members = {"one": {"columns": "p", "version": "ver"}, "two": "q"}
    schema = cm.Schema("binary", label="y", members=members, fusion="mean", segments=["g"])
    found = {
        (row["metric"], row["version"], row["target"], row["series"]): row
        for row in cm.monitor(frame, schema=schema).table.to_pylist()
        if not row["segment"] and row["version"] != "*"
    }
    assert {key[3] for key in found} == {"one"}
    right = (p >= 0.5) == (y == 1)
    one, two = right[version == "v1"].mean(), right[version == "v2"].mean()
    assert found["accuracy", "v1", "", "one"]["value"] == pytest.approx(one, abs=1e-12)
    assert found["accuracy", "v2", "", "one"]["value"] == pytest.approx(two, abs=1e-12)
    gap = found["accuracy_difference", "v2", "v1|v2", "one"]
    assert gap["value"] == pytest.approx(two - one, abs=1e-12)
    assert 0.0 < gap["lower"] < gap["value"] < gap["upper"]
    assert gap["n"] == n
    assert found["roc_auc_difference", "v2", "v1|v2", "one"]["lower"] > 0.0
    alone = cm.monitor(frame.set_column(3, "ver", pa.array(["v1"] * n)), schema=schema).table
    assert set(alone["version"].to_pylist()) == {"*"}
