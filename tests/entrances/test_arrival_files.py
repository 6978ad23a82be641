"""How rows of files arrived: the same as of the rows in memory, whatever the files, the splits and the threads."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import choirmaster as cm
from choirmaster.app import arrival
from choirmaster.app.gathering import gather
from choirmaster.engines import repeats
from choirmaster.engines.shards import digest
from choirmaster.errors import ChoirmasterError
from choirmaster.times import to_micros

NOW = dt.datetime(2026, 1, 3, 12, 30, tzinfo=dt.UTC)
ARRIVED = ("row_count", "duplicate_id_rate", "future_time_rate", "backwards_time_rate", "type_fault_rate", "freshness")
SCHEMA = cm.Schema("binary", label="y", prediction="p", time="ts", id="id", numeric=["x", "z"])
START = dt.datetime(2026, 1, 1)
N = 600


def rows(seed: int = 0, n: int = N) -> dict[str, list]:
    """Out of order, ids twice, times after the clock, cells that are no numbers; ``z`` is stored as numbers."""
    rng = np.random.default_rng(seed)
    hours = np.sort(rng.integers(0, 100, n)) + rng.integers(0, 3, n) * (rng.random(n) < 0.2)
    odd = rng.choice(["1.5", "-2", "oops", "", " "], n, p=[0.5, 0.3, 0.1, 0.05, 0.05])
    return {
        "ts": [None if at % 50 == 7 else START + dt.timedelta(hours=int(hour)) for at, hour in enumerate(hours)],
        "id": [None if at % 40 == 3 else f"r{rng.integers(0, 500)}" for at in range(n)],
        "x": [str(one) for one in odd], "z": rng.random(n).round(3).tolist(),
        "y": rng.integers(0, 2, n).tolist(), "p": rng.random(n).round(6).tolist(),
    }  # fmt: skip


def table(seed: int = 0, n: int = N) -> pa.Table:
    return pa.table({name: pa.array(column) for name, column in rows(seed, n).items()})


def arrived(result: cm.Result, *, texts: bool = True) -> dict[tuple, tuple]:
    """Return what is told of how rows arrived; ``texts`` where numbers were texts."""
    return {
        (one["metric"], one["window_start"], one["feature"]): (one["value"], one["lower"], one["n"], one["reason"])
        for one in result.table.to_pylist()
        if one["metric"] in ARRIVED and (texts or one["feature"] != "z")
    }


def measured(source, **more) -> cm.Result:
    return cm.monitor(source, **{"schema": SCHEMA, "window": "1d", "now": NOW} | more)


def as_parquet(folder, groups: int = 40):
    pq.write_table(table(), folder / "rows.parquet", row_group_size=groups)
    return folder / "rows.parquet"


def as_csv(folder, data: pa.Table | None = None):
    pyarrow.csv.write_csv(table() if data is None else data, folder / "rows.csv")
    return folder / "rows.csv"


def as_json(folder):
    records = [{**one, "ts": one["ts"] and one["ts"].isoformat()} for one in table().to_pylist()]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, records)))
    return folder / "rows.jsonl"


@pytest.mark.parametrize("window", ["1d", None, 100])
@pytest.mark.parametrize("write", [as_parquet, as_csv, as_json])
def test_a_file_tells_what_its_rows_in_memory_tell(tmp_path, write, window):
    here = arrived(measured(table(), window=window), texts=False)
    there = arrived(measured(str(write(tmp_path)), window=window), texts=False)
    assert there == here
    kinds = {key[0] for key, value in here.items() if value[0]}
    assert kinds == set(ARRIVED)  # none of them is 0 everywhere


def test_first_rows_as_a_reference_bring_a_file_into_memory_with_the_same_flags(tmp_path):
    here = arrived(measured(table(), reference="first 30%"), texts=False)
    assert arrived(measured(str(as_parquet(tmp_path)), reference="first 30%"), texts=False) == here


def test_cells_of_csv_and_json_columns_of_numbers_are_counted(tmp_path):
    """A column that is numbers but for a few cells: what the reader cannot read is counted by window."""
    data = table().to_pydict()
    bad = {5: "oops", 200: "n.a.", 201: "?", 599: "x1"}
    data["z"] = [bad.get(at, repr(one)) for at, one in enumerate(data["z"])]
    data["z"][17] = ""
    (tmp_path / "csv").mkdir()
    path = as_csv(tmp_path / "csv", pa.table({name: pa.array(column) for name, column in data.items()}))
    records = [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)]
    for at, one in enumerate(records):
        one["ts"] = one["ts"] and one["ts"].isoformat()
        one["z"] = one["z"] if at in bad or at == 17 else float(one["z"])
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(one) for one in records))
    expected: dict[dt.datetime, list[int]] = {}
    for ts, cell in zip(data["ts"], data["z"], strict=True):
        if ts is not None and cell:
            kept = expected.setdefault(ts.replace(hour=0), [0, 0])
            kept[0] += cell in bad.values()
            kept[1] += 1
    for source in (str(path), str(tmp_path / "rows.jsonl")):
        result = measured(source)
        found = {key[1].replace(tzinfo=None): value for key, value in arrived(result).items()
                 if key[0] == "type_fault_rate" and key[2] == "z"}  # fmt: skip
        assert {day: (one[0], one[2]) for day, one in found.items()} == {
            day: (hits / n, n) for day, (hits, n) in expected.items()
        }


def test_threads_and_splits_change_no_bit(tmp_path, monkeypatch):
    """The hash over all states is the same for one thread and many, and for row groups of any size."""
    found = set()
    for groups, processors in ((1_000, 1), (40, 1), (40, 2), (7, 3), (1, 2)):
        monkeypatch.setattr("os.cpu_count", lambda count=processors: count)
        one = gather(str(as_parquet(tmp_path, groups)), schema=SCHEMA, window="1d", now=to_micros(NOW))
        found.add(digest(one.found, one.plan))
    assert len(found) == 1


def test_each_file_of_a_glob_has_an_order_of_its_own_and_ids_are_of_all(tmp_path):
    for name, seed in (("b", 1), ("a", 2)):
        pq.write_table(table(seed, 200), tmp_path / f"{name}.parquet", row_group_size=30)
    ordered = [table(2, 200), table(1, 200)]  # files in the order of their names
    together = arrived(measured(pa.concat_tables(ordered)), texts=False)
    there = arrived(measured(str(tmp_path / "*.parquet")), texts=False)
    order = "backwards_time_rate"
    assert {k: v for k, v in there.items() if k[0] != order} == {k: v for k, v in together.items() if k[0] != order}
    apart = [arrived(measured(one)) for one in ordered]
    for key, value in there.items():
        if key[0] == order:
            hits = sum(round(one[key][0] * one[key][2]) for one in apart if key in one)
            assert value[0] * value[2] == pytest.approx(hits)


def test_more_ids_than_are_kept_give_a_sample_and_a_note(tmp_path, monkeypatch):
    whole = arrived(measured(table(), window=None))["duplicate_id_rate", dt.datetime(1970, 1, 1, tzinfo=dt.UTC), ""]
    monkeypatch.setattr(arrival, "Repeats", lambda: repeats.Repeats(100))
    result = measured(str(as_parquet(tmp_path)), window=None)
    some = arrived(result)["duplicate_id_rate", dt.datetime(1970, 1, 1, tzinfo=dt.UTC), ""]
    assert some[2] < whole[2] / 2
    assert [one for one in result.notes if one.startswith("id: there are more ids than are kept at once (100)")]
    assert some[1] <= whole[0]


@pytest.mark.parametrize("now", ["2026-01-03T12:30:00Z", "2026-01-03T12:30:00", NOW, NOW.replace(tzinfo=None)])
def test_the_clock_is_what_is_given(now):
    data = table().to_pydict()
    found = arrived(measured(data, now=now))
    for (metric, start, _), value in found.items():
        inside = [one for one in data["ts"] if one and one.date() == start.date()]
        past = [one for one in inside if one <= NOW.replace(tzinfo=None)]
        if metric == "future_time_rate":
            assert value[0] == 1 - len(past) / len(inside)
        if metric == "freshness":
            end = min(NOW.replace(tzinfo=None), start.replace(tzinfo=None) + dt.timedelta(days=1))
            assert value[0] == ((end - max(past)).total_seconds() if past else None)
            assert value[3] == (None if past else "no_rows")


def test_without_a_time_nothing_is_told_of_freshness_and_the_clock_must_be_a_time():
    schema = cm.Schema("binary", label="y", prediction="p")
    data = {"y": [0, 1], "p": [0.1, 0.9]}
    assert "freshness" not in cm.monitor(data, schema=schema).table["metric"].to_pylist()
    with pytest.raises(ChoirmasterError, match="cannot read the clock"):
        cm.monitor(data, schema=schema, now=5)
    with pytest.raises(ChoirmasterError, match="cannot read a time"):
        cm.monitor(data, schema=schema, now="noon")


def test_freshness_alone_can_be_asked_for(tmp_path):
    found = measured(str(as_parquet(tmp_path)), metrics=["freshness"]).table.to_pylist()
    assert {one["metric"] for one in found} == {"freshness"}
    assert {(one["series"], one["target"], one["kind"]) for one in found} == {("all", "predictions", "observed")}
    assert "freshness" not in measured(table(), metrics=["row_count"]).table["metric"].to_pylist()
