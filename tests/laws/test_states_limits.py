"""Nothing overflows unseen: sums are whole numbers of any size, and what is out of range is counted."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.engines.compile import compiled
from choirmaster.errors import StateMismatch
from choirmaster.states import Histogram, Losses, Moments
from choirmaster.states.base import MAX_ROWS_BEFORE_CARRY, UNIT_BITS
from choirmaster.states.histogram import count_numeric, numeric_part
from choirmaster.states.losses import SQUARED, LossPart, sum_losses
from choirmaster.states.moments import MomentsPart

UNIT = MomentsPart(0, 0.0, 1.0)


def units(state: Moments, index: int) -> int:
    return (int(state.sums[index, 0]) << UNIT_BITS) + int(state.sums[index, 1])


@given(st.lists(st.floats(-4.0, 4.0), max_size=40))
def test_a_sum_is_the_sum_of_rounded_units(x: list[float]) -> None:
    state = Moments.zero(UNIT)
    state.update(np.array(x, np.float64))
    exact = sum(round(Fraction(one) * 2**UNIT_BITS) for one in x)
    assert units(state, 0) == exact
    assert state.total(0) == float(Fraction(exact, 2**UNIT_BITS))
    assert abs(state.total(0) - float(sum(map(Fraction, x), Fraction(0)))) <= len(x) * 2.0**-UNIT_BITS


def test_more_rows_than_one_piece_at_the_greatest_value_are_exact() -> None:
    rows = 3 * MAX_ROWS_BEFORE_CARRY + 17
    state = Moments.zero(UNIT)
    state.update(np.full(rows, 4.0), compiled())
    assert (state.n, state.clipped) == (rows, rows)  # 16 is beyond the range of x^2, 4 is not beyond that of x
    assert units(state, 0) == rows * 4 * 2**UNIT_BITS
    assert state.total(0) == 4.0 * rows
    for _ in range(60):  # doubling brings the sum beyond 2^63 units, as a whole number of any size would be
        if int(state.counts[0]) >= 2**58:
            break
        state = state.merge(state)
    assert units(state, 0) == state.n * 4 * 2**UNIT_BITS > 2**63


def test_too_many_rows_at_once_are_refused() -> None:
    x, group = np.zeros(MAX_ROWS_BEFORE_CARRY + 1), np.zeros(MAX_ROWS_BEFORE_CARRY + 1, np.int64)
    with pytest.raises(StateMismatch, match="before a carry"):
        count_numeric(numeric_part(np.array([1.0])), x, group, 1, compiled())
    with pytest.raises(StateMismatch, match="before a carry"):
        sum_losses(LossPart(True), x, x, group, 1, compiled())


def test_counts_and_sums_beyond_their_range_are_refused() -> None:
    state = Moments.zero(UNIT)
    state.counts[0] = 2**62 - 1
    with pytest.raises(StateMismatch, match="beyond 2\\^62"):
        state.merge(state)
    state.update(np.array([1.0]))  # an update adds at most 2^20, a quarter of 2^62 below what an integer holds
    with pytest.raises(StateMismatch, match="beyond 2\\^62"):
        state.merge(Moments.zero(UNIT))
    full = Moments.zero(UNIT)
    full.sums[0] = 2**62 - 1, 0
    with pytest.raises(StateMismatch, match="beyond 2\\^102"):
        full.merge(full)
    with pytest.raises(StateMismatch, match="beyond 2\\^102"):
        Moments.zero(UNIT).subtract(full).subtract(full)


def test_what_is_out_of_range_is_counted_and_the_rest_is_summed() -> None:
    state = Moments.zero(UNIT)
    state.update(np.array([4.0, -4.0, np.nextafter(4.0, 9.0), -1e308, 1.0, 2.0, np.nan, np.inf]))
    assert state.counts.tolist() == [6, 2, 4]
    assert (state.total(0), state.total(1)) == (3.0, 5.0)

    loss = Losses.zero(LossPart(True, 0))
    loss.update(np.array([0.5, 1e200, 3.0, np.nan]), np.array([0.0, 0.0, 0.0, 0.0]))
    assert (loss.n, loss.unanswered) == (3, 1)
    assert [loss.clipped(index) for index in range(6)] == [1, 1, 2, 2, 0, 0]
    assert loss.total(SQUARED) == 0.25

    tail = Histogram.zero(numeric_part(np.array([0.0, 1.0])))
    tail.update(np.array([-2.0, 4.0, 99.0, -99.0]))
    assert tail.inside.tolist() == [2, 0, 0, 0, 2]
    assert int(tail.counts[-1]) == 2
    assert tail.total(0) == pytest.approx(3.0, abs=1e-11)
    assert tail.total(1) == 2.0
