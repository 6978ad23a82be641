"""The kernels: compiled and plain give the same bits, bins are found as by search, the logarithm is right."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from choirmaster.engines.compile import compiled
from choirmaster.kernels.locate import grid, locate
from choirmaster.kernels.log import natural_log
from tests.laws.state_cases import CASES, Case

with_kernels = [case for case in CASES if case.kernels]


@pytest.mark.parametrize("case", with_kernels, ids=[case.name for case in with_kernels])
@given(data=st.data())
def test_compiled_kernels_give_the_bits_of_the_plain_ones(case: Case, data: st.DataObject) -> None:
    rows = data.draw(st.lists(case.row, max_size=25))
    assert case.state(rows, compiled()).to_bytes() == case.state(rows).to_bytes()


finite = st.floats(allow_nan=False, allow_infinity=False)
close = st.builds(lambda base, steps: base + steps * np.spacing(base), st.floats(-1e6, 1e6), st.integers(-4, 4))


@given(st.lists(st.one_of(finite, close), min_size=1, max_size=40), st.lists(finite, max_size=20), st.integers(1, 64))
def test_a_bin_is_found_as_by_search(edges: list[float], others: list[float], cells: int) -> None:
    found = grid(np.unique(edges), cells)
    with np.errstate(over="ignore", invalid="ignore"):
        for x in [*edges, *np.nextafter(edges, np.inf), *np.nextafter(edges, -np.inf), *others]:
            if np.isfinite(x):
                assert locate(x, *found) == np.searchsorted(found.edges, x, side="right")


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_the_logarithm_of_any_positive_number(x: float) -> None:
    _check(x)


def test_the_logarithm_where_it_is_hard() -> None:
    for x in [1.0, *np.nextafter(1.0, [0.0, 2.0]), 0.5**0.5, *np.nextafter(0.5**0.5, [0.0, 1.0]), 5e-324, 2.0**-52,
              1.7976931348623157e308, *np.linspace(0.98, 1.02, 101), *np.logspace(-16, 0, 101)]:  # fmt: skip
        _check(float(x))
    assert natural_log(1.0) == 0.0


def _check(x: float) -> None:
    with localcontext() as context:
        context.prec = 60
        true = Decimal(x).ln()
        miss = abs(Decimal(natural_log(x)) - true)
    assert miss <= Decimal(2.0 * np.spacing(abs(float(true)))) or miss < Decimal("1e-300")
