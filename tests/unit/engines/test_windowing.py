"""Which window a row lies in: by time with clock changes, by row number, all in one, at the ends of the calendar."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from choirmaster.engines.windowing import ALL, NO_TIME, assign
from choirmaster.times import DAY, HOUR, Window, from_micros, parse_grain, parse_instant, window_of

GRAINS = ("1h", "6h", "15m", "1d", "3d", "1w", "2w", "1mo", "12mo")


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
def test_every_row_lies_in_the_window_of_its_time(grain: str, zone: str) -> None:
    cut = parse_grain(grain, zone=zone)
    rng = np.random.default_rng(3)
    near = [parse_instant(f"2024-{day}T00:00:00Z") for day in ("03-10", "03-31", "04-07", "10-06", "10-27", "11-03")]
    times = np.concatenate([one + rng.integers(-DAY, 2 * DAY, 20) for one in near]).astype(np.int64)
    found = assign(cut, times, 0)
    assert found.untimed == 0
    for time, index in zip(times.tolist(), found.index.tolist(), strict=True):
        assert found.windows[index] == window_of(cut, time)


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25), ("2024-07-01", 24)])
def test_a_day_at_a_clock_change_has_its_own_length(day: str, hours: int) -> None:
    noon = parse_instant(f"{day}T12:00:00", zone="Europe/Berlin")
    window = assign(parse_grain("1d", zone="Europe/Berlin"), np.array([noon]), 0).windows[0]
    assert (window.end - window.start) // HOUR == hours
    assert from_micros(window.start).astimezone(ZoneInfo("Europe/Berlin")).hour == 0
    inside = np.arange(window.start, window.end, HOUR)
    assert len(assign(parse_grain("1h", zone="Europe/Berlin"), inside, 0).windows) == hours


def test_a_border_belongs_to_the_window_it_begins() -> None:
    found = assign(parse_grain("1d"), np.array([DAY - 1, DAY, DAY + 1]), 0)
    assert (list(found.windows), found.index.tolist()) == ([Window(0, DAY), Window(DAY, 2 * DAY)], [0, 1, 1])


def test_rows_are_numbered_through_all_batches() -> None:
    first, second = assign(10, np.zeros(7, np.int64), 0), assign(10, np.zeros(7, np.int64), 7)
    assert (first.windows[0], first.index.tolist()) == (Window(0, 10), [0] * 7)
    assert (list(second.windows), second.index.tolist()) == ([Window(0, 10), Window(10, 20)], [0, 0, 0, 1, 1, 1, 1])


def test_without_a_grain_every_row_counts_in_one_window() -> None:
    found = assign(None, np.array([5, NO_TIME]), 0)
    assert (list(found.windows), found.index.tolist(), found.untimed) == ([ALL], [0, 0], 0)


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("end", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_date_at_the_end_of_the_calendar_is_no_time_and_stops_nothing(grain: str, end: str) -> None:
    times = np.array([parse_instant(end), 0, NO_TIME, np.iinfo(np.int64).max])
    found = assign(parse_grain(grain, zone="America/New_York"), times, 0)
    assert (found.untimed, len(found.windows), found.index.tolist()) == (3, 1, [-1, 0, -1, -1])


def test_a_far_row_costs_its_window_and_not_the_gap(monkeypatch) -> None:
    times = np.array([parse_instant("1900-01-01T00:30:00Z"), parse_instant("2024-01-01T00:30:00Z")])
    cut = parse_grain("1m")
    asked: list[int] = []
    from choirmaster.engines import windowing

    real = windowing.edges
    monkeypatch.setattr(windowing, "edges", lambda *args: asked.append(len(out := real(*args))) or out)
    found = assign(cut, times, 0)
    assert [one.start for one in found.windows] == times.tolist()
    assert sum(asked) < 5_000
