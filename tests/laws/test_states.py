"""The law of sums, for every kind of state in the registry: any split, any order, the same bits."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from choirmaster.errors import StateMismatch
from choirmaster.states import BY_KIND, STATES
from tests.laws.state_cases import CASES, NAMES, Case, joined, measured

every = pytest.mark.parametrize("case", CASES, ids=NAMES)
rows_of = {case.name: st.lists(case.row, max_size=25) for case in CASES}


def test_every_kind_in_the_registry_has_a_case() -> None:
    assert {case.part.kind for case in CASES} == set(BY_KIND) == {one.kind for one in STATES}


@every
@given(data=st.data())
def test_any_split_in_any_order_gives_the_same_bits(case: Case, data: st.DataObject) -> None:
    rows = data.draw(rows_of[case.name])
    shuffled = data.draw(st.permutations(rows))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    pieces = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    order = data.draw(st.permutations(range(len(pieces))))
    whole = case.state(rows)
    assert joined([case.state(pieces[i]) for i in order]).to_bytes() == whole.to_bytes()
    stepwise = BY_KIND[case.part.kind].zero(case.part)
    for piece in pieces:
        stepwise.update(*case.columns(piece))  # type: ignore[attr-defined]  # every kind has its own columns
    assert stepwise.digest() == whole.digest()


@every
@given(data=st.data())
def test_merge_is_associative_and_commutative_and_zero_is_neutral(case: Case, data: st.DataObject) -> None:
    a, b, c = (case.state(data.draw(rows_of[case.name])) for _ in range(3))
    zero = BY_KIND[case.part.kind].zero(case.part)
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(b) == b.merge(a)
    assert a.merge(zero) == a == zero.merge(a)
    assert zero.empty


@every
@given(data=st.data())
def test_subtract_undoes_update_exactly(case: Case, data: st.DataObject) -> None:
    a, b = (case.state(data.draw(rows_of[case.name])) for _ in range(2))
    assert a.merge(b).subtract(b) == a
    assert a.subtract(a).empty
    assert a.subtract(b).merge(b) == a  # even where counts were negative for a while


@every
@given(data=st.data())
def test_bytes_come_back_and_merge_leaves_its_sides_alone(case: Case, data: st.DataObject) -> None:
    a, b = (case.state(data.draw(rows_of[case.name])) for _ in range(2))
    before = a.to_bytes(), b.to_bytes()
    negative = a.subtract(b)
    for state in (a, a.merge(b), negative):
        again = type(state).from_bytes(state.to_bytes(), case.part)
        assert again == state
        assert again.digest() == state.digest()
        assert np.array_equal(again.counts, state.counts)
        assert np.array_equal(again.sums, state.sums)
    assert (a.to_bytes(), b.to_bytes()) == before


@every
@settings(max_examples=5)
@given(data=st.data())
def test_damaged_bytes_and_foreign_parts_are_refused(case: Case, data: st.DataObject) -> None:
    good = case.state(data.draw(rows_of[case.name])).to_bytes()
    kind = BY_KIND[case.part.kind]
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 1 << (at % 8)
        with pytest.raises(StateMismatch):
            kind.from_bytes(bytes(bad), case.part)
    for cut in (0, 3, 7, len(good) - 1):
        with pytest.raises(StateMismatch):
            kind.from_bytes(good[:cut], case.part)
    for other in CASES:
        if other.part.id != case.part.id:
            with pytest.raises(StateMismatch):
                kind.from_bytes(good, other.part)


def test_states_of_different_parts_do_not_merge() -> None:
    for one in CASES:
        for two in CASES:
            if one.part.id != two.part.id:
                with pytest.raises(StateMismatch, match="do not add up"):
                    one.state([]).merge(two.state([]))


def _rows(case: Case, n: int) -> list:
    rng = np.random.default_rng(5)
    wild = [0.0, 1.0, 0.5, np.nan, np.inf, -2.5, 1e300, 7.5]
    columns = []
    for i, dtype in enumerate(case.dtypes):
        if dtype is np.float64:
            columns.append(np.where(rng.random(n) < 0.3, rng.choice(wild, n), rng.random(n)))
        else:
            low = -1 if "losses" in case.name or (case.name == "calls" and i == 1) else 0
            columns.append(rng.integers(low, 2, n))
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_threads_and_processes_give_the_same_bits() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as processes, ThreadPoolExecutor(4) as threads:
        for case in CASES:
            rows = _rows(case, 400)
            pieces = [rows[i::5] for i in range(5)]
            whole = case.state(rows)
            assert not whole.empty
            kind = BY_KIND[case.part.kind]
            far = processes.map(measured, [case.name] * 5, pieces)
            assert joined([kind.from_bytes(one, case.part) for one in far]).to_bytes() == whole.to_bytes()
            near = list(threads.map(case.state, pieces))
            assert joined(near[::-1]).to_bytes() == whole.to_bytes()
