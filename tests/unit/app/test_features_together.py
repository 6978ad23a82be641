"""Metrics of all features together in frames and files: windows, segments, the window before, and who refuses what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import choirmaster as cm
from choirmaster.app.describing import describe
from choirmaster.metrics import METRICS

START = 1_700_000_000_000_000 // 86_400_000_000 * 86_400_000_000
DAY = 86_400_000_000
NAMES = [one.name for one in METRICS if one.needs == "rowscore/1"]
SCHEMA = cm.Schema("binary", label="y", prediction="p", time="at", features=["a", "b", "place"], segments=["place"])


def rows(n: int, days: int, seed: int, broken_from: int = 99) -> pa.Table:
    """Return rows of some days; from one day on two features no longer move together."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(0, days, n))
    a, other = rng.normal(size=(2, n))
    b = np.where(day < broken_from, 0.95 * a + 0.3 * other, other)
    return pa.table({
        "at": pa.array(START + day * DAY, pa.timestamp("us")), "a": a, "b": b, "y": rng.integers(0, 2, n),
        "place": rng.choice(["x", "y", "z"], n), "p": rng.random(n),
    })  # fmt: skip


PAST, NOW = rows(3_000, 3, 1), rows(6_000, 4, 2, broken_from=2)


def told(result: cm.Result, metric: str, segment: str = "") -> list[dict]:
    found = [row for row in result.table.to_pylist() if row["metric"] == metric and row["segment"] == segment]
    assert all(
        (row["series"], row["feature"], row["target"], row["kind"]) == ("all", "", "", "observed") for row in found
    )
    return found


@pytest.fixture(scope="module")
def measured() -> cm.Result:
    return cm.monitor(NOW, reference=PAST, schema=SCHEMA, window="1d", metrics=NAMES)


def test_the_day_of_the_break_stands_out(measured: cm.Result) -> None:
    shift = told(measured, "reconstruction_shift")
    assert [row["lower"] > 0.2 for row in shift] == [False, False, True, True]
    assert [row["lower"] > 0.0 for row in told(measured, "reconstruction_ks")] == [False, False, True, True]
    auc = told(measured, "domain_classifier_auc")
    assert [row["lower"] > 0.6 for row in auc] == [False, False, True, True]
    previous = told(measured, "reconstruction_shift_previous")
    assert previous[0]["reason"] == "no_reference"
    assert [row["lower"] > 0.2 for row in previous[1:]] == [False, True, False]
    assert sum(row["n"] for row in told(measured, "reconstruction_error")) == 6_000


def test_segments_have_the_level_and_the_window_before(measured: cm.Result) -> None:
    whole = told(measured, "reconstruction_error")
    by_place = [told(measured, "reconstruction_error", f"place={one}") for one in "xyz"]
    for at, row in enumerate(whole):
        parts = [one[at] for one in by_place]
        total = sum(one["value"] * one["n"] for one in parts)
        assert total / row["n"] == pytest.approx(row["value"], rel=1e-9)
    previous = told(measured, "reconstruction_shift_previous", "place=x")
    assert [row["lower"] is not None and row["lower"] > 0.2 for row in previous] == [False, False, True, False]
    for name in ("reconstruction_shift", "reconstruction_ks", "domain_classifier_auc"):
        assert not told(measured, name, "place=x")


def test_files_give_the_same_and_refuse_what_needs_rows(measured: cm.Result, tmp_path: Path) -> None:
    for at in range(4):
        pq.write_table(NOW.slice(at * 1_500, 1_500), tmp_path / f"{at}.parquet")
    files = cm.monitor(str(tmp_path / "*.parquet"), reference=PAST, schema=SCHEMA, window="1d", metrics=NAMES)
    for name in NAMES:
        ours, theirs = told(measured, name), told(files, name)
        if name == "domain_classifier_auc":
            assert [row["reason"] for row in theirs] == ["needs_rows"] * 4
        else:
            assert theirs == ours


def test_nothing_is_fitted_unless_it_is_asked_for() -> None:
    usual = cm.monitor(NOW, reference=PAST, schema=SCHEMA, window="1d")
    assert not any(told(usual, name) for name in NAMES)
    every = cm.monitor(NOW, reference=PAST, schema=SCHEMA, window=None, metrics="all")
    assert all(len(told(every, name)) == 1 for name in NAMES if not name.endswith("_previous"))


def test_without_a_reference_there_is_a_level_and_nothing_to_compare_with() -> None:
    alone = cm.monitor(NOW, schema=SCHEMA, window="1d", metrics=NAMES)
    assert all(row["value"] > 0 for row in told(alone, "reconstruction_error"))
    for name in ("reconstruction_shift", "reconstruction_ks", "domain_classifier_auc"):
        assert [row["reason"] for row in told(alone, name)] == ["no_reference"] * 4
    assert told(alone, "reconstruction_shift_previous")[2]["lower"] > 0.2


def test_a_profile_says_that_it_knows_nothing_of_it() -> None:
    found = cm.profile(NOW, reference=PAST, schema=SCHEMA).result(["reconstruction_shift"])
    assert not told(found, "reconstruction_shift")
    assert any("nothing of them was counted" in note for note in found.notes)


def test_a_profile_counts_it_where_it_is_named(measured: cm.Result, tmp_path: Path) -> None:
    first = cm.profile(NOW.slice(0, 2_500), reference=PAST, schema=SCHEMA, window="1d", metrics=NAMES)
    both = first.merge(cm.profile(NOW.slice(2_500), reference=first))
    both.save(tmp_path / "days.profile")
    found = cm.Profile.load(tmp_path / "days.profile").result(NAMES)
    for name in NAMES[:-1]:
        assert told(found, name) == told(measured, name)
    assert {row["reason"] for row in told(found, "domain_classifier_auc")} == {"needs_rows"}


def test_one_feature_is_nothing_to_rebuild() -> None:
    schema = cm.Schema("binary", label="y", prediction="p", features=["a"])
    found = cm.monitor(NOW, reference=PAST, schema=schema, metrics=NAMES)
    assert told(found, "reconstruction_error")[0]["reason"] == "no_reference"
    assert told(found, "domain_classifier_auc")[0]["value"] == pytest.approx(0.5, abs=0.05)


def test_a_column_the_reference_lacks_is_no_sign_of_drift() -> None:
    found = cm.monitor(NOW, reference=PAST.drop_columns(["place"]), schema=SCHEMA, window="1d", metrics=NAMES)
    assert told(found, "domain_classifier_auc")[0]["upper"] < 0.6
    assert abs(told(found, "reconstruction_shift")[0]["value"]) < 0.15


def test_what_they_need_is_told() -> None:
    assert "at least two features that vary" in describe("reconstruction_error")["needs"]
    assert describe("domain_classifier_auc")["needs"][-1] == "rows in memory"
