"""The loop when something goes wrong beside it, and what rules see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from choirmaster.alerts.life import FIRING
from choirmaster.alerts.rules import Rule, bounded
from choirmaster.engines.local import LocalEngine
from choirmaster.errors import ConfigError
from choirmaster.records import Batch, EventKind, Part
from choirmaster.stores.lake.store import EmbeddedStore
from choirmaster.times import DAY, HOUR, Grain
from choirmaster.watch import choosing
from choirmaster.watch.choosing import differences
from choirmaster.watch.service import NO_DATA_TRACK, Monitor
from choirmaster.watch.settings import MonitorSettings
from tests.unit.watch.watched_store import NUMBERS, Clock, rows, watched

BAD = Rule("bad", "mae", bounded(above=0.0), windows=1, series="fused")


def test_an_alert_repeats_and_is_never_lost_when_telling_fails(tmp_path) -> None:
    told: list[str] = []

    def tell(document) -> None:
        told.append(str(document["id"]))
        if len(told) == 1:
            raise OSError("killed here")

    _, monitor, queries = watched(tmp_path, NUMBERS, ["1000.5"] * 30, now=5 * DAY, rules=(BAD,))
    monitor.notify = tell
    with pytest.raises(OSError, match="killed here"):
        monitor.once()
    again = Monitor(monitor.store, LocalEngine(), Clock(5 * DAY), list(monitor.settings.values()), notify=tell)
    again.once()
    assert told[0] == told[1]
    assert len(queries.alerts(state="firing")) == 1
    count = len(told)
    again.once()
    monitor.once()
    assert len(told) == count  # judged once


def test_an_ensemble_that_fails_does_not_stop_the_others(tmp_path) -> None:
    _, monitor, queries = watched(tmp_path, NUMBERS, [], now=5 * DAY)

    def broken():
        raise OSError("no such file")

    first = MonitorSettings("broken", NUMBERS, reference_rows=broken)
    monitor.settings = {"broken": first, **monitor.settings}
    with pytest.raises(OSError, match="no such file"):
        monitor.once()
    assert queries.ensembles()[0]["predictions"] == 120


@pytest.mark.parametrize(("segment", "seen"), [("", ""), ("x=1", "x=1"), ("x=7", None)])
def test_a_rule_sees_the_segment_it_names(tmp_path, segment: str, seen: str | None) -> None:
    _, monitor, queries = watched(
        tmp_path, NUMBERS, ["1000.5"] * 30, now=5 * DAY, rules=(replace(BAD, segment=segment),)
    )
    monitor.once()
    assert {one["segment"] for one in queries.alerts()} == (set() if seen is None else {seen})


def test_rows_that_stop_and_come_again_are_told_once_each(tmp_path) -> None:
    store, monitor, queries = watched(tmp_path, NUMBERS, [], now=5 * DAY)
    states: list[str] = []
    monitor.notify = lambda one: states.append(str(one["state"]))
    for now in (5 * DAY, 7 * DAY, 8 * DAY):
        monitor.clock.at = now
        monitor.once()
    assert states == ["firing"]
    more = rows(NUMBERS, 12, seed=3)
    late = more.set_column(1, "time", [[8 * DAY] * 12]).cast(more.schema)
    store.write_parts([Part("j" * 32, 3, 0, Batch(EventKind.PREDICTION, "e", late.combine_chunks().to_batches()[0]))])
    monitor.clock.at = 8 * DAY + HOUR
    monitor.once()
    assert states == ["firing", "resolved"]
    assert len(queries.alerts()) == 1


def test_values_are_read_again_from_where_rules_stand(tmp_path, monkeypatch) -> None:
    store, monitor, _ = watched(tmp_path, NUMBERS, ["1000.5"] * 30, now=5 * DAY, rules=(BAD,))
    monitor.once()
    store.put_document("track", f"e/{NO_DATA_TRACK}",
                       {"state": FIRING, "judged_until": -DAY, "streak": 0, "since": 0}, at=0)  # fmt: skip
    asked: list[int | None] = []
    real = store.values
    monkeypatch.setattr(store, "values", lambda query: asked.append(query.start) or real(query))
    monitor.clock.at = 6 * DAY
    monitor.once()
    assert asked == [3 * DAY]


def test_a_reference_is_collected_however_parts_fall(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(choosing, "COLLECT_ROWS", 100)
    store = EmbeddedStore(tmp_path)
    monitor = Monitor(store, LocalEngine(), Clock(9 * DAY), [MonitorSettings("e", NUMBERS, Grain(1, "d"), HOUR)])
    store.open_ensemble("e", NUMBERS)
    for sequence in (1, 2):  # two parts of 70 rows: one is too few, both are more than is asked for
        batch = rows(NUMBERS, 70, seed=sequence).combine_chunks().to_batches()[0]
        store.write_parts([Part("j" * 32, sequence, 0, Batch(EventKind.PREDICTION, "e", batch))])
        summary = monitor.once()
        assert bool(summary.collecting) is (sequence == 1)
    stored = store.reference("e")
    assert stored is not None
    assert len(store.packs("e")) > 0


def test_a_reference_that_is_not_the_configured_one_any_more_is_told(tmp_path) -> None:
    _, monitor, queries = watched(tmp_path, NUMBERS, [])
    monitor.once()
    reference, settings = queries.reference("e"), next(iter(monitor.settings.values()))
    assert reference is not None
    assert differences(reference, settings) == []
    moved = replace(settings, reference_source="other", layout=replace(NUMBERS, numeric=("x", "z")))
    assert differences(reference, moved) == [
        "the numeric features are with z now; what is new is not measured",
        "the reference file is other now, it was train",
    ]


def test_a_second_monitor_waits_its_turn_and_then_reads_what_the_first_did(tmp_path) -> None:
    store, monitor, _ = watched(tmp_path, NUMBERS, [], now=9 * DAY)
    other = Monitor(store, LocalEngine(), Clock(9 * DAY), list(monitor.settings.values()), holder="other")
    assert store.lease("monitor", "somebody", now=9 * DAY, seconds=60)
    assert monitor.once().elsewhere
    store.release("monitor", "somebody")
    first = other.once()
    assert first.rows == 120
    assert first.windows > 0
    assert monitor.once().windows == 0
    batch = rows(NUMBERS, 30, seed=4).combine_chunks().to_batches()[0]
    store.write_parts([Part("k" * 32, 1, 0, Batch(EventKind.PREDICTION, "e", batch))])
    assert monitor.once().rows == 30
    assert other.once().windows == 0


def test_windows_of_measured_data_cannot_change(tmp_path) -> None:
    store, monitor, _ = watched(tmp_path, NUMBERS, [], now=9 * DAY)
    monitor.once()
    changed = [replace(one, grain=Grain(1, "h")) for one in monitor.settings.values()]
    with pytest.raises(ConfigError, match="expected 1d in UTC, got 1h in UTC"):
        Monitor(store, LocalEngine(), Clock(9 * DAY), changed).once()


def test_over_windows_of_six_hours_none_are_chosen(tmp_path) -> None:
    store, monitor, _ = watched(tmp_path, NUMBERS, [], now=9 * DAY)
    of_six_hours = [replace(one, grain=Grain(6, "h")) for one in monitor.settings.values()]
    Monitor(store, LocalEngine(), Clock(9 * DAY), of_six_hours).once()
    chosen = [replace(one, precision=0.02) for one in monitor.settings.values()]
    with pytest.raises(ConfigError, match="expected 6h in UTC, got 1d in UTC"):
        Monitor(store, LocalEngine(), Clock(9 * DAY), chosen, holder="other").once()
