"""Loose columns become canonical ones, or the input, the row and what was expected are named."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.errors import DataError
from choirmaster.layout import TEXT
from choirmaster.serve.request import MAX_ID, features_table, identities, instants
from tests.entrances.http.kit import LAYOUT


@pytest.mark.parametrize(("given_", "got"), [
    ([1, 2.5, None], [1.0, 2.5, None]),
    ([True, False, 3], [1.0, 0.0, 3.0]),
    ([float("nan"), 1.0, 2], [None, 1.0, 2.0]),
    ([2**60, 1, 2], [float(2**60), 1.0, 2.0]),
    (np.array([1, 2, 3]), [1.0, 2.0, 3.0]),
    (pa.array([1, None, 3], pa.int32()), [1.0, None, 3.0]),
    (pa.chunked_array([[1.5], [np.nan, 2.0]]), [1.5, None, 2.0]),
    (pa.array([True, None, False]), [1.0, None, 0.0]),
    (pa.nulls(3), [None, None, None]),
])  # fmt: skip
def test_numbers(given_, got):
    table = features_table(LAYOUT, {"x": given_}, 3)
    assert table.schema.field("x").type == pa.float64() and table["x"].to_pylist() == got


@pytest.mark.parametrize(("given_", "got"), [
    (["u", None, ""], ["u", None, ""]),
    ([1, 2.0, True], ["1", "2", "true"]),
    ([float("nan"), "a", "a"], [None, "a", "a"]),
    (pa.array(["a", None, "b"]).dictionary_encode(), ["a", None, "b"]),
    (pa.array([1, 2, None]), ["1", "2", None]),
])  # fmt: skip
def test_texts(given_, got):
    table = features_table(LAYOUT, {"c": given_}, 3)
    assert table.schema.field("c").type == TEXT and table["c"].to_pylist() == got


def test_a_missing_feature_is_null_in_every_row():
    assert features_table(LAYOUT, {}, 2).to_pylist() == [{"x": None, "c": None}] * 2


@pytest.mark.parametrize(("columns", "message"), [
    ({"x": [1, "two"]}, r'wrong type in input "x", row 1: expected a number, got text \'two\''),
    ({"x": [[1], 2]}, r'input "x", row 0: expected a number, got list of 1'),
    ({"c": ["a", {"b": 1}]}, r'input "c", row 1: expected text, got object of 1'),
    ({"x": [1]}, r'input "x" has a wrong length: expected 2 rows, got 1'),
    ({"x": [10**400, 1]}, r"row 0: expected a number in the range of float64, got number a very large"),
    ({"x": pa.array(["a", "b"])}, r'input "x": expected numbers, got string'),
])  # fmt: skip
def test_a_wrong_cell_is_named(columns, message):
    with pytest.raises(DataError, match=message):
        features_table(LAYOUT, columns, 2)


@given(st.lists(st.one_of(st.none(), st.floats(), st.integers(-(2**70), 2**70), st.booleans()), min_size=1))
def test_any_list_of_numbers_keeps_its_numbers(values):
    got = features_table(LAYOUT, {"x": values}, len(values))["x"].to_pylist()
    for before, after in zip(values, got, strict=True):
        assert (after is None) if before is None or before != before else after == float(before)


def test_ids():
    assert identities(["a", 7, None]) == ("a", "7", None)
    for wrong in ("", "x" * (MAX_ID + 1), "a\nb", "a\x00", 1.5, True, [], 2**200):
        with pytest.raises(DataError, match="_id"):
            identities(["fine", wrong])


def test_times():
    assert instants(["1970-01-01T00:00:01Z", 5, None], now=9) == (1_000_000, 5, 9)
    for wrong in ("yesterday", 1.5, True, [], 10**20, "0001-01-01T00:00:00+23:59", "9999-99-99"):
        with pytest.raises(DataError, match="row 0"):
            instants([wrong], now=0)
