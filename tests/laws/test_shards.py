"""The same rows give the same bits however they are cut, shuffled and spread over threads and processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import pyarrow as pa
import pytest

from choirmaster.app.sharding import Work
from choirmaster.engines.shards import PARTIAL, Tally, digest, gathered
from choirmaster.schema import Schema
from choirmaster.states.keys import StateKey
from choirmaster.times import Grain
from tests.laws.shard_cases import (
    DAY,
    SCHEMAS,
    START,
    TASKS,
    counted,
    cut,
    digest_here,
    digest_of,
    reduced,
    rows_of,
    scan_here,
    work_of,
)

pytestmark = pytest.mark.timeout(400)  # a busy machine: thousands of small states are written and read
ROWS = 100_000
SHARDS = (1, 7, 64)
QUICK = {("binary", "threads"), ("binary", "processes"), ("regression", "threads"), ("multiclass", "processes")}


@cache
def measured(task: str) -> tuple[pa.Table, Work, str]:
    rows = rows_of(task, ROWS)
    work = work_of(task, rows)
    return rows, work, digest_here(work, rows)


@pytest.fixture(scope="module")
def pools() -> Iterator[dict[str, Executor]]:
    spawn = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(4) as threads, ProcessPoolExecutor(2, mp_context=spawn) as processes:
        yield {"threads": threads, "processes": processes}


def in_turn() -> list[object]:
    """Each task, each number of shards and both kinds of workers; the long run takes them all with each other."""
    every = [(task, kind) for task in TASKS for kind in ("threads", "processes")]
    some = [
        pytest.param(task, kind, SHARDS if task == "binary" else (7,)) for task, kind in every if (task, kind) in QUICK
    ]
    return some + [pytest.param(task, kind, SHARDS, marks=pytest.mark.soak) for task, kind in every if task != "binary"]


@pytest.mark.parametrize(("task", "kind", "numbers"), in_turn())
def test_shards_give_the_same_hash(task: str, kind: str, numbers: tuple[int, ...], pools: dict[str, Executor]) -> None:
    rows, work, expected = measured(task)
    for shards in numbers:
        pieces = cut(rows, work, shards, seed=shards)
        found = list(pools[kind].map(counted, [work.to_bytes()] * shards, pieces))
        partial = pa.concat_tables([pa.ipc.open_stream(one).read_all() for one in reversed(found)])
        if shards < 64:  # summed as they come; then reduced by key first
            assert digest_of(work, partial) == expected, shards
        assert digest_of(work, reduced(work, found)) == expected, shards


@pytest.mark.parametrize("task", TASKS)
def test_what_travels_comes_back(task: str) -> None:
    rows, work, _ = measured(task)
    again = Work.from_bytes(work.to_bytes())
    assert again.to_bytes() == work.to_bytes()
    assert again.schema == SCHEMAS[task]
    assert (again.arrow, again.form, again.grain) == (rows.schema, work.form, work.grain)
    assert set(again.plan.keys(segmented=True)) == set(work.plan.keys(segmented=True))
    assert {key: part.id for key, part in again.plan.parts.items()} == {k: p.id for k, p in work.plan.parts.items()}
    assert again.plan.segments == work.plan.segments
    assert not again.reference.states


def test_every_state_of_the_plan_is_counted() -> None:
    for task in TASKS:
        rows, work, _ = measured(task)
        found, tally = gathered(
            reduced(work, [counted(work.to_bytes(), cut(rows, work, 1, 1)[0])]).to_batches(), work.plan
        )
        assert (tally.rows, found.rows) == (ROWS, ROWS)
        assert tally.untimed == rows.column("at").null_count > 0
        seen = {key for slot in found.slots() for key in found.states(work.plan, slot)}
        assert {key for key in seen if key.version == "*"} == set(work.plan.keys(segmented=False))
        assert any("carrier=AA" in segment for _, segment in found.slots())


def test_the_hash_sees_one_row() -> None:
    rows, work, expected = measured("binary")
    assert digest_here(work, rows.slice(1)) != expected
    column = rows.column("x").combine_chunks().fill_null(0.0)
    other = rows.set_column(1, "x", pa.concat_arrays([pa.array([2.5]), column.slice(1)]))
    assert digest_here(work, other) != expected


def test_the_hash_sees_the_window() -> None:
    rows, work, expected = measured("binary")
    assert digest_here(replace(work, grain=Grain(1, "mo", "UTC")), rows) != expected


def test_foreign_bytes_are_no_work() -> None:
    with pytest.raises(ValueError, match="no work"):
        Work.from_bytes(b"something else")


def test_tallies_add_up_and_keep_few_examples() -> None:
    one = Tally(3, 1, [["x", "not a number", 4, ["a", "b", "c"]]])
    two = Tally(2, 0, [["x", "not a number", 3, ["d", "e", "f"]], ["y", "late", 1, []]])
    both = Tally.from_bytes(one.plus(two).to_bytes())
    assert both == Tally(5, 1, [["x", "not a number", 7, ["a", "b", "c", "d", "e"]], ["y", "late", 1, []]])


def test_nothing_counted_is_an_empty_scan() -> None:
    _, work, _ = measured("binary")
    found, tally = gathered([pa.RecordBatch.from_pylist([], PARTIAL)], work.plan)
    assert (found.slots(), tally) == ([], Tally())
    assert digest(found, work.plan) == digest(gathered([], work.plan)[0], work.plan)


def test_a_schema_of_every_role_travels() -> None:
    schema = Schema("binary", label="y", members={"a": {"output": "logit", "columns": "l"}, "b": {"no": "p"}},
                    fused={"output": "class", "columns": "c"}, classes=["no", "yes"], positive="yes", id="id",
                    features=["f"], value="money", cutoff="auto")  # fmt: skip
    _, work, _ = measured("binary")
    assert Work.from_bytes(replace(work, schema=schema, grain=None).to_bytes()).schema == schema


def test_what_rows_say_of_themselves_is_the_same_in_any_shards() -> None:
    """With a clock: times after it, cells that are no numbers, the newest row of each window."""
    rows = rows_of("binary", 5_000, seed=5)
    odd = [str(one) if at % 9 else ("?", "", None)[at % 3] for at, one in enumerate(rows.column("z").to_pylist())]
    rows = rows.set_column(rows.schema.get_field_index("z"), "z", pa.array(odd))
    work = replace(work_of("binary", rows, Grain(1, "d")), now=START + 12 * DAY)
    here = scan_here(work, rows)
    seen = set()
    for shards in (1, 7):
        pieces = cut(rows, work, shards, seed=shards)
        found, _ = gathered(reduced(work, [counted(work.to_bytes(), one) for one in pieces]).to_batches(), work.plan)
        assert found.newest == here.newest
        seen.add(digest(found, work.plan))
    assert seen == {digest(here, work.plan)}
    assert max(here.newest.values()) <= work.now
    whole = [here.states(work.plan, slot) for slot in here.slots() if not slot[1]]
    known = [(one[StateKey("all", "intake/1")], one[StateKey("", "intake/1", "z")]) for one in whole]
    assert sum(rows_.flagged("future")[0] for rows_, _ in known) > 1_000
    assert sum(rows_.flagged("backwards")[1] for rows_, _ in known) == 0  # shards have no order
    timed = [cell for cell, at in zip(odd, rows.column("at").to_pylist(), strict=True) if at is not None]
    assert sum(cells.flagged("mistyped")[0] for _, cells in known) == timed.count("?") > 0
    assert sum(cells.flagged("mistyped")[1] for _, cells in known) == sum(bool(one) for one in timed)
