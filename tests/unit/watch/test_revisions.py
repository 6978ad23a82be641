"""Streams of everything in any order, over several windows and references, leave what one pass over the rows gives."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.ports import ValueQuery
from choirmaster.times import DAY
from choirmaster.watch import service
from choirmaster.watch.measuring import measure
from tests.unit.watch.stream import FIRST, Site, leading, rows, with_labels

STEPS = 24


class Stream:
    """Draws what happens next and remembers what should stand at the end."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site, self.rng, self.seed = site, np.random.default_rng(seed), seed
        self.tables: list[pa.Table] = []
        self.events: list[tuple[str, str | None, int, int]] = []
        self.waiting = [rows(40, 100 * seed + k, start=FIRST + k * DAY, span=(1 + k % 3) * DAY) for k in range(6)]
        self.done: defaultdict[str, int] = defaultdict(int)

    def step(self) -> None:
        """Do one thing that can happen."""
        what = str(self.rng.choice(["rows", "labels", "again", "withdraw", "twice", "other", "look", "epoch"],
                                   p=[0.2, 0.26, 0.07, 0.08, 0.08, 0.06, 0.18, 0.07]))  # fmt: skip
        self.done[what] += 1
        getattr(self, what)()

    def rows(self) -> None:
        """Rows come, those of older windows among them."""
        if self.waiting:
            self.tables.append(self.waiting.pop(int(self.rng.integers(len(self.waiting)))))
            self.site.predictions(self.tables[-1])

    def labels(self) -> None:
        """Labels and corrections, of rows that are there and of rows that are still to come."""
        known = [one for table in (*self.tables, *self.waiting) for one in table["id"].to_pylist()]
        ids = [one for one in known if self.rng.random() < 0.15]
        some = [(one, str(self.rng.choice(["no", "yes"])), FIRST + int(self.rng.integers(9)) * DAY,
                 int(self.rng.integers(4))) for one in ids]  # fmt: skip
        self.tell(some)

    def withdraw(self) -> None:
        """Labels are taken back."""
        self.tell([(one[0], None, one[2] + DAY, one[3]) for one in self.events if self.rng.random() < 0.1])

    def tell(self, some: list[tuple[str, str | None, int, int]]) -> None:
        """Send label events."""
        if some:
            self.events += some
            self.site.labels(some)

    def twice(self) -> None:
        """Events that were there come again."""
        some = [one for one in self.events if self.rng.random() < 0.2]
        if some:
            self.site.labels(some)

    def again(self) -> None:
        """Rows that were there come again."""
        if self.tables:
            self.site.predictions(self.tables[0].slice(0, 15))

    def other(self) -> None:
        """Rows with a known id and other content, which are refused."""
        if self.tables:
            table = self.tables[-1].slice(0, 5)
            place = table.column_names.index("x.x")
            self.site.predictions(table.set_column(place, "x.x", pa.array(np.full(5, 9.0))))

    def look(self) -> None:
        """The monitor measures, and each window is what one pass would give."""
        self.site.monitor.once()
        self.check()
        self.values()

    def values(self) -> None:
        """Compare the stored values, those of windows in which only labels changed included, with evaluating all."""
        watched, store = self.site.monitor._watched["e"], self.site.store
        before = store.values(ValueQuery("e", versions=None))
        done = sorted(one for one, revision in watched.evaluated.items() if revision == watched.revisions[one])
        measure(store, watched, done, at=0)
        after = store.values(ValueQuery("e", versions=None))
        assert before.num_rows == after.num_rows > 0 or not done
        assert before.equals(after)

    def epoch(self) -> None:
        """Another reference is set from some day on."""
        past = with_labels(rows(200, 1000 + self.done["epoch"], shift=0.2), self.done["epoch"])
        since = FIRST + int(self.rng.integers(8)) * DAY
        self.site.monitor.set_reference("e", lambda _: (past, "drawn"), who="test", since=since)

    def check(self) -> None:
        """Compare every state of every window and segment, bit for bit."""
        if self.tables:
            assert self.site.states() == self.site.recomputed(leading(pa.concat_tables(self.tables), self.events))


@pytest.mark.parametrize("seed", range(4))
def test_any_stream_leaves_the_states_of_one_pass(tmp_path, monkeypatch, seed: int) -> None:
    relabelled = []

    def spy(store, watched, due, *, at: int, labels: bool) -> int:
        if labels:
            relabelled.extend(due)
        return measure(store, watched, due, at=at, labels=labels)

    monkeypatch.setattr(service, "measure", spy)
    site = Site(tmp_path)
    site.monitor.once()
    stream = Stream(site, seed)
    stream.rows()
    for _ in range(STEPS):
        stream.step()
    while stream.waiting:
        stream.rows()
    stream.look()
    assert len(site.store.packs("e")) > 10
    stream.tell([(one, "yes", FIRST + 40 * DAY, 9) for one in stream.tables[0]["id"].to_pylist()])
    stream.look()
    assert relabelled, "no window was ever measured again for its labels alone"
    before = site.store.packs("e")
    assert site.monitor.once().windows == 0
    assert site.store.packs("e") == before
    site.store.close()
