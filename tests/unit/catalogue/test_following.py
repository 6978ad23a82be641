"""Windows that follow the traffic: from the past alone, in whole multiples, without flapping."""

from __future__ import annotations

import itertools
import random

import pytest

from choirmaster.catalogue.following import Follower, rows_by_length
from choirmaster.catalogue.lengths import Leading, choose_window, longest_within
from choirmaster.times import DAY, HOUR, Grain, Window, parse_grain, window_of

AUC = Leading("roc_auc", 0.8, 0.01, 10_000)  # 2,500 labelled rows give 0.02
STEADY = [125.0] * 24 * 14


def walk(counts: list[int], base: str = "1d", before: list[float] = STEADY) -> list[tuple[Window, str, Window]]:
    length = HOUR if base == "1h" else DAY
    follow = Follower(AUC, parse_grain(base), before)
    out = []
    for at, n in enumerate(counts):
        window = Window(at * length, (at + 1) * length)
        step = follow.step(window, n)
        out.append((window, follow.now, step.window))
    return out


def test_a_fall_of_traffic_makes_windows_longer_and_its_return_shorter_again():
    found = [name for _, name, _ in walk([3_000] * 30 + [300] * 60 + [30_000] * 60)]
    assert found[0] == found[29] == "1d"
    assert "1mo" in found[40:90]
    assert found[-1] == "1d"


@pytest.mark.parametrize("base", ["1h", "1d"])
def test_the_future_changes_no_choice(base):
    rng = random.Random(3)
    counts = [rng.choice([20, 300, 4_000]) for _ in range(120)]
    for cut in (1, 17, 60, 119):
        other = counts[:cut] + [0 if n > 100 else 9_999 for n in counts[cut:]]
        assert walk(other, base)[: cut + 1] == walk(counts, base)[: cut + 1]


@pytest.mark.parametrize("base", ["1h", "1d"])
def test_windows_are_whole_calendar_windows_that_do_not_overlap(base):
    rng = random.Random(5)
    counts = [9_000] * 50 + [rng.choice([0, 5, 200, 9_000]) for _ in range(400)]
    found = walk(counts, base, [9_000.0] * 24 * 14)
    used = list(dict.fromkeys(window for _, _, window in found))
    standard = [Grain(1, unit) for unit in ("h", "d", "w", "mo")]
    assert all(any(window_of(grain, one.start) == one for grain in standard) for one in used)
    assert all(early.end <= late.start for early, late in itertools.pairwise(used))
    assert all(long.start <= short.start and short.end <= long.end for short, _, long in found)
    assert len({one.end - one.start for one in used}) > 1


def test_a_gap_counts_as_no_traffic():
    follow = Follower(AUC, parse_grain("1d"), STEADY)
    follow.step(Window(0, DAY), 3_000)
    follow.step(Window(11 * DAY, 12 * DAY), 3_000)
    assert follow.now != "1d"


def test_a_shorter_window_needs_room_to_spare():
    rows = {"1d": 2_600.0, "1w": 18_200.0}
    assert choose_window(AUC, rows).name == "1d"
    assert choose_window(AUC, rows, now="1w").name == "1w"
    assert choose_window(AUC, {"1d": 4_000.0, "1w": 28_000.0}, now="1w").name == "1d"


def test_no_window_is_longer_than_asked_for_and_the_reason_says_so():
    rows = {"1h": 1.0, "1d": 24.0, "1w": 168.0, "1mo": 720.0}
    assert choose_window(AUC, rows, longest="1d").name == "1d"
    assert choose_window(AUC, rows, longest="1d").why.endswith("fewer than 10 longer windows would fit into these rows")
    assert choose_window(AUC, {name: rows[name] for name in ("1d", "1w")}, longest="1h").name == "1d"
    assert choose_window(AUC, {"1h": 1.0, "1d": 5_000.0, "1w": 35_000.0}, longest="1d").why.endswith("0.02 is asked")


@pytest.mark.parametrize(("days", "name"), [(0.3, "1h"), (9, "1h"), (10, "1d"), (69, "1d"), (70, "1w"), (300, "1mo")])
def test_ten_windows_fit_into_the_rows(days, name):
    assert longest_within(round(days * DAY)) == name


def test_without_an_interval_a_day_is_kept():
    assert choose_window(Leading("roc_auc"), {"1h": 10.0, "1d": 240.0}).name == "1d"
    assert choose_window(AUC, rows_by_length([], 24)).name == "1d"


def test_a_loss_is_told_beside_its_value():
    assert choose_window(Leading("mae", 100.0, 1.0, 100), {"1h": 20.0, "1d": 480.0}).name == "1d"
    assert choose_window(Leading("mae", 100.0, 1.0, 100), {"1h": 26.0, "1d": 480.0}).name == "1h"
