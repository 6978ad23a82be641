"""Tables nobody prepared: what is guessed, why, and what is refused because it could be two things."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.errors import ChoirmasterError, SchemaError
from choirmaster.guess import guess_schema, looks_like_time
from choirmaster.schema import Output, Schema, Task

N = 200
RNG = np.random.default_rng(7)
P1, P2 = RNG.random(N).round(4), RNG.random(N).round(4)
Y = (RNG.random(N) < 0.2).astype(int)
NASTY = pa.table({
    "Unnamed: 0": list(range(N)),
    "flight_id": [f"F{i}" for i in range(N)],
    "scheduled": [f"2013-04-{1 + i % 28:02d} {i % 24:02d}:00" for i in range(N)],
    "airline": ["AA", "UA", "DL", None] * (N // 4),
    "distance": RNG.integers(100, 3000, N),
    "Late?": ["late" if y else "ontime" for y in Y],
    "p_logit": P1,
    "forest_score": P2,
    "tree": ["late" if p > 0.5 else "ontime" for p in P2],
})  # fmt: skip


def test_a_table_nobody_prepared():
    schema = guess_schema(NASTY)
    assert schema.task is Task.BINARY
    assert (schema.label, schema.time, schema.id) == ("Late?", "scheduled", "flight_id")
    assert list(schema.members) == ["logit", "forest", "tree"]
    assert schema.members["tree"].output is Output.CLASS
    assert schema.members["logit"].output is Output.PROBABILITY
    assert (schema.positive, schema.classes) == ("late", ("late", "ontime"))
    assert schema.segments == ("airline",)
    assert schema.features == ("airline", "distance")


def test_each_role_has_its_reason():
    notes = "\n".join(guess_schema(NASTY).notes)
    for role in ("task", "label", "time", "id", "members", "positive", "segments", "fusion", "features"):
        assert f"{role}: " in notes


@pytest.mark.parametrize(
    "make",
    [pl.from_arrow, lambda t: t.to_pandas(), lambda t: t.to_pylist(), lambda t: t.to_pydict(), lambda t: t,
     lambda t: t.to_batches()[0]],
    ids=["polars", "pandas", "records", "mapping", "table", "batch"],
)  # fmt: skip
def test_every_kind_of_frame_says_the_same(make):
    assert guess_schema(make(NASTY)) == guess_schema(NASTY)


def test_what_is_no_frame_is_refused():
    with pytest.raises(SchemaError, match="cannot read a frame"):
        guess_schema(42)


def test_regression_by_a_label_with_many_values():
    table = pa.table({"y": P1 * 100, "y_pred": P2 * 100, "x": P1})
    schema = guess_schema(table)
    assert schema.task is Task.REGRESSION
    assert schema.members["model"].columns == {"": "y_pred"}


def test_multiclass_members_are_found_by_class():
    table = pa.table({
        "species": ["a", "b", "c"] * 60, "label": ["a", "b", "c"] * 60,
        **{f"p_boost_{name}": [0.2, 0.3, 0.5] * 60 for name in "abc"},
    })  # fmt: skip
    schema = guess_schema(table)
    assert schema.task is Task.MULTICLASS
    assert schema.members["boost"].columns == {name: f"p_boost_{name}" for name in "abc"}


def test_a_pair_of_binary_columns_is_one_member():
    table = pa.table({"y": ["no", "yes"] * 50, "proba_no": P1[:100], "proba_yes": 1 - P1[:100]})
    assert guess_schema(table).members["model"].columns == {"no": "proba_no", "yes": "proba_yes"}


def test_log_odds_are_declared_as_such():
    table = pa.table({"y": Y, "logit_a": P1 * 10 - 5, "p_b": P2})
    assert guess_schema(table).members["logit_a"].output is Output.LOGIT


def test_a_fused_column_is_not_a_member():
    table = pa.table({"y": Y, "p_a": P1, "p_b": P2, "p_ensemble": (P1 + P2) / 2})
    schema = guess_schema(table)
    assert list(schema.members) == ["a", "b"]
    assert schema.fused is not None
    assert schema.fusion is None


def test_a_flag_that_shares_the_labels_values_is_no_prediction():
    schema = guess_schema(pa.table({"y": Y, "weekend": 1 - Y, "p": P1}))
    assert list(schema.members) == ["model"]


def test_the_rarer_class_is_positive_when_no_name_says_so():
    schema = guess_schema(pa.table({"y": ["red"] * 150 + ["blue"] * 50, "p": P1}))
    assert schema.positive == "blue"
    assert any("please check" in note for note in schema.notes)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"y": Y, "a": P1, "b": P2}, 'members={"model": "a"}'),
        ({"is_fraud": Y, "is_late": Y, "p": P1}, 'label="is_fraud"'),
        ({"y": Y, "p": P1, "left": ["2013-01-01"] * N, "arrived": ["2013-01-02"] * N}, 'time="left"'),
    ],
)
def test_what_could_be_two_things_names_both_and_the_line_to_type(table, line):
    with pytest.raises(SchemaError) as caught:
        guess_schema(pa.table(table))
    assert line in str(caught.value)
    assert "more than one column" in str(caught.value)


def test_no_prediction_says_what_to_add():
    with pytest.raises(SchemaError, match="members="):
        guess_schema(pa.table({"y": Y, "x": P1 * 50}))


def test_what_is_given_is_taken():
    schema = guess_schema(pa.table({"is_fraud": Y, "is_late": Y, "p": P1}), label="is_late", positive=1)
    assert (schema.label, schema.positive) == ("is_late", "1")
    with pytest.raises(ChoirmasterError, match="is_late"):
        guess_schema(pa.table({"is_late": Y, "p": P1}), label="is_lat")


def test_empty_cells_of_the_label_are_said():
    schema = guess_schema(pa.table({"y": [1, None] * 50, "p": P1[:100]}))
    assert any("labels that have not arrived" in note for note in schema.notes)


def test_only_the_first_rows_are_looked_at():
    big = pa.table({"y": [0, 1] * 10_000, "p": [0.5] * 10_000 + [7.0] * 10_000})
    assert list(guess_schema(big).members) == ["model"]


def test_stored_times_and_epochs_are_times():
    stamps = pa.array([dt.datetime(2013, 1, 1)] * N)
    assert guess_schema(pa.table({"y": Y, "p": P1, "when": stamps})).time == "when"
    assert guess_schema(pa.table({"y": Y, "p": P1, "ts": [1_366_000_000 + i for i in range(N)]})).time == "ts"


@pytest.mark.parametrize(
    ("texts", "answer"),
    [(["2013-04-22T10:00:00Z"], True), (["04/22/2013 10:00"], True), (["20130422"], True), (["123456"], False),
     (["AA1234"], False), ([], False), (["12:30"], False), (["2013-W10-1"], True)],
)  # fmt: skip
def test_times_are_told_from_other_texts(texts, answer):
    assert looks_like_time(texts) is answer


def test_schema_guess_is_the_same_function():
    assert Schema.guess(pd.DataFrame({"y": Y, "p": P1})) == guess_schema(pa.table({"y": Y, "p": P1}))


@given(st.dictionaries(
    st.sampled_from(["y", "label", "p_a", "p_b", "id", "ts", "x", "is_late", "é ü", "all", "fused", "Unnamed: 0"]),
    st.sampled_from([[0, 1, 1], [0.1, 0.9, 0.5], ["a", "b", "a"], [None] * 3, ["2013-01-01"] * 3, [True, False, None],
                     [float("nan"), 1.0, float("inf")], [[1], [2], []], [b"a", b"b", b"c"]]),
    min_size=1))  # fmt: skip
def test_any_table_gives_a_schema_or_one_clear_error(columns):
    try:
        schema = guess_schema(pa.table(columns))
    except ChoirmasterError as error:
        assert str(error)
    else:
        assert schema.members
        assert schema.notes
