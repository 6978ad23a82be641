"""Windows that a store chooses by its traffic: from what lies before, with their reasons, and judged as they are."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from choirmaster.alerts.default_rules import default_rules
from choirmaster.alerts.rules import Rule, bounded
from choirmaster.layout import Layout, SeriesSpec, Task
from choirmaster.ports import ValueQuery
from choirmaster.times import DAY, HOUR, Grain, Window, isoformat, to_micros
from choirmaster.watch.looks import at_once, looks_of, windows_chosen
from choirmaster.watch.traffic import Count, labelled_before
from tests.unit.watch.stream import FIRST, ZONE, Site, of_rows, rows

BUSY, QUIET, FALL, END = 400, 40, 14, 56  # rows a day; days at which traffic falls and the stream ends
PRECISION = 0.06
LAYOUT = Layout(
    Task.BINARY, (SeriesSpec("a"), SeriesSpec("fused")), ("no", "yes"), "yes", ("x",), ("carrier",), ("carrier",)
)
LOW = Rule("low", "roc_auc", bounded(below=0.999), windows=2, series="fused")
RULES = (*default_rules(Task.BINARY, expected_label_share=0.9), LOW)


def labelled(table: pa.Table, seed: int) -> list[str]:
    """Return labels that the fused score tells: as often yes as it says."""
    p = table["y.p.yes"].to_numpy()
    return np.where(np.random.default_rng(seed).random(len(p)) < p, "yes", "no").tolist()


def stretch(first: int, days: int, per_day: int, seed: int) -> pa.Table:
    return rows(days * per_day, seed, start=FIRST + first * DAY, span=days * DAY, layout=LAYOUT)


def past() -> pa.Table:
    table = stretch(-14, 14, BUSY, 99)
    return table.append_column("label", pa.array(labelled(table, 98)).dictionary_encode())


def weeks() -> list[pa.Table]:
    return [stretch(day, 7, BUSY if day < FALL else QUIET, 100 + day) for day in range(0, END, 7)]


def fed(folder, *, look, precision: float | None = PRECISION, tables: list[pa.Table] | None = None) -> Site:
    """Feed a store week by week; ``look`` says after which weeks the monitor looks."""
    table = past()
    site = Site(folder, layout=LAYOUT, reference_rows=lambda: table, precision=precision, clock="data", rules=RULES)
    for week, some in enumerate(weeks() if tables is None else tables):
        site.predictions(some)
        events = zip(
            some["id"].to_pylist(), labelled(some, week), some["time"].cast(pa.int64()).to_pylist(), strict=True
        )
        site.labels([(identity, value, at + HOUR, 0) for identity, value, at in events])
        if look(week):
            site.monitor.once()
    site.monitor.once()
    return site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    one = fed(tmp_path_factory.mktemp("auto"), look=lambda week: True)
    yield one
    one.store.close()


def spans(site: Site, metric: str, **more) -> list[Window]:
    table = site.store.values(ValueQuery("e", metrics=(metric,), **more))
    pairs = zip(table["window_start"].to_pylist(), table["window_end"].to_pylist(), strict=True)
    return sorted({Window(to_micros(start), to_micros(end)) for start, end in pairs})


def test_traffic_that_falls_to_a_tenth_makes_windows_longer_and_raises_no_quality_alert(site) -> None:
    first, *later = windows_chosen(site.store, "e")
    assert (first["name"], first["time"]) == ("1d", isoformat(FIRST))
    assert later[0]["name"] in ("1w", "1mo")
    assert isoformat(FIRST + FALL * DAY) < later[0]["time"] < isoformat(FIRST + (FALL + 15) * DAY)
    assert "labelled rows" in later[0]["why"]
    assert [one for one in site.queries.alerts() if one["rule"].startswith("quality")] == []


def test_every_stored_window_is_looked_at_in_exactly_one_window(site) -> None:
    told = spans(site, "roc_auc", series=("fused",))
    assert {one.end - one.start for one in told} > {DAY}
    assert all(early.end <= late.start for early, late in itertools.pairwise(told))
    looks, marks = looks_of(site.store, "e")
    stored = {one.window for one in site.store.packs("e")}
    due = {one for one in stored if looks.over(one).end + HOUR <= site.store.watermark("e")}
    assert {looks.over(one) for one in due} == set(told)
    assert set(marks) == {one for one in told if one in looks.windows}


def test_what_breaks_is_told_by_each_stored_window(site) -> None:
    days = spans(site, "missing_rate", series=("all",))
    assert days == spans(site, "label_share", series=("fused",)) == spans(site, "availability", series=("a",))
    assert {one.end - one.start for one in days} <= {23 * HOUR, DAY}
    assert len(days) >= END - 1


def test_a_longer_window_is_the_sum_of_the_stored_ones(site) -> None:
    longest = max(spans(site, "roc_auc"), key=lambda one: one.end - one.start)
    length = "1w" if longest.end - longest.start <= 7 * DAY + HOUR else "1mo"
    query = ValueQuery("e", start=longest.start, end=longest.end, segments=None, versions=None)
    summed = site.queries.values(query, length)
    stored = site.store.values(query)
    told = stored.filter(pc.equal(stored["window_end"].cast(pa.int64()), longest.end))
    told = told.filter(pc.equal(told["window_start"].cast(pa.int64()), longest.start))
    summed = summed.filter(pc.is_in(summed["metric"], pc.unique(told["metric"])))
    now = ("value", "n", "revision", "reason", "metric", "segment", "series")
    alike = [one for one in summed.select(now).to_pylist() if not one["metric"].endswith("_previous")]
    assert alike == [one for one in told.select(now).to_pylist() if not one["metric"].endswith("_previous")]
    assert len(alike) > 30


def test_a_window_is_compared_with_the_one_before_it(site) -> None:
    table = site.store.values(ValueQuery("e", metrics=("score_psi_previous",), series=("fused",))).to_pylist()
    longer = [row for row in table if row["window_end"] - row["window_start"] > timedelta(days=2)]
    assert longer[0]["reason"] == "too_few_rows"  # the day before it has 29
    assert all(row["value"] is not None for row in longer[1:])
    assert len(longer) > 2


def test_rules_count_the_windows_that_were_chosen(site) -> None:
    (alert,) = [one for one in site.queries.alerts() if one["rule"] == "low"]
    told = spans(site, "roc_auc", series=("fused",))
    assert (alert["since"], alert["window_start"]) == (isoformat(told[0].start), isoformat(told[1].start))


def test_when_the_monitor_looks_changes_no_choice_and_no_value(site, tmp_path) -> None:
    other = fed(tmp_path, look=lambda week: week == 3)
    assert windows_chosen(other.store, "e") == windows_chosen(site.store, "e")
    everything = ValueQuery("e", segments=None, versions=None)
    ours, theirs = (of_rows(one.store.values(everything)).drop(["revision"]) for one in (site, other))
    assert theirs.equals(ours)
    other.store.close()


def test_the_future_changes_no_choice(site, tmp_path) -> None:
    until = FALL + 14
    tables = [*weeks()[: until // 7], stretch(until, 7, 10 * BUSY, 7)]
    other = fed(tmp_path, look=lambda week: True, tables=tables)
    limit = isoformat(FIRST + until * DAY)
    known = [[one for one in windows_chosen(each.store, "e") if one["time"] <= limit] for each in (site, other)]
    assert known[0] == known[1]
    assert len(known[0]) > 1
    other.store.close()


def test_a_late_label_gives_a_longer_window_a_new_revision(tmp_path) -> None:
    site = fed(tmp_path, look=lambda week: False, tables=weeks()[:6])
    look = max(looks_of(site.store, "e")[1])
    query = ValueQuery("e", start=look.start, end=look.end, metrics=("accuracy", "psi", "roc_auc"), segments=None)
    before = site.store.values(query)
    inside = next(table for table in weeks() if table["time"][0].value >= look.start)
    site.labels([(inside["id"][0].as_py(), None, FIRST + END * DAY, 1)])
    site.change()
    site.monitor.once()
    after = site.store.values(query)
    whole = pc.and_(pc.equal(after["metric"], "accuracy"), pc.equal(after["segment"], ""))
    assert pc.min(pc.subtract(after["revision"], before["revision"])).as_py() == 1
    assert [a - b for a, b in zip(after.filter(whole)["n"].to_pylist(), before.filter(whole)["n"].to_pylist(),
                                  strict=True)] == [-1] * 2  # fmt: skip
    drift = pc.equal(after["metric"], "psi")
    assert after.filter(drift)["value"].equals(before.filter(drift)["value"])
    fresh = site.queries.values(replace(query, segments=("",)), "1w" if look.end - look.start < 8 * DAY else "1mo")
    assert fresh.filter(pc.equal(fresh["metric"], "accuracy"))["value"].equals(after.filter(whole)["value"])
    site.store.close()


def test_metrics_that_are_not_stored_follow_the_choice_too(site) -> None:
    table = site.queries.values(ValueQuery("e", metrics=("kappa", "not_finite_rate"), series=("fused", "all")))
    rows_of = {name: table.filter(pc.equal(table["metric"], name)) for name in ("kappa", "not_finite_rate")}
    windows = {
        name: [to_micros(one) for one in pc.unique(some["window_start"]).to_pylist()] for name, some in rows_of.items()
    }
    assert windows["kappa"] == [one.start for one in spans(site, "roc_auc")]
    assert windows["not_finite_rate"] == [one.start for one in spans(site, "missing_rate")]


def test_pages_say_what_was_chosen_and_why(site) -> None:
    about = site.queries.ensemble("e")
    windows = [one for one in about["choices"] if one["what"] == "window"]
    assert windows == windows_chosen(site.store, "e")
    assert about["window"] == windows[-1]["name"]
    assert next(one for one in about["choices"] if one["what"] == "metric")["name"] == "roc_auc"
    assert about["latest"]["roc_auc"]["fused"]["value"] is not None
    late = weeks()[-4]
    shown = site.queries.prediction("e", late["id"][0].as_py())
    look = looks_of(site.store, "e")[0].over(Window(late["time"][0].value, late["time"][0].value))
    assert shown["window"] == str(look)
    feature = site.queries.feature("e", "x", window=isoformat(look.start))
    assert feature["window"] == isoformat(look.start)


def test_a_busy_reference_has_hours_stored(tmp_path) -> None:
    table = past()
    site = Site(tmp_path, layout=LAYOUT, reference_rows=lambda: table, precision=0.4, clock="data")
    site.predictions(stretch(0, 2, BUSY, 5))
    site.monitor.once()
    assert site.queries.ensemble("e")["window"] == "1h"
    assert {one.window.end - one.window.start for one in site.store.packs("e")} == {HOUR}
    assert len(spans(site, "row_count", series=())) >= 40
    site.store.close()


def test_a_store_of_days_goes_on_with_chosen_windows(tmp_path) -> None:
    site = fed(tmp_path, look=lambda week: False, precision=None, tables=weeks()[:2])
    before = site.store.values(ValueQuery("e"))
    assert windows_chosen(site.store, "e") == []
    site.change(precision=PRECISION)
    site.predictions(stretch(14, 14, QUIET, 9))
    site.monitor.once()
    assert windows_chosen(site.store, "e")[0]["time"] >= isoformat(FIRST + 12 * DAY)
    kept = site.store.values(ValueQuery("e", end=FIRST + 12 * DAY))
    assert kept.equals(before.filter(pc.less_equal(before["window_end"].cast(pa.int64()), FIRST + 12 * DAY)))
    site.store.close()


def test_labels_that_are_not_due_are_expected_as_in_the_past() -> None:
    grain = Grain(1, "d", ZONE)
    counts = {Window(FIRST + day * DAY, FIRST + (day + 1) * DAY): Count(100, 50 if day < 6 else 3) for day in range(8)}
    found = labelled_before(counts, FIRST + 8 * DAY, grain, expected=2 * DAY, share=0.9, seeds=[7.0, 7.0])
    assert found == [7.0, 7.0, *[50.0] * 8]
    early = labelled_before(counts, FIRST + 2 * DAY, grain, expected=2 * DAY, share=0.9, seeds=[])
    assert early == [90.0, 90.0]
    assert labelled_before({}, FIRST, grain, expected=0, share=0.9, seeds=[1.0]) == [1.0]


def test_a_day_without_rows_counts_as_none() -> None:
    counts = {Window(FIRST, FIRST + DAY): Count(10, 10), Window(FIRST + 2 * DAY, FIRST + 3 * DAY): Count(20, 20)}
    grain = Grain(1, "d", ZONE)
    assert labelled_before(counts, FIRST + 4 * DAY, grain, expected=0, share=1.0, seeds=[]) == [10.0, 0.0, 20.0, 0.0]


def test_every_metric_is_told_at_once_or_later() -> None:
    from choirmaster.metrics import METRICS

    names = {one.name for one in METRICS if at_once(one)}
    assert {"availability", "missing_rate", "label_share", "latency_p99", "row_count"} <= names
    assert not {"roc_auc", "psi", "log_loss", "score_psi_previous", "mae"} & names


def test_a_reference_without_labels_leaves_the_choice_to_the_first_labels(tmp_path) -> None:
    table = stretch(-14, 14, QUIET, 99)
    table = table.append_column("label", pa.nulls(table.num_rows, pa.string()).dictionary_encode())
    site = Site(tmp_path, layout=LAYOUT, reference_rows=lambda: table, precision=PRECISION, clock="data")
    for week in range(3):
        some = stretch(7 * week, 7, QUIET, 50 + week)
        site.predictions(some)
        site.labels(
            [(one, value, FIRST, 0) for one, value in zip(some["id"].to_pylist(), labelled(some, week), strict=True)]
        )
    site.monitor.once()
    first, second, *_ = windows_chosen(site.store, "e")
    assert first["why"] == "1d, because roc_auc has no interval yet"
    assert second["name"] in ("1w", "1mo")
    assert "roc_auc" in second["why"]
    site.store.close()
