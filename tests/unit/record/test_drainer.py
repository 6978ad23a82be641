"""The drainer's decisions, against a journal and a store in memory."""

from choirmaster.record.drainer import Drainer
from choirmaster.times import SECOND
from tests.backends.events import Line, predictions


class Clock:
    def __init__(self):
        self.at = 0

    def now(self):
        return self.at

    def monotonic(self):
        return self.at / SECOND


class Memory(Line):
    def __init__(self, identity, sizes):
        super().__init__(identity)
        self.held = [self.part(predictions([f"{n}-{i}" for i in range(size)]), at=0) for n, size in enumerate(sizes)]

    def parts(self, after, limit=100):
        return [one for one in self.held if one.sequence > after][:limit]

    def rows(self, after):
        return sum(one.batch.rows.num_rows for one in self.parts(after, len(self.held)))

    def forget(self, through):
        self.held = [one for one in self.held if one.sequence > through]


class Store:
    def __init__(self):
        self.groups, self.done, self.holder = [], {}, None

    def lease(self, name, holder, *, now, seconds):
        if self.holder not in (None, holder):
            return False
        self.holder = holder
        return True

    def release(self, name, holder):
        self.holder = None

    def drained(self, journal):
        return self.done.get(journal, 0)

    def write_parts(self, parts):
        self.groups.append([one.sequence for one in parts])
        self.done[parts[0].journal] = parts[-1].sequence


def make(sizes, **options):
    clock, store, journal = Clock(), Store(), Memory("m" * 32, sizes)
    return Drainer(store, lambda: [journal], clock, "me", group_rows=10, **options), clock, store, journal


def test_groups_by_rows_then_forgets():
    drainer, _, store, journal = make([4, 4, 4, 4, 4])
    assert drainer.drain() == 5
    assert store.groups == [[1, 2, 3], [4, 5]]
    assert journal.held == []
    assert store.holder is None


def test_a_small_group_waits_its_time():
    drainer, clock, _, _ = make([4], group_seconds=10)
    assert drainer.drain(everything=False) == 0
    clock.at = 10 * SECOND
    assert drainer.drain(everything=False) == 1


def test_nothing_is_read_or_leased_before_it_is_due():
    drainer, _, store, journal = make([4, 4], group_seconds=10)
    asked = []
    journal.parts = lambda after, limit=100: asked.append(limit) or list(journal.held[:limit])
    store.lease = None
    assert drainer.drain(everything=False) == 0
    assert asked[0] == 1


def test_what_a_crash_left_in_the_journal_is_forgotten():
    drainer, _, store, journal = make([4, 4])
    store.done[journal.identity] = 1
    assert drainer.drain(everything=False) == 0
    assert [one.sequence for one in journal.held] == [2]


def test_another_holder_keeps_us_out():
    drainer, _, store, _ = make([4])
    store.holder = "other"
    assert drainer.drain() == 0
    assert store.groups == []


def test_what_the_store_has_already_is_forgotten_only():
    drainer, _, store, journal = make([4, 4])
    store.done[journal.identity] = 2
    assert drainer.drain() == 0
    assert (store.groups, journal.held) == ([], [])
