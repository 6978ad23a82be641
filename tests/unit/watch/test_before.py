"""The window just before: found where there is one, and nothing where there is a gap."""

from __future__ import annotations

import numpy as np

import choirmaster as cm
from choirmaster.times import Window
from choirmaster.watch.before import Before, neighbours


def test_only_the_window_that_ends_where_the_next_begins() -> None:
    before, one, two = Before(), {}, {}
    assert before.swap(Window(0, 5), "", one) is None
    assert before.swap(Window(0, 5), "a=b", two) is None
    assert before.swap(Window(5, 9), "", two) is one
    assert before.swap(Window(10, 12), "", one) is None  # a gap
    assert before.swap(Window(0, 0), "x", one) is None
    assert neighbours([Window(5, 9)], [Window(0, 5), Window(5, 9), Window(9, 12)]) == (
        {Window(0, 5)}, {Window(5, 9): Window(9, 12)})  # fmt: skip


def test_frames_compare_with_the_window_before() -> None:
    rng = np.random.default_rng(0)
    days = np.repeat(["2024-01-01", "2024-01-02", "2024-01-04"], 400)
    rows = {"y": rng.integers(0, 2, 1200), "p": rng.random(1200), "x": np.repeat([0.0, 3.0, 3.0], 400)
            + rng.normal(size=1200), "t": [f"{day}T00:00:00Z" for day in days], "s": ["a"] * 1200}  # fmt: skip
    schema = cm.Schema("binary", label="y", prediction="p", numeric=["x"], time="t", segments=["s"])
    wanted = ["psi", "psi_previous", "ks_previous", "wasserstein_scaled_previous", "score_psi_previous"]
    found = cm.monitor(rows, schema=schema, window="1d", metrics=wanted).table.to_pylist()
    assert {row["metric"] for row in found} == set(wanted)
    psi = [row for row in found if row["metric"] == "psi_previous" and row["feature"] == "x"]
    assert [row["reference"] for row in psi] == ["previous"] * 3
    assert [row["reason"] for row in psi] == ["no_reference", None, "no_reference"]
    assert psi[1]["lower"] > 0.1
    assert {row["segment"] for row in found if row["metric"] == "score_psi_previous"} == {"", "s=a"}
    assert {row["reason"] for row in found if row["metric"] == "psi" and row["feature"] == "x"} == {"no_reference"}
    whole = cm.monitor(rows, schema=schema, window=None, metrics="all").table.to_pylist()
    assert not [row for row in whole if row["metric"].endswith("_previous")]


def test_a_bin_for_each_value_makes_files_exact(tmp_path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from scipy import stats

    rng = np.random.default_rng(1)
    values = np.sort(rng.normal(size=2000))
    now = rng.choice(values, 700)
    for name, x in (("past", values), ("now", now)):
        pq.write_table(pa.table({"y": rng.integers(0, 2, len(x)), "p": rng.random(len(x)), "x": x}), tmp_path / name)
    schema = cm.Schema("binary", label="y", prediction="p", numeric=["x"])
    for exact in (True, False):
        result = cm.monitor(pa.table(pq.read_table(tmp_path / "now")), reference=pq.read_table(tmp_path / "past"),
                            schema=schema, window=None, metrics=["ks", "wasserstein"], exact=exact)  # fmt: skip
        rows = {row["metric"]: row for row in result.table.to_pylist() if row["feature"] == "x"}
        assert (rows["ks"]["resolution"] == 0.0) is exact
        assert (rows["wasserstein"]["resolution"] < 1e-12) is exact
    assert abs(rows["wasserstein"]["value"] - stats.wasserstein_distance(now, values)) <= (
        rows["wasserstein"]["resolution"])  # fmt: skip
