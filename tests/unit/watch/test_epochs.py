"""References have a life: an epoch is begun whole or not at all, and old windows keep their numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from choirmaster.alerts.rules import Rule, Verdict
from choirmaster.engines.local import LocalEngine
from choirmaster.errors import StoreError
from choirmaster.layout import SeriesSpec
from choirmaster.ports import Epoch, ValueQuery
from choirmaster.states.keys import ENSEMBLE
from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.times import DAY, Window
from choirmaster.watch.choosing import differences, fix_text
from choirmaster.watch.epochs import begin_epoch
from choirmaster.watch.history import history_of
from choirmaster.watch.judge import baselines, judge
from choirmaster.watch.service import Monitor
from tests.unit.watch.stream import FIRST, LAYOUT, Site, leading, of_rows, rows, with_labels


def events_for(table: pa.Table, seed: int, revision: int = 0):
    rng = np.random.default_rng(seed)
    return [(one, str(rng.choice(["no", "yes"])), FIRST + 5 * DAY + revision, revision)
            for one in table["id"].to_pylist() if rng.random() < 0.7]  # fmt: skip


def other(settings):
    del settings
    return with_labels(rows(400, 77, shift=0.5), 3), "another table"


@pytest.fixture
def site(tmp_path):
    one = Site(tmp_path)
    one.table, one.events = rows(240, 1), []
    one.predictions(one.table)
    one.events += events_for(one.table, 5)
    one.labels(one.events)
    one.monitor.once()
    yield one
    one.store.close()


def against_references(store) -> pa.Table:
    """All values but those against the window before."""
    found = of_rows(store.values(ValueQuery("e", segments=None)))
    return found.filter(pa.compute.not_equal(found["reference"], "previous"))


def test_recent_windows_are_measured_again_and_older_ones_keep_their_numbers(site) -> None:
    before = {one.window: one for one in site.store.packs("e") if not one.segment}
    old = against_references(site.store)
    first = history_of(site.store, "e", LAYOUT).current
    found = site.monitor.set_reference("e", other, who="joe", cause="drifted", since=FIRST + 2 * DAY + 5)
    assert (found.before, found.windows, found.rows) == (first.id, 2, 400)
    assert found.since == FIRST + 2 * DAY  # the window that holds the instant
    site.monitor.once()
    after = {one.window: one for one in site.store.packs("e") if not one.segment}
    windows = sorted(after)
    assert [after[one].reference for one in windows] == [first.id, first.id, found.id, found.id]
    assert [after[one].revision - before[one].revision for one in windows] == [0, 0, 1, 1]
    assert all(after[one] == before[one] for one in windows[:2])
    assert site.states() == site.recomputed(leading(site.table, site.events))
    new = against_references(site.store)
    ids = {(row["window_start"], row["reference"]) for row in new.to_pylist()}
    assert len(ids) == 4
    assert {one for _, one in ids} == {first.id, found.id}
    assert new.filter(pa.compute.equal(new["reference"], first.id)).equals(
        old.filter(pa.compute.less(old["window_start"], pa.scalar(found.since, pa.timestamp("us", "UTC"))))
    )
    told = site.store.audit(subject="e")[0]
    assert (told.who, told.action, told.cause, told.before, told.after) == (
        "joe", "reference.set", "drifted", first.id, found.id)  # fmt: skip
    listed = site.queries.references("e")
    assert [(one["id"], one["current"], one["who"]) for one in listed] == [(found.id, True, "joe"),
                                                                           (first.id, False, "")]  # fmt: skip
    assert listed[1]["since"] is None


def test_late_rows_and_labels_find_the_reference_of_their_window(site) -> None:
    site.monitor.set_reference("e", other, who="joe", since=FIRST + 2 * DAY)
    late = rows(80, 2)
    site.predictions(late)
    site.events += events_for(late, 6) + events_for(site.table, 7, revision=1)
    site.labels(site.events)
    site.events += [(one, None, FIRST + 9 * DAY, 2) for one in site.table["id"].to_pylist()[::9]]
    site.labels(site.events[-40:])
    site.monitor.once()
    assert site.states() == site.recomputed(leading(pa.concat_tables([site.table, late]), site.events))


def test_an_epoch_that_starts_earlier_takes_over_what_comes_after(site) -> None:
    site.monitor.set_reference("e", other, who="joe", since=FIRST + 2 * DAY)
    site.monitor.set_reference("e", lambda _: (with_labels(rows(350, 78)), "third"), who="joe", since=FIRST + DAY)
    history = history_of(site.store, "e", LAYOUT)
    assert len(history.epochs) == 3
    assert len(history.spans) == 2
    assert site.states() == site.recomputed(leading(site.table, site.events))


def test_a_window_is_judged_against_the_reference_it_was_measured_with(site) -> None:
    found = site.monitor.set_reference("e", other, who="joe", since=FIRST + 2 * DAY)
    site.monitor.once()
    seen = []
    rule = Rule("r", "roc_auc", lambda point: seen.append((point.window_start, point.baseline)) or Verdict(None),
                series="fused")  # fmt: skip
    values = site.store.values(ValueQuery("e", metrics=("roc_auc",)))
    history = history_of(site.store, "e", LAYOUT)
    past = {name: baselines(one, ["roc_auc"]) for name, one in history.references.items()}
    judge([rule], values, past[found.id], {}, ensemble="e", mature=lambda _: True, expected_share=1.0, earlier=past)
    level = {name: one["fused", "", "yes", "roc_auc"][0] for name, one in past.items()}
    old = next(name for name in level if name != found.id)
    assert level[old] != level[found.id]
    assert [base for _, base in seen] == [level[old]] * 2 + [level[found.id]] * 2


@pytest.mark.parametrize("point", ["rebuilt", "emptied", "refilled", "begun"])
def test_a_crash_leaves_the_old_epoch_or_the_new_one(site, tmp_path, point: str) -> None:
    class Crash(BaseException):
        pass

    def fault(name: str) -> None:
        if name == point:
            raise Crash

    before, first = site.store.packs("e"), history_of(site.store, "e", LAYOUT).current
    crashing = EmbeddedStore(tmp_path, fault=fault)
    monitor = Monitor(crashing, LocalEngine(), site.clock, [site.settings], holder="other")
    with pytest.raises(Crash):
        monitor.set_reference("e", other, who="joe", since=FIRST + 2 * DAY)
    crashing.close()
    done = point == "begun"
    history = history_of(site.store, "e", LAYOUT)
    assert (history.current.id != first.id) is done
    assert (site.store.packs("e") == before) is not done
    assert bool(site.store.audit(subject="e")) is done
    assert site.states() == site.recomputed(leading(site.table, site.events))
    site.monitor.once()  # measures what the crash left unmeasured
    held = {row["reference"] for row in of_rows(site.store.values(ValueQuery("e", start=FIRST + 2 * DAY))).to_pylist()}
    assert held == {history.current.id, "previous"}


def test_a_window_that_was_measured_meanwhile_refuses_the_epoch(site) -> None:
    packs = site.store.packs("e")
    revisions = {one.window: one.revision for one in packs}
    site.labels([(site.table["id"][0].as_py(), "yes", FIRST + 8 * DAY, 9)])
    site.monitor.once()
    reference = LocalEngine().reference(other(None)[0], LAYOUT, cutoff=None, source="x")
    with pytest.raises(StoreError, match="measured while"):
        begin_epoch(site.store, LocalEngine(), site.settings, reference, Epoch(reference.id, FIRST), revisions)
    assert len(site.store.epochs("e")) == 1


def test_a_changed_layout_is_told_with_what_to_type_and_measured_once_set(site) -> None:
    wider = replace(LAYOUT, numeric=("x", "z"), segments=())
    site.change(layout=wider)
    kept = history_of(site.store, "e", LAYOUT).current
    assert differences(kept, site.settings) == [
        "the numeric features are with z now; what is new is not measured",
        "the segments are without carrier now; what is new is not measured",
    ]
    assert fix_text("e").startswith("choirmaster reference set e ")
    more = rows(60, 4, start=FIRST + 3 * DAY, span=DAY, layout=wider)
    site.predictions(more)
    site.monitor.once()
    found = site.monitor.set_reference(
        "e", lambda _: (with_labels(rows(300, 98, layout=wider)), "wider"), who="joe", since=FIRST + 3 * DAY
    )
    site.monitor.once()
    assert found.windows == 1
    assert {row["feature"] for row in site.store.values(ValueQuery("e", features=("z",))).to_pylist()} == {"z"}
    assert differences(history_of(site.store, "e", LAYOUT).current, site.settings, by_hand=True) == []
    both = pa.concat_tables([leading(site.table, site.events), leading(more, [])], promote_options="default")
    assert site.states() == site.recomputed(both.combine_chunks())


def test_a_segment_that_is_new_is_found_by_late_labels_though_the_sidecar_is_older(tmp_path) -> None:
    site = Site(tmp_path, layout=replace(LAYOUT, segments=()))
    table = rows(120, 1)
    site.predictions(table)
    site.monitor.once()
    site.change(layout=LAYOUT)
    site.monitor.set_reference("e", lambda _: (with_labels(rows(300, 98)), "sliced"), who="joe", since=FIRST)
    events = events_for(table, 3)
    site.labels(events)
    site.monitor.once()
    states = site.states()
    assert {segment for _, segment in states} == {"", "carrier=AA", "carrier=UA"}
    assert states == site.recomputed(leading(table, events))
    site.store.close()


@pytest.mark.parametrize("configured", [True, False])
def test_a_new_member_is_measured_from_when_it_appears_without_a_new_epoch(site, configured: bool) -> None:
    first = history_of(site.store, "e", LAYOUT).current
    wider = replace(LAYOUT, series=(SeriesSpec("a"), SeriesSpec("b"), SeriesSpec("c"), SeriesSpec("fused")))
    past = with_labels(rows(300, 99, layout=wider if configured else LAYOUT))
    site.change(layout=wider, reference_rows=lambda: past, collect=DAY // 2)
    site.monitor.once()
    assert len(site.store.epochs("e")) == 1  # no answer of it yet
    more = rows(90, 8, start=FIRST + 3 * DAY, span=2 * DAY, layout=wider)
    site.predictions(more)
    site.monitor.once()
    site.events += events_for(more, 9) + events_for(site.table, 10, revision=1)
    site.labels(site.events)
    site.monitor.once()
    history = history_of(site.store, "e", LAYOUT)
    assert history.spans[1][0] == FIRST + 3 * DAY
    assert {key: part.id for key, part in history.current.parts.items() if key.series not in ("c", ENSEMBLE)} == {
        key: part.id for key, part in first.parts.items() if key.series != ENSEMBLE
    }
    both = pa.concat_tables([leading(site.table, site.events), leading(more, site.events)], promote_options="default")
    assert site.states() == site.recomputed(both.combine_chunks())
    found = site.queries.metrics(ensemble="e", metric="roc_auc", series="c")
    assert [row["value"] is not None for row in found] == [True, True]
    whole = site.queries.metrics(ensemble="e", metric=("roc_auc", "psi"), window="all")
    assert {row["reason"] for row in whole if row["series"] != "c"} == {None}  # parts of the others are the same
    assert site.store.audit(subject="e")[0].action == "reference.member"


def test_rows_of_windows_nobody_measured_yet_need_no_second_look(tmp_path) -> None:
    site = Site(tmp_path)
    site.monitor.once()
    found = site.monitor.set_reference("e", other, who="joe", since=FIRST)
    assert found.windows == 0
    site.predictions(rows(20, 1))
    site.monitor.once()
    assert {one.reference for one in site.store.packs("e")} == {found.id}
    assert Window(FIRST, FIRST + DAY) in {one.window for one in site.store.packs("e")}
    site.store.close()
