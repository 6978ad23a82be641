"""Files: every row is read or counted, types never break a file, and splits may be read in several threads."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from choirmaster.errors import DataError
from choirmaster.sources.files import open_files


def _write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_csv_types_and_bad_rows(tmp_path):
    rows = ["id,x,code,flag,text", "1,1.5,007,true,a", "2,2", "3,oops,012,False,", "4,3,1,true,b,c", "5,4,2,false,d"]
    path = _write(tmp_path / "a.csv", "\n".join(rows) + "\n")
    source = open_files(path)
    assert [str(one.type) for one in source.schema] == ["double", "string", "string", "bool", "string"]
    table = source.table()
    assert table["id"].to_pylist() == [1, 3, 5]
    assert table["code"].to_pylist() == ["007", "012", "2"]
    assert table["flag"].to_pylist() == [True, False, False]
    assert source.faults.counts["", "rows with the wrong number of cells, skipped"] == 2
    assert any("line 3 of a.csv" in line for line in source.faults.lines())


def test_a_number_column_keeps_its_type_when_few_cells_are_odd(tmp_path):
    lines = [str(i / 7) for i in range(200)]
    lines[50] = "n.a."
    source = open_files(_write(tmp_path / "a.csv", "x\n" + "\n".join(lines)))
    table = source.table()
    assert table.schema.field("x").type == pa.float64()
    assert table["x"].null_count == 1
    assert source.faults.counts["x", "not a number"] == 1


def test_types_that_change_after_the_sample_are_counted_and_never_stop(tmp_path):
    rows = ["1"] * 12_000 + ["2.5", "late"]
    source = open_files(_write(tmp_path / "a.csv", "x\n" + "\n".join(rows) + "\n"))
    table = source.table()
    assert len(table) == 12_002
    assert table["x"][12_000].as_py() == 2.5
    assert dict(source.faults.counts) == {("x", "not a number"): 1}


@pytest.mark.parametrize(
    ("text", "names", "rows"),
    [
        ("a;b\n1;2\n", ["a", "b"], 1), ("a\tb\n1\t2\n", ["a", "b"], 1), ("\ufeffa,b\n1,2\n", ["a", "b"], 1),
        ('a,"b,c"\n1,"x\ny"\n', ["a", "b,c"], 1), ("a,b\r\n1,2\r\n", ["a", "b"], 1), ("a,b\n", ["a", "b"], 0),
        ("a,\n1,2\n", ["a", "column_1"], 1), ("a\n1\n\n2\n", ["a"], 2),
    ],
)  # fmt: skip
def test_shapes_of_csv(tmp_path, text, names, rows):
    table = open_files(_write(tmp_path / "a.csv", text)).table()
    assert (table.column_names, len(table)) == (names, rows)


def test_csv_that_cannot_be_read_says_so(tmp_path):
    with pytest.raises(DataError, match="line of column names"):
        open_files(_write(tmp_path / "a.csv", ""))
    with pytest.raises(DataError, match="two columns share a name"):
        open_files(_write(tmp_path / "b.csv", "a,a\n1,2\n"))


def test_latin_1_cells_are_read_and_counted(tmp_path):
    source = open_files(_write(tmp_path / "a.csv", "name,x\nZ\xfcrich,1\nBern,2\n".encode("latin-1")))
    assert source.table()["name"].to_pylist() == ["Zürich", "Bern"]
    assert source.faults.counts["name", "not UTF-8, read as Latin-1"] == 1


def test_long_ids_keep_their_digits(tmp_path):
    one, two = "9007199254740993", "9007199254740994"
    assert open_files(_write(tmp_path / "a.csv", f"id\n{one}\n{two}\n")).table()["id"].to_pylist() == [one, two]
    path = _write(tmp_path / "a.jsonl", f'{{"id": {one}}}\n{{"id": {two}}}\n')
    assert open_files(path).table()["id"].to_pylist() == [one, two]


def test_json_lines_bad_ones_and_half_of_the_last(tmp_path):
    lines = ['{"a": 1, "b": "x"}', "[1]", "nonsense", '{"a": "2.5"}', "", '{"b": "y", "a": 3' ]  # fmt: skip
    source = open_files(_write(tmp_path / "a.jsonl", "\n".join(lines)))
    table = source.table()
    assert table["b"].to_pylist() == ["x", None]
    counts = {reason: count for (_, reason), count in source.faults.counts.items()}
    assert counts == {"lines that are no JSON object, skipped": 1, "lines that are no JSON, skipped": 1,
                      "half-written last line, skipped": 1}  # fmt: skip
    assert any("line 3 of a.jsonl" in line for line in source.faults.lines())


def test_json_lines_fast_and_slow_say_the_same(tmp_path):
    records = [{"a": i, "b": f"t{i % 3}", "c": i % 2 == 0, "d": None} for i in range(500)]
    text = "\n".join(map(json.dumps, records)) + "\n"
    fast = open_files(_write(tmp_path / "a.jsonl", text)).table()
    slow = open_files(_write(tmp_path / "b.jsonl", text + "broken\n")).table()
    assert fast.equals(slow)
    assert fast["a"].to_pylist() == [float(i) for i in range(500)]


def test_parquet_has_a_split_for_each_row_group_and_reads_only_what_is_asked(tmp_path):
    table = pa.table({"a": list(range(100)), "b": ["x", "y"] * 50, "c": [0.5] * 100})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=30)
    source = open_files(tmp_path / "a.parquet")
    splits = source.splits()
    assert [one.rows for one in splits] == [30, 30, 30, 10]
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda one: list(one.batches(["b", "a"], 7)), splits))
    batches = [batch for part in parts for batch in part]
    assert max(map(len, batches)) <= 7
    joined = pa.Table.from_batches(batches)
    assert joined.column_names == ["b", "a"]
    assert joined["a"].to_pylist() == list(range(100))
    assert pa.types.is_dictionary(joined.schema.field("b").type)


def test_a_broken_parquet_file_is_one_error(tmp_path):
    with pytest.raises(DataError, match="cannot read a Parquet file"):
        open_files(_write(tmp_path / "a.parquet", b"PAR1nothing"))


def test_globs_mix_kinds_and_columns(tmp_path):
    _write(tmp_path / "a.csv", "x,y\n1,a\n")
    _write(tmp_path / "b.jsonl", '{"x": 2, "z": true}\n')
    pq.write_table(pa.table({"x": [3], "y": [4]}), tmp_path / "c.parquet")
    with gzip.open(tmp_path / "d.csv.gz", "wt") as file:
        file.write("y,x\nb,4\n")
    table = open_files(str(tmp_path / "*")).table()
    assert table["x"].to_pylist() == [1, 2, 3, 4]
    assert table["y"].to_pylist() == ["a", None, "4", "b"]
    assert table["z"].to_pylist() == [None, True, None, None]
    assert open_files(tmp_path).table().equals(table)


def test_sample_counts_nothing(tmp_path):
    source = open_files(_write(tmp_path / "a.csv", "a,b\n1,2\n3\n"))
    assert len(source.sample(5)) == 1
    assert source.faults.counts == {}


def test_no_such_file_names_the_nearest(tmp_path):
    _write(tmp_path / "train.csv", "a\n1\n")
    with pytest.raises(DataError, match=r"did you mean .*train.csv"):
        open_files(tmp_path / "trian.csv")
    with pytest.raises(DataError, match="unknown kind of file"):
        open_files(_write(tmp_path / "a.xlsx", "x"))
