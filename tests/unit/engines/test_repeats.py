"""Ids that come again: against a plain loop, for any order of threads; what is looked at follows from the ids alone."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.engines.repeats import LONGEST, Repeats, hashes
from choirmaster.times import Window

WINDOWS = [Window(one, one + 1) for one in range(3)]
Row = tuple[str | None, int]  # id, and the window or -1
row = st.tuples(st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["a", "b", "x" * 70])), st.integers(-1, 2))


def plain(rows: list[Row]) -> dict[Window, tuple[int, int]]:
    seen: set[str] = set()
    out: dict[Window, list[int]] = {}
    for name, window in rows:
        if name is not None:
            if window >= 0:
                out.setdefault(WINDOWS[window], [0, 0])[name in seen] += 1
            seen.add(name)
    return {one: (new, again) for one, (new, again) in out.items()}


def counted(rows: list[Row], sizes: list[int], seed: int, at_most: int = 1 << 20) -> Repeats:
    """Give batches of these sizes in any order, as threads would."""
    edges = np.cumsum([0, *sizes]).clip(0, len(rows)).tolist()
    batches = [(at, rows[at:end]) for at, end in pairwise([*edges, len(rows)])]
    random.Random(seed).shuffle(batches)
    found = Repeats(at_most)
    for at, some in batches:
        ids = pa.array([one[0] for one in some], pa.string())
        index = np.array([one[1] for one in some], np.int64)
        found.add(ids, np.arange(at, at + len(some)), WINDOWS, index)
    return found


@given(st.lists(row, max_size=60), st.lists(st.integers(0, 9), max_size=12), st.integers(0, 99), st.integers(60, 300))
def test_any_order_of_batches_gives_what_a_loop_finds(rows, sizes, seed, at_most):
    assert counted(rows, sizes, seed, at_most).counts() == plain(rows)


def test_beyond_what_is_kept_an_id_is_looked_at_in_all_its_rows_or_in_none():
    rng = random.Random(1)
    rows: list[Row] = [(f"id {rng.randrange(4_000)}", rng.randrange(3)) for _ in range(9_000)]
    found = counted(rows, [100] * 90, seed=2, at_most=1_000)
    expected = found.counts()
    assert found.bits > 0
    marks = dict(zip([one[0] for one in rows], hashes(pa.array([one[0] for one in rows])).tolist(), strict=True))
    some = [one for one in rows if marks[one[0]] % (1 << found.bits) == 0]
    assert expected == plain(some)
    assert 0 < len(some) < len(rows) / 2
    more = [one for one in rows if marks[one[0]] % (1 << (found.bits - 1)) == 0]
    assert len(set(more)) > 1_000  # one bit less would not have fitted
    for seed, size in ((3, 7), (4, 1_000), (5, 9_000)):
        again = counted(rows, [size] * (9_000 // size + 1), seed, at_most=1_000)
        assert (again.counts(), again.bits) == (expected, found.bits)


def test_one_id_over_and_over_takes_no_room():
    found = counted([("same", at % 3) for at in range(5_000)], [50] * 100, seed=0, at_most=10)
    assert found.bits == 0
    assert found.counts() == {WINDOWS[0]: (1, 1666), WINDOWS[1]: (0, 1667), WINDOWS[2]: (0, 1666)}


def test_nothing_was_given():
    assert Repeats().counts() == {}
    assert counted([(None, 0), ("a", -1)], [], 0).counts() == {}
    assert len(hashes(pa.array([], pa.string()))) == 0


@given(st.lists(st.text(max_size=20), max_size=30), st.integers(0, 5))
def test_a_hash_is_of_the_text_alone_wherever_it_lies(texts, skipped):
    alone = {text: hashes(pa.array([text]))[0] for text in texts}
    ids = pa.array(["ä" * 9] * skipped + texts, pa.string()).slice(skipped)
    assert hashes(ids).tolist() == [alone[text] for text in texts]
    assert len({*alone.values()}) == len(alone)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 16, LONGEST - 1, LONGEST, LONGEST + 1, 3_000])
def test_texts_that_differ_in_one_byte_or_in_length_differ(size):
    texts = {"a" * size, "a" * size + "\0", "a" * (size + 8)} | {
        "a" * at + "b" + "a" * (size - at - 1) for at in range(size)
    }
    found = hashes(pa.array(sorted(texts)))
    assert len(set(found.tolist())) == len(texts)


def test_low_bits_are_even():
    """A sample by the last bits is a fair one: 100,000 numbered ids over 16 classes, each within five deviations."""
    found = hashes(pa.array([f"r{at}" for at in range(100_000)]))
    counts = Counter((found & np.uint64(15)).tolist())
    assert len(counts) == 16
    assert all(abs(one - 6_250) < 5 * 6_250**0.5 for one in counts.values())
