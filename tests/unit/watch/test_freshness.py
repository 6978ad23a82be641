"""How fresh the sources of a store are by the clock: predictions and each source of labels, in values and rules."""

from __future__ import annotations

import pyarrow as pa
import pytest

from choirmaster.alerts.rules import Rule, Severity, bounded
from choirmaster.ports import ValueQuery
from choirmaster.records import LABEL_SCHEMA, EventKind
from choirmaster.stores.sql import index
from choirmaster.times import DAY, HOUR, MINUTE, SECOND, to_micros, window_of
from tests.unit.watch.stream import FIRST, Site, rows

RULE = Rule("stale", "freshness", bounded(above=3600), 1, Severity.WARNING, target="predictions")


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path, now=FIRST + 5 * DAY, rules=(RULE,))
    yield made
    made.store.close()


def labels(site: Site, *events: tuple[str, str, int], received_at: int = FIRST + 90 * DAY) -> None:
    """``events`` are (id, source, known_at)."""
    listed = [{"id": i, "value": "yes", "known_at": at, "source": source} for i, source, at in events]
    site._put(EventKind.LABEL, pa.RecordBatch.from_pylist(listed, schema=LABEL_SCHEMA), received_at)


def fresh(site: Site) -> dict[tuple[int, str], float]:
    table = site.store.values(ValueQuery("e", metrics=("freshness",))).to_pylist()
    assert {(one["series"], one["kind"], one["segment"], one["reference"]) for one in table} <= {
        ("all", "observed", "", "")
    }
    return {(to_micros(one["window_start"]), one["target"]): one["value"] for one in table}


def last(table: pa.Table) -> int:
    return max(map(to_micros, table["time"].to_pylist()))


def test_the_newest_prediction_and_label_of_each_source_against_the_clock(site):
    table = rows(60, 1)
    site.predictions(table, received_at=FIRST + 90 * DAY)
    labels(site, ("r1-0", "", FIRST + 2 * DAY), ("r1-1", "bank", FIRST + DAY), ("r1-2", "bank", FIRST + 3 * DAY))
    site.monitor.once()
    window = window_of(site.settings.grain, site.clock.at)
    now = site.clock.at
    assert fresh(site) == {
        (window.start, "predictions"): (now - last(table)) / SECOND,
        (window.start, "labels"): (now - FIRST - 2 * DAY) / SECOND,
        (window.start, "labels:bank"): (now - FIRST - 3 * DAY) / SECOND,
    }


def test_the_last_value_of_a_window_stays_when_the_window_is_measured_and_measured_again(site):
    table = rows(60, 1)
    site.predictions(table, received_at=FIRST + 90 * DAY)
    site.clock.at = last(table) + 2 * MINUTE
    site.monitor.once()
    window = window_of(site.settings.grain, last(table))
    assert fresh(site) == {(window.start, "predictions"): 120.0}
    site.clock.at += 2 * DAY
    site.predictions(rows(30, 2), received_at=FIRST)
    site.monitor.once()
    assert fresh(site)[window.start, "predictions"] == 120.0
    assert len(fresh(site)) == 2
    names = {one["metric"] for one in site.store.values(ValueQuery("e", start=window.start)).to_pylist()}
    assert {"freshness", "row_count", "log_loss"} <= names
    revisions = site.store.values(ValueQuery("e", start=window.start, end=window.end))["revision"].unique().to_pylist()
    assert len(revisions) == 1


def test_what_lies_after_its_receipt_counts_as_of_then_and_training_rows_not_at_all(site):
    table = rows(20, 1)
    site.predictions(table, received_at=FIRST + HOUR)
    assert site.store.newest("e") == {"predictions": FIRST + HOUR}
    place = table.schema.get_field_index("split")
    train = table.set_column(
        place, table.schema.field(place), pa.array(["train"] * 20).cast(table.schema.field(place).type)
    )
    site.predictions(_renamed(train), received_at=FIRST + 90 * DAY)
    assert site.store.newest("e") == {"predictions": FIRST + HOUR}
    labels(site, ("r1-0", "x", FIRST + 99 * DAY), received_at=FIRST + 2 * DAY)
    assert site.store.newest("e")["labels:x"] == FIRST + 2 * DAY


def _renamed(table: pa.Table) -> pa.Table:
    return table.set_column(0, "id", pa.array([f"t{at}" for at in range(table.num_rows)]))


def test_a_rule_fires_within_a_minute_and_resolves_when_rows_come_again(site):
    site.predictions(rows(60, 1, span=5 * DAY), received_at=FIRST + 90 * DAY)
    start = site.store.newest("e")["predictions"]
    told = []
    site.monitor.notify = told.append
    for minutes in (1, 30, 59, 60, 61, 62, 200):
        site.clock.at = start + minutes * MINUTE
        site.monitor.once()
    assert [(one["rule"], one["state"], one["target"]) for one in told] == [("stale", "firing", "predictions")]
    assert start + 60 * MINUTE < told[0]["since"] + MINUTE <= start + 62 * MINUTE
    assert told[0]["value"] > 3600
    site.change(holder="another process")
    site.monitor.notify = told.append
    site.clock.at += MINUTE
    site.monitor.once()
    assert len(told) == 1  # it is known that it fires
    site.predictions(rows(5, 2, start=site.clock.at - 10 * MINUTE, span=MINUTE), received_at=site.clock.at)
    site.clock.at += MINUTE
    site.monitor.once()
    assert [one["state"] for one in told] == ["firing", "resolved"]


def test_the_track_of_freshness_does_not_keep_windows_from_being_judged(tmp_path):
    rows_rule = Rule("busy", "row_count", bounded(above=1), 1, Severity.WARNING)
    site = Site(tmp_path, now=FIRST + HOUR, rules=(RULE, rows_rule))
    site.predictions(rows(60, 1), received_at=FIRST + HOUR)
    site.monitor.once()  # nothing is due yet, freshness is judged
    site.clock.at = FIRST + 9 * DAY
    alerts = site.monitor.once().alerts
    assert "busy" in {one["rule"] for one in alerts}
    site.store.close()


def test_it_is_stored_once_a_minute_and_only_where_it_is_asked_for(site, tmp_path):
    site.predictions(rows(20, 1), received_at=FIRST + 90 * DAY)
    written = []
    put = site.store.put_values
    site.store.put_values = lambda *some, **more: (written.append(more.get("metrics", ())), put(*some, **more))
    site.clock.at = site.clock.at // MINUTE * MINUTE
    for seconds in (0, 1, 30, 59, 60, 61):
        site.clock.at = FIRST + 5 * DAY + seconds * SECOND
        site.monitor.once()
    assert written.count(("freshness",)) == 2
    other = Site(tmp_path / "other", metrics=("log_loss",))
    other.predictions(rows(20, 1))
    other.monitor.once()
    assert fresh(other) == {}
    other.store.close()


def test_of_many_sources_the_first_hundred_are_told_apart(site):
    site.predictions(rows(150, 1), received_at=FIRST + 90 * DAY)
    labels(site, *[(f"r1-{at}", f"s{at:03d}", FIRST + at) for at in range(150)])
    newest = site.store.newest("e")
    assert len(newest) <= 102
    assert newest[index.OTHER_SOURCES] > FIRST
    assert max(newest[one] for one in newest if one.startswith("labels")) == FIRST + 149
