"""Every value of planted rows has the interval its declaration speaks of, or the declaration says why there is none."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from choirmaster.metrics import BY_NAME, METRICS, Metric, evaluate, targets
from choirmaster.states import BY_KIND, Part
from choirmaster.states.agreement import AgreementPart
from choirmaster.states.calls import CALLS
from choirmaster.states.confusion import ConfusionPart
from choirmaster.states.errors import ErrorPart
from choirmaster.states.histogram import category_part, numeric_part
from choirmaster.states.intake import CELLS, INTAKE
from choirmaster.states.label_sets import LabelSetPart
from choirmaster.states.losses import LossPart, number_part
from choirmaster.states.moments import moments_part
from choirmaster.states.quantiles import QuantilePart
from choirmaster.states.scores import score_part
from choirmaster.states.spread import SpreadPart
from choirmaster.values import Reason, Value
from tests.laws.state_cases import ROW_SCORES

ROWS = 1_500
Draw = Callable[[np.random.Generator, int], tuple[Any, ...]]


def _classes(k: int) -> Draw:
    def draw(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
        y = rng.integers(0, k, n)
        return y, np.where(rng.random(n) < 0.7, y, rng.integers(0, k, n)), rng.uniform(0.0, 7.0, n)

    return draw


def _scored(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    y = (rng.random(n) < 0.3).astype(np.int64)
    return 1.0 / (1.0 + np.exp(-rng.normal(2.0 * y - 1.0, 1.0))), y, rng.uniform(0.0, 7.0, n)


def _one_answer(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    p, y, _ = _scored(rng, n)
    return p[:, None], y


def _votes(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    y = rng.integers(0, 2, n)
    said = np.where(rng.random((n, 3)) < 0.8, y[:, None], 1 - y[:, None])
    return said, y


def _numbers(rng: np.random.Generator, n: int, width: int = 1) -> np.ndarray[Any, Any]:
    return np.squeeze(rng.normal(3.0, 1.0, (n, width)), axis=1) if width == 1 else rng.normal(3.0, 1.0, (n, width))


def _labelled(width: int) -> Draw:
    def draw(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
        y = _numbers(rng, n)
        return y[:, None] + rng.normal(0.2, 0.5, (n, width)), y

    return draw


def _quantiles(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    y = _numbers(rng, n)
    return np.array([1.7, 3.0, 4.3]) + rng.normal(0.0, 1.0, (n, 3)), y


X, P = np.random.default_rng(7).normal(3.0, 1.0, 5_000), np.random.default_rng(8).random(5_000)
PLANTED: tuple[tuple[Part, Draw], ...] = (
    (numeric_part(X), lambda rng, n: (_numbers(rng, n),)),
    (category_part({"a": 3, "b": 5}, 1), lambda rng, n: (rng.integers(0, 3, n),)),
    (moments_part(X, 3), lambda rng, n: (_numbers(rng, n),)),
    (ConfusionPart(("no", "yes"), 1, 0.5, 3, costs=(0.0, 1.0, 5.0, -1.0)), _classes(2)),
    (ConfusionPart(("a", "b", "c"), value_exponent=3), _classes(3)),
    (score_part(P, np.arange(len(P)) % 3, (0.3,), 3), _scored),
    (LossPart(False), _one_answer),
    (number_part(X), lambda rng, n: (_labelled(1)(rng, n)[0][:, 0], _numbers(rng, n))),
    (CALLS, lambda rng, n: (rng.integers(0, 3, n), rng.integers(100, 9_000, n), np.ones(n, np.int64))),
    (INTAKE, lambda rng, n: tuple(rng.integers(-1, 2, n) for _ in range(4))),
    (CELLS, lambda rng, n: (rng.integers(-1, 2, n),)),
    (ErrorPart(("a", "b", "c"), 0, 3, tuple(range(1, 8)), (3.0,)), _labelled(3)),
    (AgreementPart(("a", "b", "c"), ("no", "yes"), (0.5, 0.5, 0.5)), _votes),
    (SpreadPart(("a", "b", "c"), 0, 3), lambda rng, n: _labelled(3)(rng, n)[:1]),
    (LabelSetPart(("a", "b"), (0.5, 0.5)), lambda rng, n: (rng.random((n, 2)), rng.integers(0, 2, (n, 2)))),
    (QuantilePart(("0.1", "0.5", "0.9"), 3), _quantiles),
    (ROW_SCORES, lambda rng, n: (_numbers(rng, n, 3) * [1.0, 1.0, 0.2],)),
)
each = pytest.mark.parametrize("metric", METRICS, ids=[one.name for one in METRICS])


@cache
def planted(case: int, seed: int, n: int = ROWS) -> Any:
    """Return the state of so many rows."""
    part, draw = PLANTED[case]
    state: Any = BY_KIND[part.kind].zero(part)
    columns = draw(np.random.default_rng(seed), n)
    state.update(*columns)
    return state


def values_of(metric: Metric, n: int = ROWS) -> list[tuple[str, Value]]:
    """Return every value of a metric over the planted states."""
    out = []
    for case, (part, _) in enumerate(PLANTED):
        if part.kind == metric.needs:
            state, other = planted(case, 1, n), planted(case, 2, ROWS)
            out += [(target, evaluate(metric, state, other, target)) for target in targets(metric, state)]
    return out


def declared(metric: Metric) -> str:
    """Return what a declaration says of the interval, followed where it is that of another metric."""
    text = metric.interval
    while text.startswith("as "):
        text = BY_NAME[text.removeprefix("as ")].interval
    return text


@each
def test_a_defined_value_has_an_interval_or_the_declaration_says_why_not(metric: Metric) -> None:
    values = values_of(metric)
    defined = [(target, value) for target, value in values if value.number is not None]
    if all(value.reason is Reason.NEEDS_ROWS for _, value in values):
        return  # no state tells it; tests/reference/test_domain.py looks at its interval
    assert defined, [value.reason for _, value in values]
    assert not [value.detail for _, value in values if value.reason is Reason.FAILED]
    for target, value in defined:
        if declared(metric).startswith("none: "):
            assert (value.lower, value.upper) == (None, None)
            continue
        assert value.lower is not None, (target, value)
        assert value.upper is not None, (target, value)
        assert value.number is not None
        assert value.lower <= value.number <= value.upper, (target, value)
        assert value.lower <= max(value.number - value.resolution + 1e-12, 0.0), (target, value)
        assert value.upper >= min(value.number + value.resolution - 1e-12, 1.0), (target, value)
        assert value.upper > value.lower, (target, value)


@each
def test_an_interval_names_its_method(metric: Metric) -> None:
    known = ("Wilson", "normal", "delta", "DeLong", "jackknife", "Massart", "Bernstein", "Newcombe", "binomial",
             "order statistics", "Bonferroni", "sampling variance", "Poisson")  # fmt: skip
    text = declared(metric)
    said = set(BY_NAME) & set(text.replace(",", "").split())  # that of another metric, mapped
    assert text.startswith("none: ") or any(one in text for one in known) or said, text
