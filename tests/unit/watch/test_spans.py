"""Longer windows are sums of stored states, bit for bit; and a window can be shown as it was known at any time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from choirmaster.engines.local import LocalEngine
from choirmaster.errors import ConfigError, Unavailable
from choirmaster.plan import plan_for
from choirmaster.ports import ValueQuery
from choirmaster.states import BY_KIND
from choirmaster.states.pack import unpack
from choirmaster.times import DAY, HOUR, Grain, Window, isoformat, to_micros
from choirmaster.watch.before import Before
from choirmaster.watch.chosen import measured
from choirmaster.watch.evaluate import Subject, ValueRows, evaluate_states
from choirmaster.watch.history import history_of
from choirmaster.watch.queries import Queries
from choirmaster.watch.rollup import Sum
from choirmaster.watch.spans import grain_over, over_windows
from tests.unit.watch.stream import FIRST, LAYOUT, ZONE, Site, digests, leading, of_rows, rows, with_labels


def local(*parts: int) -> int:
    return to_micros(datetime(*parts, tzinfo=ZoneInfo(ZONE)))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Forty-five days, over the change of clocks on 10 March and the ends of two months."""
    one = Site(tmp_path_factory.mktemp("spans"))
    one.table = rows(900, 1, span=45 * DAY)
    one.events = [(i, "yes" if at % 3 else "no", FIRST + 50 * DAY, 0)
                  for at, i in enumerate(one.table["id"].to_pylist()) if at % 4]  # fmt: skip
    one.predictions(one.table)
    one.labels(one.events)
    one.monitor.once()
    yield one
    one.store.close()


def scanned(site, grain: Grain | None):
    """Values and states by one pass over all rows in the longer windows."""
    history = history_of(site.store, "e", LAYOUT)
    table = leading(site.table, site.events)
    states = LocalEngine().states(table, history.current, grain, calls=True)
    out, plan, before = ValueRows(), plan_for(history.current, grain, calls=True), Before()
    for (window, segment), found in sorted(states.items(), key=lambda pair: pair[0]):
        metrics = measured(site.settings, history.current)[bool(segment)]
        earlier = before.swap(window, segment, found)
        evaluate_states(out, Subject("e", window, segment), found, plan, history.current, metrics, earlier)
    return states, out.table()


@pytest.mark.parametrize(("text", "count"), [("1d", 46), ("1w", 7), ("1mo", 3), ("2w", 4), ("3d", 16)])
def test_sums_of_stored_states_are_a_scan_of_the_rows(site, text: str, count: int) -> None:
    grain = grain_over(Grain(1, "d", ZONE), text)
    states, table = scanned(site, grain)
    found = site.queries.values(ValueQuery("e", segments=None), text)
    windows = pc.unique(found["window_start"]).to_pylist()
    assert abs(len(windows) - count) <= 1
    assert of_rows(found.drop(["revision"])).equals(of_rows(table.drop(["revision"])))
    history, sums = history_of(site.store, "e", LAYOUT), {}
    packs = site.store.packs("e")
    over = over_windows(grain, (one.window for one in packs))
    for one in packs:
        held = unpack(one.payload, plan_for(history.current, None, calls=True).parts, BY_KIND)
        sums.setdefault((over[one.window], one.segment), Sum()).add(held, history.current)
    assert {slot: digests(one.states) for slot, one in sums.items()} == {
        slot: digests(one) for slot, one in states.items()
    }


def test_weeks_begin_on_monday_and_a_month_with_a_clock_change_is_an_hour_short(site) -> None:
    weeks = pc.unique(site.queries.values(ValueQuery("e", metrics=("accuracy",)), "1w")["window_start"]).to_pylist()
    assert {one.astimezone(ZoneInfo(ZONE)).weekday() for one in weeks} == {0}
    months = site.queries.metrics(ensemble="e", metric="accuracy", series="fused", window="1mo")
    march = next(row for row in months if row["window_start"] == isoformat(local(2013, 3, 1)))
    assert local(2013, 4, 1) - local(2013, 3, 1) == 31 * DAY - HOUR
    assert march["window_end"] == isoformat(local(2013, 4, 1))
    times = site.table["time"].cast(pa.int64()).to_numpy()
    inside = (times >= local(2013, 3, 1)) & (times < local(2013, 4, 1))
    labelled = np.array([one in {event[0] for event in site.events} for one in site.table["id"].to_pylist()])
    assert march["n"] == int((inside & labelled).sum())


def test_all_is_one_window_and_a_span_cuts_it(site) -> None:
    rows_ = site.queries.metrics(ensemble="e", metric="accuracy", series="fused", window="all")
    assert [row["n"] for row in rows_] == [len(site.events)]
    cut = site.queries.metrics(ensemble="e", metric="accuracy", series="fused", window="all",
                               start=FIRST + 10 * DAY, end=FIRST + 12 * DAY)  # fmt: skip
    assert [(row["window_start"], row["window_end"]) for row in cut] == [
        (isoformat(FIRST + 10 * DAY), isoformat(FIRST + 12 * DAY))
    ]
    assert 0 < cut[0]["n"] < rows_[0]["n"]
    assert site.queries.metrics(ensemble="e", window="all", start=0, end=1) == []


@pytest.mark.parametrize("text", ["12h", "6h", "25m", "soon"])
def test_only_whole_multiples_of_the_stored_windows_are_given(site, text: str) -> None:
    with pytest.raises(ConfigError):
        site.queries.metrics(ensemble="e", window=text)


@pytest.mark.parametrize(("stored", "text", "fine"), [("6h", "12h", True), ("6h", "8h", False), ("2h", "1d", True),
                                                      ("15m", "1h", True), ("15m", "20m", False)])  # fmt: skip
