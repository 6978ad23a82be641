"""Spark gives the same bits and the same values as this machine; what it cannot do is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import choirmaster as cm
from choirmaster.app.arrival import UNORDERED
from choirmaster.app.sharding import count_rows, merge_rows
from choirmaster.engines import spark
from choirmaster.engines.shards import KEYS, PARTIAL, digest, gathered
from choirmaster.errors import ChoirmasterError, DataError
from choirmaster.sources.faults import Faults
from tests import services
from tests.laws.shard_cases import SCHEMAS, TASKS, digest_here, rows_of, work_of

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]
MILLION = 1_000_000
CLOCK = "2013-02-05T00:00:00Z"  # in the middle of the rows


@pytest.fixture(scope="session")
def session() -> Iterator[Any]:
    services.require("java", "apt-get install -y openjdk-17-jre-headless")
    services.require_package("pyspark", 'pip install "choirmaster[spark]"')
    opened = spark.local_session(2, {"spark.sql.shuffle.partitions": "4"})
    opened.sparkContext.setLogLevel("OFF")  # failures are a subject of these tests
    yield opened
    opened.stop()


@cache
def million(task: str) -> pa.Table:
    return rows_of(task, MILLION, seed=3)


@pytest.mark.parametrize("task", TASKS)
def test_a_million_rows_in_any_partitions_give_the_hash_of_this_machine(
    task: str, session: Any, tmp_path: Path
) -> None:
    rows = million(task)
    work = work_of(task, rows)
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=200_000)
    frame = spark.read_parquet(session, [(tmp_path / "rows.parquet").as_uri()])
    columns = work.reader(Faults()).canonical.columns
    expected = digest_here(work, rows)
    for partitions in (7, 64):
        cut = frame.repartition(partitions)  # round robin: neighbours are parted
        assert cut.rdd.getNumPartitions() == partitions
        table = spark.map_reduce(cut, columns, work.to_bytes(), count=count_rows, merge=merge_rows, form=PARTIAL,
                                 keys=KEYS)  # fmt: skip
        assert len(set(zip(*(table.column(name).to_pylist() for name in KEYS), strict=True))) == table.num_rows
        found, tally = gathered(table.to_batches(), work.plan)
        assert (found.rows, tally.untimed) == (MILLION, rows.column("at").null_count)
        assert digest(found, work.plan) == expected, partitions


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Three files with different columns, types and names that need quoting, and the rows to compare with."""
    for number in range(3):
        rows = odd_columns(rows_of("binary", 3_000, seed=number))
        pq.write_table(rows.drop_columns(["z"]) if number == 2 else rows, tmp_path / f"{number}.parquet")
    pq.write_table(odd_columns(rows_of("binary", 4_000, seed=99)), tmp_path / "past.pq")
    return tmp_path


def odd_columns(rows: pa.Table) -> pa.Table:
    x = rows.column("x").combine_chunks()
    text = pa.array([str(one) if one is not None else "n/a" for one in x.to_pylist()])
    many = pa.array(range(len(rows)), pa.uint32())
    return rows.append_column("a.b `c`", x).append_column("many", many).append_column("text", text)


def declared(**changes: Any) -> cm.Schema:
    said = SCHEMAS["binary"].as_dict() | {"numeric": ["x", "z", "a.b `c`", "text"], "features": None} | changes
    return cm.Schema(said.pop("task"), **said)


def unordered(table: pa.Table) -> pa.Table:
    """Return the values that need no order of rows, which Spark does not keep."""
    return table.filter(pc.invert(pc.is_in(table["metric"], pa.array(["backwards_time_rate", "duplicate_id_rate"]))))


def same(one: cm.Result, other: cm.Result) -> None:
    assert one.table.num_rows > 100
    assert unordered(one.table).equals(unordered(other.table))
    told = set(other.table["metric"].to_pylist())
    assert {"future_time_rate", "freshness"} <= told
    assert one.alerts == other.alerts
    assert one.rows == other.rows > 0


def test_values_alerts_and_notes_are_those_of_this_machine(session: Any, files: Path) -> None:
    asked: dict[str, Any] = {"schema": declared(), "reference": str(files / "past.pq"), "window": "1mo", "now": CLOCK}
    here, there = (cm.monitor(str(files / "*.parquet"), engine=one, **asked) for one in ("local", session))
    same(here, there)
    assert [one for one in there.notes if '"text"' in one and "not a number" in one]
    assert "type_fault_rate" in there.table["metric"].to_pylist()
    assert UNORDERED in there.notes
    assert sorted(one.partition(", such as")[0] for one in here.notes) == sorted(
        one.partition(", such as")[0] for one in there.notes if one != UNORDERED
    )
    assert there.table.column("metric").unique().to_pylist()
    there.to_html(files / "report.html")


def test_without_a_reference_the_bins_are_those_of_the_first_rows(session: Any, files: Path) -> None:
    assert spark.open_session("spark") is session  # the active one
    same(*(cm.monitor(str(files / "0.parquet"), schema=declared(numeric=["x", "z"]), window="1mo", now=CLOCK,
                      engine=one) for one in ("local", "spark")))  # fmt: skip


def test_a_spark_frame_is_measured_where_it_is(session: Any, files: Path) -> None:
    schema = declared(numeric=["x", "z"])
    frame = session.read.parquet((files / "0.parquet").as_uri())
    past = session.read.parquet((files / "past.pq").as_uri())
    asked: dict[str, Any] = {"schema": schema, "window": "1mo", "now": CLOCK}
    here = cm.monitor(str(files / "0.parquet"), reference=str(files / "past.pq"), **asked)
    there = cm.monitor(frame, reference=past, **asked)
    assert unordered(there.table).num_rows == unordered(here.table).num_rows
    assert there.rows == 3_000
    by_address = cm.monitor((files / "0.parquet").as_uri(), reference=str(files / "past.pq"), engine=session, **asked)
    assert unordered(by_address.table).equals(unordered(here.table))


REFUSED = {
    "windows by row number": ({"window": 1_000}, "all rows in one order"),
    "the first rows as a reference": ({"reference": "first 30%"}, "where rows are in order"),
    "another engine": ({"engine": "sparc"}, 'did you mean "spark"'),
    "a missing column": ({"schema": declared(numeric=["x", "nowhere"])}, "nowhere"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_spark_cannot_do_is_refused_by_name(case: str, session: Any, files: Path) -> None:
    asked, said = REFUSED[case]
    with pytest.raises(ChoirmasterError, match=said):
        cm.monitor(str(files / "0.parquet"), **({"engine": session, "schema": declared(numeric=["x"])} | asked))


def test_rows_in_memory_and_other_files_are_refused(session: Any, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("y,p\n1,0.5\n0,0.25\n")
    schema = cm.Schema("binary", label="y", prediction="p")
    with pytest.raises(DataError, match=r"Spark measures Parquet, .*rows\.csv"):
        cm.monitor(str(tmp_path / "rows.csv"), schema=schema, engine=session)
    with pytest.raises(DataError, match="rows in memory are measured where they are"):
        cm.monitor({"y": [1, 0], "p": [0.5, 0.25]}, schema=schema, engine=session)


def test_what_fails_in_spark_is_told_in_one_line(session: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Spark could not do it.*nothing-here") as told:
        spark.read_parquet(session, [(tmp_path / "nothing-here").as_uri()])
    assert "\n" not in str(told.value)
    frame = session.range(4)
    with pytest.raises(DataError, match="ValueError: these bytes are no work"):
        spark.map_reduce(frame, ["id"], b"what is this", count=count_rows, merge=merge_rows, form=PARTIAL, keys=KEYS)
