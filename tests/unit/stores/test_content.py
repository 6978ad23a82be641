"""Content hashes tell equal rows from different ones, whatever their form."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.stores.sql.content import content_hashes

CELL = st.tuples(
    st.one_of(st.none(), st.floats(allow_nan=True)),
    st.one_of(st.none(), st.text(max_size=3)),
    st.one_of(st.none(), st.integers(-5, 5)),
)


def same(left, right):
    def plain(row):
        return tuple("nan" if one != one else one for one in row)

    return plain(left) == plain(right)


def table(rows):
    x, text, n = zip(*rows, strict=True)
    return pa.table({"x": pa.array(x, pa.float64()), "t": pa.array(text, pa.string()), "n": pa.array(n, pa.int64())})


@given(st.lists(CELL, min_size=2, max_size=8))
def test_equal_hashes_exactly_for_equal_rows(rows):
    hashes = content_hashes(table(rows))
    for i, left in enumerate(rows):
        for j, right in enumerate(rows):
            assert (hashes[i] == hashes[j]) == same(left, right)


@given(st.lists(CELL, min_size=1, max_size=8))
def test_form_does_not_matter(rows):
    plain = table(rows)
    wider = plain.append_column("later", pa.nulls(len(rows), pa.float64()))
    coded = wider.select(["later", "n", "t", "x"]).set_column(2, "t", plain.column("t").dictionary_encode())
    assert content_hashes(coded) == content_hashes(plain)
    assert content_hashes(plain.slice(len(rows) // 2)) == content_hashes(plain)[len(rows) // 2 :]


def test_a_value_in_another_column_is_other_content():
    one = pa.table({"a": [1.0], "b": pa.array([None], pa.float64())})
    two = pa.table({"a": pa.array([None], pa.float64()), "b": [1.0]})
    assert content_hashes(one) != content_hashes(two)
