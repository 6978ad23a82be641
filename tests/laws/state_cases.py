"""One or more cases for each kind of state: a part, and rows that are as awkward as they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from choirmaster.kernels.table import PLAIN, Kernels
from choirmaster.states import BY_KIND, Part, State
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
from choirmaster.states.rowscore import RowScorePart
from choirmaster.states.scores import score_part
from choirmaster.states.spread import SpreadPart

Row = tuple[Any, ...]
X = np.concatenate([np.repeat([0.0, -1.0, 7.5], 40), np.linspace(-3.0, 9.0, 700), [np.nan, np.inf]])
P = np.concatenate([np.linspace(0.0, 1.0, 120), np.repeat([0.25, 0.5], 30)])

anything = st.floats(allow_nan=True, allow_infinity=True)
number = st.one_of(st.sampled_from([0.0, -0.0, 7.5, 9.0, np.nan, np.inf, -np.inf, 1e308]), st.floats(-20, 20), anything)
chance = st.one_of(st.sampled_from([0.0, 1.0, 0.25, 0.5, np.nan, 1.5]), st.floats(0, 1), anything)


@dataclass(frozen=True)
class Case:
    """How to feed one kind of state: ``dtypes`` of its columns, one strategy for a row."""

    name: str
    part: Part
    row: st.SearchStrategy[Row]
    dtypes: tuple[Any, ...]
    kernels: bool = False  # whether ``update`` takes kernels
    wide_labels: bool = False  # the other entries are one column as well
    wide: int = 0  # the first so many entries of a row are one (n, wide) column

    def columns(self, rows: list[Row]) -> list[np.ndarray]:
        """Turn rows into the arguments of ``update``."""
        columns = [np.array([row[i] for row in rows], dtype) for i, dtype in enumerate(self.dtypes)]
        if self.wide:
            block = np.stack(columns[: self.wide], axis=1)
            rest = columns[self.wide :]
            return [block, np.stack(rest, axis=1)] if self.wide_labels else [block, *rest]
        return columns

    def state(self, rows: list[Row], kernels: Kernels = PLAIN) -> State:
        """Return the state of some rows."""
        out: Any = BY_KIND[self.part.kind].zero(self.part)
        extra = {"kernels": kernels} if self.kernels else {}
        out.update(*self.columns(rows), **extra)
        return out


def _row(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Row]:
    return st.tuples(*parts)


F, WHOLE = np.float64, np.int64
LABEL = st.integers(0, 2)
THREE, TWO = ("a", "b", "c"), ("a", "b")
DIRECTIONS = np.array([[0.6, 0.0], [0.8, 0.0], [0.0, 1.0]])
ROW_SCORES = RowScorePart(
    ("x", "y"), ("z",), ("a", "b"), np.array([2]), np.array([0.75, 0.25]), np.array([0.0, 1.0, 0.6]),
    np.array([1.0, 2.0, 0.2]), DIRECTIONS, np.array([0.0, 0.5, 1.0, 3.0]), 4,
)  # fmt: skip
ALL_MASKS, SOME_MASKS = tuple(range(1, 8)), (3, 7)
index = st.sampled_from([0.0, 1.0, 2.0, 3.0, 0.5, np.nan])
CASES = (
    Case("numeric feature", numeric_part(X), _row(number), (F,), kernels=True),
    Case("exact feature", numeric_part(X, exact=True), _row(number), (F,), kernels=True),
    Case("feature without a finite value", numeric_part(np.array([np.nan])), _row(number), (F,), kernels=True),
    Case("categorical feature", category_part({"a": 3, "b": 5}, 1), _row(st.integers(0, 3)), (WHOLE,)),
    Case("moments", moments_part(X, 4), _row(number), (F,), kernels=True),
    Case("two classes", ConfusionPart(("no", "yes"), 1, 0.5), _row(st.integers(0, 3), LABEL), (WHOLE, WHOLE)),
    Case("three classes", ConfusionPart(("a", "b", "c")), _row(st.integers(0, 4), st.integers(0, 3)), (WHOLE, WHOLE)),
    Case("two classes and money", ConfusionPart(("no", "yes"), 1, 0.5, 3),
         _row(st.integers(0, 3), LABEL, number), (WHOLE, WHOLE, F), kernels=True),
    Case("three classes and money", ConfusionPart(("a", "b", "c"), value_exponent=-2),
         _row(st.integers(0, 4), st.integers(0, 3), number), (WHOLE, WHOLE, F), kernels=True),
    Case("scores", score_part(P, np.arange(len(P)) % 3, (0.3,)), _row(chance, LABEL), (F, WHOLE), kernels=True),
    Case("scores and money", score_part(P, np.arange(len(P)) % 3, (0.3,), 3), _row(chance, LABEL, number),
         (F, WHOLE, F), kernels=True),
    Case("losses of two", LossPart(False), _row(chance, st.integers(-1, 1)), (F, WHOLE), kernels=True, wide=1),
    Case("losses of three", LossPart(False), _row(chance, chance, chance, st.integers(-1, 2)), (F, F, F, WHOLE),
         kernels=True, wide=3),
    Case("losses of numbers", LossPart(True, 3), _row(number, number), (F, F), kernels=True),
    Case("relative losses", number_part(X), _row(number, number), (F, F), kernels=True),
    Case("quantiles", QuantilePart(("0.1", "0.5", "0.9"), 3), _row(number, number, number, number), (F, F, F, F),
         kernels=True, wide=3),
    Case("sets of labels", LabelSetPart(("a", "b"), (0.5, 0.25)), _row(chance, chance, LABEL, LABEL),
         (F, F, WHOLE, WHOLE), wide=2, wide_labels=True),
    Case("how rows arrived", INTAKE, _row(*[st.integers(-1, 1)] * 4), (WHOLE,) * 4),
    Case("how cells arrived", CELLS, _row(st.integers(-1, 1)), (WHOLE,)),
    Case("calls", CALLS, _row(st.integers(0, 5), st.integers(-1, 1 << 45), st.integers(0, 1)), (WHOLE, WHOLE, WHOLE)),
    Case("errors of two classes", ErrorPart(THREE, 1, 0, ALL_MASKS, (0.25,)), _row(chance, chance, chance, index),
         (F, F, F, F), kernels=True, wide=3),
    Case("errors of three classes", ErrorPart(TWO, 3, 0, (1, 2, 3), (0.5, 0.25, 0.25)),
         _row(*[chance] * 6, index), (F,) * 7, kernels=True, wide=6),
    Case("errors of numbers, some sets of members", ErrorPart(THREE, 0, 3, SOME_MASKS, (1.5,)),
         _row(number, number, number, number), (F, F, F, F), kernels=True, wide=3),
    Case("spread of chances", SpreadPart(THREE, 1), _row(chance, chance, chance), (F, F, F), kernels=True, wide=3),
    Case("spread of numbers", SpreadPart(TWO, 0, 3), _row(number, number), (F, F), kernels=True, wide=2),
    Case("row scores", ROW_SCORES, _row(number, number, number), (F, F, F), kernels=True, wide=3),
    Case("row scores without a model", replace(ROW_SCORES, basis=np.empty((3, 0))), _row(number, number, number),
         (F, F, F), kernels=True, wide=3),
    Case("votes", AgreementPart(THREE, ("x", "y"), (0.5, 0.5, 0.5)),
         _row(LABEL, LABEL, LABEL, st.integers(0, 3)), (WHOLE,) * 4, kernels=True, wide=3),
)  # fmt: skip
NAMES = [case.name for case in CASES]


def measured(name: str, rows: list[Row]) -> bytes:
    """Count rows in another process: everything travels as names and plain data."""
    return CASES[NAMES.index(name)].state(rows).to_bytes()


def joined(states: list[State], merge: Callable[[Any, Any], Any] | None = None) -> State:
    """Merge from the left."""
    out: Any = states[0]
    for one in states[1:]:
        out = merge(out, one) if merge else out.merge(one)
    return out
