"""How rows arrived: flags of a frame against what a loop over the rows finds; rare and constant columns by hand."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from scipy import stats

import choirmaster as cm
from choirmaster.metrics import BY_NAME, evaluate
from choirmaster.states.histogram import Histogram, category_part, numeric_part
from choirmaster.values import Reason

START = dt.datetime(2026, 1, 1)


def rows(n: int = 400) -> dict:
    rng = np.random.default_rng(4)
    hours = rng.integers(0, 72, n)
    return {
        "ts": [None if at % 50 == 7 else START + dt.timedelta(hours=int(hour)) for at, hour in enumerate(hours)],
        "id": [None if at % 40 == 3 else f"r{rng.integers(0, 300)}" for at in range(n)],
        "x": [None if at % 9 == 0 else "" if at % 9 == 1 else "n.a." if at % 9 == 2 else str(at) for at in range(n)],
        "y": rng.integers(0, 2, n).tolist(), "p": rng.random(n).tolist(),
    }  # fmt: skip


def measured(data: dict, window: str | None) -> dict[tuple[str, str], dict]:
    schema = cm.Schema("binary", label="y", prediction="p", time="ts", id="id", numeric=["x"])
    table = cm.monitor(data, schema=schema, window=window).table.to_pylist()
    return {(one["metric"], str(one["window_start"])[:10]): one for one in table}


@pytest.mark.parametrize("window", ["1d", None])
def test_flags_of_a_frame_are_what_a_loop_over_its_rows_finds(window):
    data = rows()
    data["ts"][5] = dt.datetime(2200, 1, 1)  # after every clock, and every later row lies before it
    expected: dict[tuple[str, str], list[int]] = {}
    seen: set[str] = set()
    latest = dt.datetime.min

    def note(metric: str, day: str, hit: bool) -> None:
        kept = expected.setdefault((metric, day), [0, 0])
        kept[0] += hit
        kept[1] += 1

    for ts, name, x in zip(data["ts"], data["id"], data["x"], strict=True):
        day = "1970-01-01" if window is None else str(ts)[:10]
        if ts is not None or window is None:
            note("row_count", day, True)
            if name is not None:
                note("duplicate_id_rate", day, name in seen)
            if x:
                note("type_fault_rate", day, x == "n.a.")
        if ts is not None:
            note("future_time_rate", day, ts.year == 2200)
            note("backwards_time_rate", day, ts < latest)
            latest = max(latest, ts)
        seen.add(name or "")
    found = measured(data, window)
    assert len({day for _, day in expected}) == (1 if window is None else 4)
    for (metric, day), (hits, n) in expected.items():
        one = found[metric, day]
        assert one["value"] == (n if metric == "row_count" else hits / n), (metric, day)
        assert one["n"] == n
        assert one["lower"] <= one["value"] <= one["upper"]


def test_what_cannot_be_looked_at_has_no_row():
    schema = cm.Schema("binary", label="y", prediction="p")
    table = cm.monitor({"y": [0, 1], "p": [0.1, 0.9], "x": [1.0, 2.0]}, schema=schema).table
    arrived = {"duplicate_id_rate", "future_time_rate", "backwards_time_rate", "type_fault_rate", "row_count"}
    assert arrived & set(table["metric"].to_pylist()) == {"row_count"}


def test_the_interval_of_a_count_covers_the_rate_of_a_poisson_process():
    """Anscombe's interval against the exact probabilities of the counts: at least 94 % at every rate from 5 on."""
    from choirmaster.states.intake import INTAKE, Intake

    for rate in (5.0, 9.5, 30.0, 217.0, 4000.0):
        covered = 0.0
        for count in range(1, int(rate + 12 * rate**0.5) + 10):
            state = Intake.zero(INTAKE)
            state.counts[0] = count
            value = evaluate(BY_NAME["row_count"], state)
            covered += stats.poisson.pmf(count, rate) * (value.lower <= rate <= value.upper)
        assert 0.94 <= covered <= 0.975, rate


def test_rare_categories_are_those_below_a_hundredth_of_the_reference():
    part = category_part({"a": 895, "b": 100, "c": 10, "d": 9}, missing=50)  # 1,014 with a value: c and d are rare
    state = Histogram.zero(part)
    state.update(np.repeat([0, 1, 2, 3, 4, 5], [80, 10, 4, 2, 3, 7]))  # 3 unseen, 7 missing
    value = evaluate(BY_NAME["rare_rate"], state)
    assert (value.number, value.n) == (6 / 99, 99)
    assert evaluate(BY_NAME["rare_rate"], Histogram.zero(category_part({}, 3))).reason is Reason.NO_REFERENCE


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (np.full(40, 2.0), 1.0),
        (np.r_[np.full(40, 2.0), np.nan], 1.0),
        (np.r_[np.full(40, 2.0), np.inf], 0.0),
        (np.r_[np.full(40, 2.0), 3.0], 0.0),
        (np.full(29, 2.0), Reason.TOO_FEW_ROWS),
        (np.full(40, 99.0), Reason.BEYOND_BINS),
        (np.full(40, np.nan), Reason.ALL_MISSING),
    ],
)
def test_a_constant_column_is_told_where_bins_can_tell(column, expected):
    state = Histogram.zero(numeric_part(np.array([1.0, 2.0, 3.0, 4.0])))
    state.update(column)
    value = evaluate(BY_NAME["constant"], state)
    assert (value.reason or value.number) == expected


def test_a_constant_category_is_told_and_an_unseen_one_is_not():
    part = category_part({"a": 3, "b": 5}, 0)
    for code, expected in ((1, 1.0), (2, Reason.BEYOND_BINS)):
        state = Histogram.zero(part)
        state.update(np.full(40, code))
        value = evaluate(BY_NAME["constant"], state)
        assert (value.reason or value.number) == expected
