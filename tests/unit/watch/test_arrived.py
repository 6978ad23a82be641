"""How stored rows arrived, in the windows of a store: against a plain loop, each part once, whatever breaks between."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.errors import StoreError
from choirmaster.layout import arrival_column
from choirmaster.plan import plan_for
from choirmaster.ports import ValueQuery
from choirmaster.records import Batch, EventKind, Part
from choirmaster.states import BY_KIND
from choirmaster.states.intake import INTAKE
from choirmaster.states.pack import unpack
from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.times import DAY, HOUR, Window, to_micros, window_of
from choirmaster.watch.absorb import absorb
from choirmaster.watch.arrived import ROWS, latest_before
from choirmaster.watch.history import history_of
from tests.unit.watch.stream import FIRST, LAYOUT, Site, rows

FLAGS = INTAKE.flags


def changed(table: pa.Table, **columns) -> pa.Table:
    for name, values in columns.items():
        place = table.schema.get_field_index(name.replace("__", "."))
        field = table.schema.field(place)
        table = table.set_column(place, field, pa.array(values).cast(field.type))
    return table


class Journals:
    """Writes parts of several journals into the store of a site, and keeps what a plain loop says of each row."""

    def __init__(self, site: Site) -> None:
        self.site, self.sequence = site, {"a": 0, "b": 0}
        self.content: dict[str, tuple] = {}
        self.latest: dict[str, int] = {}
        self.expected: dict[Window, dict[str, list[int]]] = {}

    def write(self, journal: str, table: pa.Table, received_at: int = FIRST + 2 * DAY) -> None:
        self.sequence[journal] += 1
        batch = Batch(EventKind.PREDICTION, "e", table.combine_chunks().to_batches()[0])
        self.site.store.write_parts([Part(journal * 32, self.sequence[journal], received_at, batch)])
        for row in table.to_pylist():
            self._expect(journal, row, received_at)

    def _expect(self, journal: str, row: dict, received_at: int) -> None:
        time = to_micros(row["time"])
        live = row["split"] == "live"
        said = tuple((name, str(value)) for name, value in row.items())
        known = self.content.setdefault(row["id"], said)
        new = row["id"] not in self.__dict__.setdefault("seen", set())
        self.seen.add(row["id"])
        if not live:
            return
        window = window_of(self.site.settings.grain, time)
        counts = self.expected.setdefault(window, {"rows": [0, 0]} | {flag: [0, 0] for flag in FLAGS})
        if not new:
            counts["repeated"][1] += 1
            counts["conflicting"][known != said] += 1
            return
        counts["rows"][0] += 1
        counts["repeated"][0] += 1
        counts["conflicting"][0] += 1
        counts["future"][time > received_at] += 1
        counts["backwards"][time < self.latest.get(journal, time)] += 1
        self.latest[journal] = max(time, self.latest.get(journal, time))

    def found(self) -> dict[Window, dict[str, list[int]]]:
        history, out = history_of(self.site.store, "e", LAYOUT), {}
        for one in self.site.store.packs("e"):
            if not one.segment:
                parts = plan_for(history.at(one.window.start), None, calls=True).parts
                state = unpack(one.payload, parts, BY_KIND)[ROWS]
                flags = {flag: [n - hits, hits] for flag in FLAGS for hits, n in [state.flagged(flag)]}
                out[one.window] = {"rows": [state.rows, 0]} | flags
        return out


def feed(journals: Journals, seed: int = 0) -> None:
    """New rows in and out of order, the same again, others under the same id, training rows, times to come."""
    rng = np.random.default_rng(seed)
    one, two = rows(120, seed + 1), rows(90, seed + 2)
    journals.write("a", one.slice(0, 50))
    journals.write("b", two.slice(0, 40).take(rng.permutation(40)))
    journals.write("a", one.slice(30, 60))  # 20 of them again
    again = two.slice(20, 30)
    journals.write("b", changed(again, x__x=rng.normal(size=30)))  # 20 conflict, 10 are new
    journals.write("b", changed(again, split=["test"] * 30))  # no live row: neither is counted
    journals.write("a", one.slice(10, 20).take(rng.permutation(20)))  # nothing but rows that are there
    journals.write("a", changed(one.slice(90, 30), split=["train"] * 10 + ["live"] * 20))
    journals.write("b", two.slice(50, 40), received_at=FIRST + HOUR)


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize("looks", [1, 3])
def test_counts_are_what_a_loop_over_the_journals_finds(site, looks):
    journals = Journals(site)
    for look in range(looks):
        feed(journals, seed=10 * look)
        site.monitor.once()
    assert journals.found() == journals.expected
    whole = {flag: sum(one[flag][1] for one in journals.expected.values()) for flag in FLAGS}
    assert min(whole.values()) > 0, whole


def test_the_values_are_rates_of_these_counts(site):
    journals = Journals(site)
    feed(journals)
    site.monitor.once()
    names = {"repeated": "duplicate_id_rate", "conflicting": "conflicting_id_rate", "future": "future_time_rate",
             "backwards": "backwards_time_rate"}  # fmt: skip
    table = site.store.values(ValueQuery("e", metrics=(*names.values(), "row_count"))).to_pylist()
    found = {(one["metric"], to_micros(one["window_start"])): (one["value"], one["n"]) for one in table}
    for window, counts in journals.expected.items():
        assert found["row_count", window.start] == (counts["rows"][0], counts["rows"][0])
        for flag, name in names.items():
            no, yes = counts[flag]
            assert found[name, window.start] == (yes / (no + yes), no + yes), name


def test_rows_that_came_again_make_a_new_revision_once(site):
    journals = Journals(site)
    table = rows(40, 1)
    journals.write("a", table)
    site.monitor.once()
    before = {one.window: one.revision for one in site.store.packs("e") if not one.segment}
    assert site.monitor.once().windows == 0
    journals.write("a", table.slice(0, 5))
    summary = site.monitor.once()
    assert summary.windows > 0
    after = {one.window: one.revision for one in site.store.packs("e") if not one.segment}
    assert {window for window in after if after[window] > before[window]} == {
        window_of(site.settings.grain, to_micros(at)) for at in table["time"].slice(0, 5).to_pylist()
    }
    assert site.monitor.once().windows == 0
    assert journals.found() == journals.expected


@pytest.mark.parametrize("point", ["decided", "intent", "delta:predictions/e", "marked", "sidecar", "committed"])
def test_a_part_counts_once_wherever_it_breaks(tmp_path, point):
    class Broken(RuntimeError):
        pass

    armed = []

    def fault(name: str) -> None:
        if armed and armed[0] == name:
            armed.clear()
            raise Broken(name)

    site = Site(tmp_path)
    site.store.close()
    site.store = EmbeddedStore(tmp_path, fault=fault)
    site.change()
    journals = Journals(site)
    feed(journals)
    site.monitor.once()
    more, seen = rows(60, 1), rows(50, 77)
    armed.append(point)
    for journal, table in (("a", pa.concat_tables([seen, more])), ("b", seen)):
        try:
            journals.write(journal, table)
        except Broken:
            journals.sequence[journal] -= 1
            journals.write(journal, table)  # the journal hands the same part out again
    try:
        site.monitor.once()
    except Broken:
        site.change()
        site.monitor.once()
    assert not armed
    assert journals.found() == journals.expected
    site.store.close()


def test_what_was_handed_out_twice_is_taken_back_once(site):
    journals = Journals(site)
    journals.write("a", rows(30, 1))
    site.monitor.once()
    journals.write("a", rows(30, 1))
    history = history_of(site.store, "e", LAYOUT)
    held = site.store.pending("e")
    absorb(site.store, site.monitor.engine, site.settings, history, now=0)
    with pytest.raises(StoreError, match="measured already"):
        site.store.commit(held, site.store.packs("e"))
    assert journals.found() == journals.expected


def test_a_new_reference_keeps_what_is_known_of_how_rows_came(site):
    journals = Journals(site)
    feed(journals)
    site.monitor.once()
    other = rows(200, 5, shift=2.0).append_column("label", pa.array(["no", "yes"] * 100).dictionary_encode())
    site.monitor.set_reference("e", lambda _: (other, "another"), who="me", since=FIRST + DAY)
    feed(journals, seed=30)
    site.monitor.once()
    assert len(site.store.epochs("e")) == 2
    assert journals.found() == journals.expected


def test_a_store_of_an_older_version_goes_on(site):
    """Parts from before this was noted have no order to compare with; their rows are counted all the same."""
    site.predictions(rows(40, 1))
    with site.store._database.write() as link:
        link.exec_driver_sql("UPDATE parts SET arrival = '{}', latest = NULL")
        link.exec_driver_sql("UPDATE ensembles SET newest = '{}'")
    site.monitor.once()
    found = Journals(site).found()
    assert sum(one["rows"][0] for one in found.values()) == 40
    assert all(one["repeated"] == [one["rows"][0], 0] for one in found.values())


parts = st.lists(st.tuples(st.integers(-5, 5), st.lists(st.integers(-9, 9), min_size=1, max_size=6)), min_size=1)


@given(parts)
def test_latest_before_is_a_running_maximum_of_each_part(given_parts):
    times, part, before, expected = [], [], [], []
    for number, (first, some) in enumerate(given_parts):
        latest = first
        for one in some:
            times.append(one)
            part.append(number)
            before.append(first)
            expected.append(latest)
            latest = max(latest, one)
    found = latest_before(*(np.array(one, np.int64) for one in (times, part, before)))
    assert found.tolist() == expected


def test_flags_have_names_of_their_own():
    assert len({arrival_column(flag) for flag in FLAGS}) == len(FLAGS) == 4