def test_shorter_windows_add_up_too(stored: str, text: str, fine: bool) -> None:
    grain = Grain(int(stored[:-1]), stored[-1])
    if not fine:
        with pytest.raises(ConfigError, match="multiple"):
            grain_over(grain, text)
        return
    longer = grain_over(grain, text)
    for start in range(0, 2 * DAY, 15 * 60 * 1_000_000):
        inner = over_windows(grain, [Window(start, start + 1)])
        outer = over_windows(longer, inner.values())
        assert all(two.start <= one.start and one.end <= two.end for one, two in outer.items())


def test_windows_of_two_references_do_not_add_up_and_say_so(tmp_path) -> None:
    site = Site(tmp_path)
    table = rows(200, 1)
    site.predictions(table)
    site.labels([(one, "yes", FIRST, 0) for one in table["id"].to_pylist()[::2]])
    site.monitor.once()
    site.monitor.set_reference("e", lambda _: (with_labels(rows(300, 5)), "other"), who="joe", since=FIRST + 2 * DAY)
    site.monitor.once()
    found = {(row["series"], row["feature"], row["metric"]): row
             for row in site.queries.metrics(ensemble="e", window="all")}  # fmt: skip
    assert found["all", "x", "psi"]["reason"] == "mixed_references"
    assert found["fused", "", "roc_auc"]["reason"] == "mixed_references"
    assert found["a", "", "availability"]["value"] == 1.0  # calls are counted without a reference
    losses = found["fused", "", "log_loss"]  # so are losses of probabilities: one unit for all
    assert (losses["reason"], losses["n"]) == (None, 100)
    by_day = site.queries.metrics(ensemble="e", window="1d", metric="psi")
    assert {row["reason"] for row in by_day} <= {None, "too_few_rows"}
    months = site.queries.months("e")
    assert (sum(one["n"] for one in months), sum(one["labelled"] for one in months)) == (200, 100)
    assert months[0]["metrics"]["roc_auc"]["fused"]["reason"] == "mixed_references"
    assert site.queries.drift("e")["months"]
    assert site.queries.feature("e", "x")["current"]
    assert site.queries.segments("e", "roc_auc")[0]["value"]["reason"] == "mixed_references"
    site.store.close()


# -- as known at T --------------------------------------------------------------------------------------------------
def stored(site):
    return of_rows(site.store.values(ValueQuery("e", segments=None)).drop(["revision"]))


def test_what_was_known_at_a_time_is_what_was_stored_at_that_time(tmp_path) -> None:
    site = Site(tmp_path, now=FIRST)
    table = rows(150, 1)
    site.predictions(table)
    rng, kept = np.random.default_rng(4), {}
    for step in range(1, 9):
        site.clock.at = now = FIRST + step * DAY
        ids = [one for one in table["id"].to_pylist() if rng.random() < 0.3]
        values = [None if one < 0.15 else "yes" if one < 0.6 else "no" for one in rng.random(len(ids))]
        site.labels([(i, v, now - HOUR, int(rng.integers(0, 3))) for i, v in zip(ids, values, strict=True)])
        site.monitor.once()
        kept[now] = stored(site)
    assert len({one["value"].to_pylist().__repr__() for one in kept.values()}) == len(kept)
    for now, before in kept.items():
        found = site.queries.values(ValueQuery("e", segments=None), as_of=now)
        assert of_rows(found.drop(["revision"])).equals(before), isoformat(now)
    assert site.queries.values(ValueQuery("e"), as_of=FIRST).num_rows == 0
    last = of_rows(site.queries.values(ValueQuery("e"), "1w", now).drop(["revision"]))
    assert last.equals(of_rows(site.queries.values(ValueQuery("e"), "1w").drop(["revision"])))
    some = site.queries.metrics(ensemble="e", metric="label_share", series="fused", as_of=isoformat(FIRST + 3 * DAY))
    assert len(some) == 2
    with pytest.raises(Unavailable, match="engine"):
        Queries(site.store, [site.settings]).metrics(ensemble="e", as_of=FIRST + 5 * DAY)
    site.store.close()


def test_labels_for_every_ensemble_and_of_unknown_classes_are_seen_as_then(tmp_path) -> None:
    site = Site(tmp_path)
    table = rows(20, 1, span=DAY)
    site.predictions(table)
    one = table["id"][0].as_py()
    site.labels([(one, "yes", FIRST + DAY, 0), (one, "no", FIRST + 3 * DAY, 1)])
    site.store.write_parts([_everywhere(1, one, "perhaps", FIRST + 2 * DAY, 7)])
    site.store.write_parts([_everywhere(2, one, "yes", FIRST + 5 * DAY, 2)])
    known = {}
    for day in range(1, 7):
        rows_ = site.store.rows("e", as_of=FIRST + day * DAY).to_pylist()
        known[day] = next(row["label"] for row in rows_ if row["id"] == one)
    assert known == {1: "yes", 2: "yes", 3: "no", 4: "no", 5: "yes", 6: "yes"}
    assert site.store.rows("e", as_of=FIRST)["label"].null_count == 20
    site.store.close()


def _everywhere(sequence: int, identity: str, value: str, known_at: int, revision: int):
    from choirmaster.records import LABEL_SCHEMA, Batch, EventKind, Part

    row = {"id": identity, "value": value, "known_at": known_at, "source": "s", "revision": revision}
    batch = pa.RecordBatch.from_pylist([row], schema=LABEL_SCHEMA)
    return Part("k" * 32, sequence, 0, Batch(EventKind.LABEL, "*", batch))
