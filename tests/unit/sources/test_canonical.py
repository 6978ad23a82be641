"""User's columns into canonical ones: the same meaning whatever the columns' types, and every fault counted."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.errors import SchemaError
from choirmaster.schema import TEXT, TIMESTAMP, Output, Schema
from choirmaster.sources.canonical import Canonical
from choirmaster.sources.convert import as_number, as_text
from choirmaster.sources.faults import Faults
from choirmaster.sources.frames import as_table, back_to, kind_of
from choirmaster.sources.resolve import resolve
from choirmaster.sources.time_text import as_utc, time_form
from choirmaster.times import from_micros, parse_instant


def _run(schema, table):
    resolved = resolve(schema, table.schema, table)
    canonical = Canonical(schema, resolved.layout, table.schema, time_form=resolved.time_form)
    return canonical.table(table), canonical, resolved


MEMBERS = {"a": "p", "b": {"output": "class", "columns": "c"}, "z": {"output": "logit", "columns": "l"}}
BINARY = Schema("binary", label="y", members=MEMBERS, fusion="hard_vote")


@pytest.mark.parametrize(
    "labels",
    [[1, 0, None], [1.0, 0.0, math.nan], ["1", "0", ""], pa.array([1, 0, None], pa.int8()),
     pa.array(["1", "0", None]).dictionary_encode()],
)  # fmt: skip
def test_one_class_has_one_text_whatever_its_type(labels):
    table = pa.table({"y": labels, "p": [0.1, 0.2, None], "c": ["0", "1", "0"], "l": [0.0, 800.0, -800.0]})
    out, _, resolved = _run(BINARY, table)
    assert out["label"].to_pylist() == ["1", "0", None]
    assert out["m.a.p.1"].to_pylist() == [0.1, 0.2, None]
    assert out["m.b.class"].to_pylist() == ["0", "1", "0"]
    assert out["m.z.p.1"].to_pylist() == [0.5, 1.0, 0.0]
    assert resolved.layout.series[-1].name == "fused"
    assert resolved.layout.series[2].output is Output.PROBABILITY
    for field in out.schema:
        assert field.type == resolved.layout.arrow(label=True).field(field.name).type


def test_true_is_true_in_every_spelling():
    for values in ([True, False], ["True", "False"], ["true", "false"], ["TRUE", "FALSE"]):
        assert as_text(pa.array(values), name="y", faults=Faults()).to_pylist() == ["true", "false"]


def test_floats_are_not_copied():
    values = pa.array(np.random.default_rng(1).random(1000))
    table = pa.table({"y": ["1", "0"] * 500, "p": values, "x": values})
    out, _, _ = _run(Schema("binary", label="y", prediction="p"), table)
    for name in ("m.model.p.1", "x.x"):
        assert out[name].chunk(0).buffers()[1].address == values.buffers()[1].address


def test_faults_are_counted_by_column_and_reason():
    table = pa.table({"y": ["1", "0", "maybe"] * 2, "p": [0.1, 1.2, math.inf, -3.0, math.nan, 0.5],
                      "x": ["1", "two", "3", "", None, "two"]})  # fmt: skip
    schema = Schema("binary", label="y", prediction="p", classes=["0", "1"], numeric=["x"])
    out, canonical, _ = _run(schema, table)
    assert dict(canonical.faults.counts) == {
        ("x", "not a number"): 2, ("p", "not a probability"): 2, ("p", "not finite"): 1,
        ("y", "not among the classes"): 2,
    }  # fmt: skip
    assert out["m.model.p.1"].null_count == 4
    assert out["label"].null_count == 2
    assert out["x.x"].to_pylist() == [1.0, None, 3.0, None, None, None]


def test_features_follow_types_and_ids_are_left_out():
    n = 3000
    table = pa.table({
        "y": [0, 1] * (n // 2), "p": [0.5] * n, "num": list(range(n)), "flag": [True, False] * (n // 2),
        "cat": ["a", "b", "c"] * (n // 3), "user": [f"u{i}" for i in range(n)], "when": ["2013-01-01 10:00"] * n,
        "list": [[1]] * n, "seg": [1, 2, 3] * (n // 3),
    })  # fmt: skip
    _, _, resolved = _run(Schema("binary", label="y", prediction="p", segments=["seg"]), table)
    assert resolved.layout.numeric == ("num",)
    assert resolved.layout.categorical == ("flag", "cat", "seg")
    notes = "\n".join(resolved.notes)
    for name in ("user", "when", "list"):
        assert f'"{name}" is left out' in notes


def test_declared_features_and_tags():
    table = pa.table({"y": [0, 1], "p": [0.5, 0.6], "a": [1, 2], "s": ["u", "v"]})
    schema = Schema("binary", label="y", prediction="p", features=["a"], categorical=["a"], segments=["s"])
    out, _, resolved = _run(schema, table)
    assert resolved.layout.tags == ("s",)
    assert out["tag.s"].to_pylist() == ["u", "v"]
    assert out["x.a"].to_pylist() == ["1", "2"]


def test_multiclass_and_complement():
    table = pa.table({"y": ["a", "b", "c"], **{f"p{name}": [0.2, 0.3, 0.5] for name in "abc"}})
    schema = Schema("multiclass", label="y", members={"m": {name: f"p{name}" for name in "abc"}})
    out, _, resolved = _run(schema, table)
    assert resolved.layout.classes == ("a", "b", "c")
    assert out["m.m.p.c"].to_pylist() == [0.2, 0.3, 0.5]
    two = pa.table({"y": ["no", "yes"], "q": [0.25, 1.0]})
    out, _, _ = _run(Schema("binary", label="y", members={"m": {"no": "q"}}), two)
    assert out["m.m.p.yes"].to_pylist() == [0.75, 0.0]


def test_regression_ids_and_value():
    table = pa.table({"id": [1.0, 2.0], "y": [1, 2], "p": [1.5, math.inf], "v": [3, 4]})
    schema = Schema("regression", label="y", prediction="p", id="id", value="v")
    out, canonical, _ = _run(schema, table)
    assert out["id"].to_pylist() == ["1", "2"]
    assert out["m.model.value"].to_pylist() == [1.5, None]
    assert out["label"].to_pylist() == [1.0, 2.0]
    assert canonical.faults.counts["p", "not finite"] == 1


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (Schema("binary", label="z", prediction="p"), "$.label"),
        (Schema("binary", label="y", prediction="pp"), "$.members.model"),
        (Schema("binary", label="y", prediction="p", segments=["no"]), "$.segments"),
        (Schema("binary", label="y", prediction="p", positive="yess", classes=None), "two classes"),
    ],
)
def test_what_is_missing_is_named(schema, said):
    table = pa.table({"y": ["yes", "no"], "p": [0.1, 0.2]})
    with pytest.raises(SchemaError) as caught:
        _run(schema, table)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a", "b", "c"], 'task="multiclass"'),
        (["red", "blue", "red"], 'positive="blue"'),
        (["a", "a", "a"], "classes="),
    ],
)
def test_classes_that_cannot_be_decided_say_what_to_type(labels, said):
    with pytest.raises(SchemaError) as caught:
        _run(Schema("binary", label="y", prediction="p"), pa.table({"y": labels, "p": [0.1, 0.2, 0.3]}))
    assert said in str(caught.value)


def test_a_reference_may_lack_columns():
    table = pa.table({"y": [0, 1], "p": [0.5, 0.6], "a": [1, 2]})
    schema = Schema("binary", label="y", prediction="p")
    layout = resolve(schema, table.schema, table).layout
    other = pa.table({"a": [1.5]})
    canonical = Canonical(schema, layout, other.schema)
    assert canonical.table(other).to_pydict() == {"x.a": [1.5]}
    assert set(canonical.missing) == {"y", "p"}


# -- times ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "zone", "expected"),
    [
        (["2013-07-01 00:00"], "America/New_York", "2013-07-01T04:00:00Z"),
        (["2013-07-01T00:00:00Z"], "America/New_York", "2013-07-01T00:00:00Z"),
        (["2013-07-01T02:00:00.1234567+0200"], "UTC", "2013-07-01T00:00:00.123456Z"),
        (["2013-07-01 00:00:00 UTC"], "Asia/Tokyo", "2013-07-01T00:00:00Z"),
        (["07/13/2013 05:00"], "UTC", "2013-07-13T05:00:00Z"),
        (["13.07.2013"], "UTC", "2013-07-13T00:00:00Z"),
        ([1_372_636_800], "Asia/Tokyo", "2013-07-01T00:00:00Z"),
        ([1_372_636_800_000.0], "UTC", "2013-07-01T00:00:00Z"),
        ([1_372_636_800_000_000_000], "UTC", "2013-07-01T00:00:00Z"),
        ([dt.datetime(2013, 7, 1)], "America/New_York", "2013-07-01T04:00:00Z"),
        ([dt.date(2013, 7, 1)], "UTC", "2013-07-01T00:00:00Z"),
        ([dt.datetime(2013, 7, 1, tzinfo=dt.UTC)], "Asia/Tokyo", "2013-07-01T00:00:00Z"),
    ],
)
def test_times_in_every_shape(values, zone, expected):
    column = pa.array(values)
    faults = Faults()
    out = as_utc(column, time_form(column, name="t"), zone, name="t", faults=faults)
    assert out.type == TIMESTAMP
    assert out[0].as_py() == from_micros(parse_instant(expected))
    assert not faults.counts


def test_times_that_cannot_be_read_are_null_and_counted():
    column = pa.array(["2013-07-01", "never", "2013-02-30", "", None, "2013-07-02T25:00", "2013-07-02 10:00+02:00"])
    faults = Faults()
    out = as_utc(column, "iso", "UTC", name="t", faults=faults)
    assert out.is_valid().to_pylist() == [True, False, False, False, False, False, True]
    assert faults.counts["t", "not a time"] == 3


def test_days_and_months_that_cannot_be_told_apart_are_refused():
    with pytest.raises(SchemaError, match="days and months"):
        time_form(pa.array(["01/02/2013", "03/04/2013"]), name="t")


@given(st.datetimes(dt.datetime(2012, 12, 30), dt.datetime(2014, 1, 3)),
       st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC"]))  # fmt: skip
def test_naive_times_agree_with_those_of_requests(moment, zone):
    column = pa.array([moment], pa.timestamp("us"))
    out = as_utc(column, "stored", zone, name="t", faults=Faults())
    assert out[0].as_py() == from_micros(parse_instant(moment.isoformat(), zone=zone))


def test_clock_changes_are_counted():
    column = pa.array(["2013-10-27 02:30", "2013-03-31 02:30", "2013-06-01 00:00"])
    faults = Faults()
    out = as_utc(column, "iso", "Europe/Berlin", name="t", faults=faults)
    assert [one.isoformat() for one in out.to_pylist()[:2]] == [
        "2013-10-27T00:30:00+00:00",
        "2013-03-31T01:30:00+00:00",
    ]
    assert sum(faults.counts.values()) == 2


# -- frames ---------------------------------------------------------------------------------------------------------
def test_frames_of_every_kind_and_back():
    import duckdb
    import pandas as pd
    import polars as pl

    plain = {"a": [1, 2], "b": ["x", None]}
    table = pa.table(plain)
    frames = [table, pd.DataFrame(plain), pl.DataFrame(plain), table.to_pylist(), plain, duckdb.from_arrow(table),
              pl.DataFrame(plain).lazy(), table.to_batches()[0]]  # fmt: skip
    for frame in frames:
        table = as_table(frame)
        assert table.to_pydict() == plain, kind_of(frame)
        assert table.schema.field("b").type == pa.string()
        assert kind_of(back_to(kind_of(frame), table)) == kind_of(frame)


def test_pandas_columns_of_mixed_types_become_texts():
    import pandas as pd

    table = as_table(pd.DataFrame({"a": pd.Series([1, "x", None, 2.0], dtype=object)}))
    assert table["a"].to_pylist() == ["1", "x", None, "2"]


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False), st.integers(-(10**6), 10**6), st.text(max_size=4))))
def test_numbers_of_texts_are_floats_or_counted(values):
    texts = pa.array([None if one is None else str(one) for one in values], pa.string())
    faults = Faults()
    out = as_number(texts, name="x", faults=faults)
    assert out.type == pa.float64()
    given_texts = sum(1 for one in texts.to_pylist() if one is not None and pa_trim(one))
    assert len(out) - out.null_count + sum(faults.counts.values()) == given_texts


def pa_trim(text):
    import pyarrow.compute as pc

    return pc.utf8_trim_whitespace(pa.scalar(text)).as_py()


def test_dictionary_labels_pass_without_work():
    column = pa.array(["a", "b"]).dictionary_encode()
    assert as_text(column, name="y", faults=Faults()) is column
    assert column.type == TEXT
