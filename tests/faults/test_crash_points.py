"""A crash at any named point of a drain leaves a store that heals by itself: nothing lost, nothing twice (D8)."""

import multiprocessing
import threading

import pytest

from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.times import DAY
from tests.backends.events import LAYOUT, NOON, NUMBERS, Line, ids, labels, predictions

POINTS = ["decided", "intent", "delta:predictions/hours", "delta:predictions/delays", "delta:labels/delays", "marked"]


class Crash(BaseException):
    """Stands for a killed process: nothing after it runs."""


def opened(folder, point=""):
    def fault(name):
        if name == point:
            raise Crash

    store = EmbeddedStore(folder, fault=fault)
    store.open_ensemble("delays", LAYOUT)
    store.open_ensemble("hours", NUMBERS)
    return store


def group(line):
    return [
        line.part(predictions(ids(30))),
        line.part(predictions(ids(10), layout=NUMBERS, ensemble="hours")),
        line.part(labels([("f1", "late", NOON), ("f40", "late", NOON)])),
        line.part(predictions(ids(30, 20))),
    ]


@pytest.mark.parametrize("other_first", [False, True])
@pytest.mark.parametrize("point", POINTS)
def test_a_drain_cut_at_a_point_is_finished_by_the_next(tmp_path, point, other_first):
    line, other = Line("a" * 32), Line("b" * 32)
    parts = group(line)
    crashed = opened(tmp_path, point)
    with pytest.raises(Crash):
        crashed.write_parts(parts)
    crashed.close()
    store = opened(tmp_path)
    copy = other.part(predictions(ids(35)))  # another journal brings ids that the cut drain may have written
    if other_first:
        store.write_parts([copy])
    more = line.part(predictions(["tail"], time=NOON + DAY))
    outcomes = store.write_parts([*parts, more])
    if not other_first:
        store.write_parts([copy])
    assert sorted(store.rows("delays").column("id").to_pylist()) == sorted([*ids(50), "tail"])
    assert store.rows("hours").num_rows == 10
    assert sum(one.accepted for one in outcomes) + store.outcome(copy.id).accepted == 30 + 20 + 10 + 2 + 1
    assert {row["id"] for row in store.rows("delays").to_pylist() if row["label"]} == {"f1", "f40"}
    assert store.drained(line.identity) == more.sequence
    pending = store.pending("delays")
    assert pending.predictions.num_rows == 51
    store.commit(pending, [])
    assert store.pending("delays").empty
    store.close()


def drain_all(folder, journal, count):
    store = opened(folder)
    line = Line(journal)
    for part in [line.part(predictions(ids(20, start * 10))) for start in range(count)]:
        store.write_parts([part])
    store.close()


def test_two_drainers_of_one_journal_in_two_processes(tmp_path):
    opened(tmp_path).close()
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=drain_all, args=(tmp_path, "a" * 32, 6)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(100)
        assert one.exitcode == 0
    store = opened(tmp_path)
    assert sorted(store.rows("delays").column("id").to_pylist()) == sorted(ids(70))
    store.close()


def test_drainers_that_share_no_lock_are_told_apart_by_delta(tmp_path):
    """The second line of defence: were the lock ever to fail, Delta refuses the second commit."""
    import pyarrow as pa
    from deltalake.exceptions import CommitFailedError

    from choirmaster.stores.lake.delta import DeltaTables

    rows = pa.table({"id": ["a"], "day": pa.array([1], pa.int32()).cast(pa.date32()), "part": [1]})
    DeltaTables(tmp_path).append("t", rows, "a" * 32, 1)
    tables = [DeltaTables(tmp_path) for _ in range(2)]
    for one in tables:
        one.handle("t")
        table = one._handles["t"]
        one.handle = lambda name, table=table: table  # keeps the version it has read
    tables[0].append("t", rows, "a" * 32, 2)
    with pytest.raises(CommitFailedError):
        tables[1].append("t", rows, "b" * 32, 1)


def test_threads_of_one_store_drain_several_journals(tmp_path):
    store = opened(tmp_path)
    lines = [Line(letter * 32) for letter in "abc"]
    threads = [
        threading.Thread(target=lambda one=one: store.write_parts([one.part(predictions(ids(40)))])) for one in lines
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(store.rows("delays").column("id").to_pylist()) == sorted(ids(40))
    assert sum(store.outcome(f"{one.identity}:1").accepted for one in lines) == 40
    store.close()
