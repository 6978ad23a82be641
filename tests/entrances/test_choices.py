"""Automatic choice as a user of the frame API meets it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

import choirmaster as cm
from choirmaster.errors import ChoirmasterError

DAY = 86_400
SCHEMA = cm.Schema("binary", label="y", prediction="p", time="t", numeric=["x"], segments=["place"])
BUSY, QUIET, FALL, END = 5_000, 500, 49, 112  # rows a day; days at which traffic falls and the stream ends


def rows(first: int, last: int, per_day: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    n = (last - first) * per_day
    y = rng.random(n) < 0.4
    at = (first + np.sort(rng.random(n)) * (last - first)) * DAY * 1e6
    return pa.table({"y": y.astype(np.int64), "p": 1 / (1 + np.exp(-(rng.normal(size=n) + y - 0.5))),
                     "t": pa.array(at.astype(np.int64), pa.timestamp("us", "UTC")), "x": rng.normal(size=n),
                     "place": np.where(rng.random(n) < 0.5, "a", "b")})  # fmt: skip


@pytest.fixture(scope="module")
def measured():
    current = pa.concat_tables([rows(35, FALL, BUSY, 2), rows(FALL, END, QUIET, 3)])
    return cm.monitor(current, reference=rows(21, 35, BUSY, 1), schema=SCHEMA)


def windows(result: cm.Result) -> list[dict]:
    return [one for one in result.choices.to_pylist() if one["what"] == "window"]


def test_traffic_that_falls_to_a_tenth_makes_windows_longer_and_raises_no_quality_alert(measured):
    first, *later = windows(measured)
    assert first["name"] == "1d"
    assert later[0]["name"] in ("1w", "1mo")
    assert FALL <= later[0]["time"].timestamp() / DAY <= FALL + 10
    assert "labelled rows" in later[0]["why"]
    assert [one for one in measured.alerts if one["rule"].startswith("quality")] == []


def test_longer_windows_are_the_sums_of_shorter_ones(measured):
    table = [one for one in measured.table.to_pylist() if one["metric"] in ("roc_auc", "accuracy")]
    whole = [one for one in table if not one["segment"] and one["window_start"].timestamp() >= FALL * DAY]
    longest = max(whole, key=lambda one: one["window_end"] - one["window_start"])
    assert (longest["window_end"] - longest["window_start"]).days >= 7
    inside = rows(FALL, END, QUIET, 3)
    mask = [longest["window_start"] <= one < longest["window_end"] for one in inside["t"].to_pylist()]
    alone = cm.monitor(
        inside.filter(mask), schema=SCHEMA, window=None, metrics=["roc_auc", "accuracy"]
    ).table.to_pylist()
    asked = {one["metric"]: (one["value"], one["n"]) for one in alone if not one["segment"]}
    found = {one["metric"]: (one["value"], one["n"]) for one in table
             if one["window_start"] == longest["window_start"] and not one["segment"]}  # fmt: skip
    assert found == {name: (pytest.approx(value, abs=1e-12), n) for name, (value, n) in asked.items()}


def test_later_rows_change_no_earlier_choice(measured):
    until = FALL + 12
    other = pa.concat_tables([rows(35, FALL, BUSY, 2), rows(FALL, END, QUIET, 3)])
    early = [one.timestamp() < until * DAY for one in other["t"].to_pylist()]
    later = [rows(until, until + 3, 10 * BUSY, 9), rows(until + 3, END, QUIET // 5, 10)]
    changed = pa.concat_tables([other.filter(early), *later])
    result = cm.monitor(changed, reference=rows(21, 35, BUSY, 1), schema=SCHEMA)

    def known(one: cm.Result) -> list[dict]:
        return [row for row in one.choices.to_pylist() if row["time"].timestamp() <= until * DAY]

    assert known(result) == known(measured)


def test_a_file_of_some_weeks_is_looked_at_by_day_and_drift_half_way_is_an_alert(tmp_path):
    early, late = rows(0, 18, 60, 5), rows(18, 28, 60, 6)
    moved = late.set_column(1, "p", pa.array(np.sqrt(np.sqrt(late["p"].to_numpy()))))
    path = tmp_path / "rows.csv"
    csv.write_csv(pa.concat_tables([early, moved]), path)
    result = cm.monitor(str(path), reference="first 30%", schema=SCHEMA)
    (chosen,) = windows(result)
    assert chosen["name"] == "1d"
    assert "0.02 needs about" in chosen["why"]
    assert chosen["why"].endswith("fewer than 10 longer windows would fit into these rows")
    drift = next(one for one in result.alerts if one["rule"] == "fused_score_drift")
    assert drift["since"] == "1970-01-19T00:00:00Z"


def test_each_metric_is_a_row_with_its_reason_and_segments_have_fewer(measured):
    metrics = [one for one in measured.choices.to_pylist() if one["what"] == "metric"]
    assert metrics[0]["name"] == "roc_auc"
    assert all(one["why"] for one in metrics)
    table = measured.table.to_pylist()
    assert {one["metric"] for one in table} <= {one["name"] for one in metrics}
    whole, slices = ({one["metric"] for one in table if bool(one["segment"]) is sliced} for sliced in (False, True))
    assert slices < whole
    assert {"roc_auc", "label_share"} <= slices


def test_reports_tell_what_was_chosen_and_why(measured, tmp_path):
    measured.to_html(tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "What was chosen, and why" in text
    assert windows(measured)[0]["why"] in text


def test_a_precision_is_a_share():
    with pytest.raises(ChoirmasterError, match="precision"):
        cm.monitor({"y": [1], "p": [0.5]}, schema=cm.Schema("binary", label="y", prediction="p"), precision=2.0)


def test_without_time_all_rows_are_one_window_and_say_so():
    result = cm.monitor({"y": [1, 0], "p": [0.5, 0.2]}, schema=cm.Schema("binary", label="y", prediction="p"))
    first = result.choices
    assert (first["name"][0], first["time"][0]) == ("all", None)
