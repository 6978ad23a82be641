"""Profiles add up, come apart and come back from a file exactly; results compare themselves."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import choirmaster as cm
from choirmaster.errors import DataError, StateMismatch

SCHEMA = cm.Schema("binary", label="y", members=["p", "q"], fusion="mean", time="t", segments=["place"])


OF_FRAMES = ["duplicate_id_rate", "future_time_rate", "backwards_time_rate", "freshness",
             "domain_classifier_auc"]  # fmt: skip


def shared(table: pa.Table) -> pa.Table:
    """Return the values that do not need the rows themselves, or their order: only frames in memory have them."""
    return table.filter(pc.invert(pc.is_in(table["metric"], pa.array(OF_FRAMES))))


def rows(n: int, seed: int, *, noise: float = 1.0) -> pa.Table:
    rng = np.random.default_rng(seed)
    ease = rng.normal(size=n)
    return pa.table({
        "y": (rng.uniform(size=n) < 1.0 / (1.0 + np.exp(-ease))).astype(np.int64),
        "p": 1.0 / (1.0 + np.exp(-ease - rng.normal(scale=noise, size=n))),
        "q": 1.0 / (1.0 + np.exp(-ease)),
        "x": ease,
        "place": rng.choice(["a", "b"], n),
        "t": [f"2024-01-{1 + k % 4:02d}" for k in range(n)],
    })  # fmt: skip


REFERENCE = rows(2000, 1)


@pytest.fixture(scope="module")
def pair() -> tuple[cm.Profile, cm.Profile]:
    first = cm.profile(rows(500, 2), reference=REFERENCE, schema=SCHEMA, window="1d", metrics="all")
    return first, cm.profile(rows(700, 3), reference=first)


def test_two_profiles_together_are_the_profile_of_all_rows(pair, tmp_path):
    one, two = pair
    both = pa.concat_tables([rows(500, 2), rows(700, 3)])
    at_once = cm.profile(both, reference=REFERENCE, schema=SCHEMA, window="1d", metrics="all")
    for name, found in (("merged", one.merge(two)), ("swapped", two.merge(one)), ("at once", at_once)):
        assert found.rows == 1200, name
        assert found.result("all").table.equals(at_once.result("all").table), name
    direct = cm.monitor(both, reference=REFERENCE, schema=SCHEMA, window="1d", exact=False, metrics="all")
    assert shared(direct.table).equals(shared(at_once.result("all").table))
    assert [one["id"] for one in direct.alerts] == [one["id"] for one in at_once.result().alerts]


def test_what_is_subtracted_was_never_there(pair, tmp_path):
    one, two = pair
    back = two.merge(one).subtract(two)
    assert back.result("all").table.equals(one.result("all").table)
    assert one.subtract(one).metrics.num_rows == 0
    with pytest.raises(StateMismatch, match="cannot be taken out"):
        one.subtract(two)


def test_a_saved_profile_comes_back_to_the_byte(pair, tmp_path):
    one, _ = pair
    one.save(tmp_path / "day.profile")
    found = cm.Profile.load(tmp_path / "day.profile")
    assert found.result("all").table.equals(one.result("all").table)
    found.save(tmp_path / "again.profile")
    assert (tmp_path / "again.profile").read_bytes() == (tmp_path / "day.profile").read_bytes()
    assert found.merge(one).rows == 1000


def test_damaged_or_missing_files_are_named(pair, tmp_path):
    path = tmp_path / "day.profile"
    pair[0].save(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(StateMismatch, match="no intact profile"):
        cm.Profile.load(path)
    with pytest.raises(DataError, match=r"none\.profile"):
        cm.Profile.load(tmp_path / "none.profile")


def test_profiles_over_other_bins_or_windows_do_not_add_up(pair):
    one, _ = pair
    with pytest.raises(StateMismatch, match="different bins"):
        one.merge(cm.profile(rows(500, 4), reference=rows(2000, 5), schema=SCHEMA, window="1d"))
    with pytest.raises(StateMismatch, match="different windows"):
        one.merge(cm.profile(rows(500, 4), reference=REFERENCE, schema=SCHEMA, window="1w", metrics="all"))


def test_results_compare_window_by_window_or_whole(pair):
    one, two = (cm.monitor(rows(4000, seed, noise=noise), reference=REFERENCE, schema=SCHEMA, window=None)
                for seed, noise in ((2, 1.0), (3, 6.0)))  # fmt: skip
    found = {(row["series"], row["metric"]): row for row in one.compare(two).to_pylist() if not row["segment"]}
    auc = found["p", "roc_auc"]
    assert auc["verdict"] == "worse"
    assert auc["upper"] < 0.0
    assert auc["difference"] == pytest.approx(auc["other"] - auc["value"])
    assert found["q", "roc_auc"]["verdict"] == "no clear difference"
    daily = pair[0].result().compare(pair[1].result())
    assert set(daily.column("window_start").to_pylist()) == set(daily.column("other_window_start").to_pylist())
    later = rows(100, 4).set_column(5, "t", pa.array(["2025-06-01"] * 50 + ["2025-06-02"] * 50))
    with pytest.raises(DataError, match="no window in common"):
        pair[0].result().compare(cm.monitor(later, schema=SCHEMA, window="1d"))


def test_a_relation_of_duckdb_and_a_glob_are_rows_too(tmp_path):
    for seed in (2, 3):
        pq.write_table(rows(300, seed), tmp_path / f"{seed}.parquet")
    glob = str(tmp_path / "*.parquet")
    relation = duckdb.connect().sql(f"SELECT * FROM read_parquet('{glob}')")
    by_relation = cm.monitor(relation, reference=REFERENCE, schema=SCHEMA, window="1d", exact=False)
    by_glob = cm.monitor(glob, reference=REFERENCE, schema=SCHEMA, window="1d", exact=False)
    assert shared(by_relation.table).equals(shared(by_glob.table))
    assert by_relation._repr_html_().count("<tr>") > 5
