"""Ratios of one class against all others, and their means over the classes: all are top / bottom of linear counts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from choirmaster.metrics.base import Metric
from choirmaster.metrics.intervals import Z, wilson
from choirmaster.metrics.pairs import class_targets, is_binary, margins, named, nothing, occurring, ratio
from choirmaster.states.base import Floats
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value, undefined

MICRO, WEIGHTED = "micro", "weighted"
AVERAGES = (MICRO, WEIGHTED)
Weights = tuple[int, int, int, int]  # of the rows that are hits, labelled as the class, predicted as the class, and all
MEANS = "several classes: each, their mean over those that occur (macro), pooled (micro), and weighted by their labels"
MEAN_INTERVALS = "macro and weighted: delta method over the whole table; micro: Wilson's of accuracy, mapped"


@dataclass(frozen=True, slots=True)
class Ratio:
    """One share of a class against all others.

    Attributes
    ----------
    top, bottom : tuple of int
        What hits, rows labelled as the class, rows predicted as the class and all rows count in each.
    empty : Reason
        Why there is no number where the bottom is 0.
    detail : str
    harmonic : bool
        F1, which is no share of rows: 2 J / (1 + J) of the share J = TP / (TP + FP + FN).
    """

    top: Weights
    bottom: Weights
    empty: Reason
    detail: str = ""
    harmonic: bool = False

    def of(self, hits: int, labelled: int, predicted: int, n: int) -> tuple[int, int]:
        """Return top and bottom."""
        a, b = self.top, self.bottom
        return (
            a[0] * hits + a[1] * labelled + a[2] * predicted + a[3] * n,
            b[0] * hits + b[1] * labelled + b[2] * predicted + b[3] * n,
        )

    def missing(self, n: int) -> Value:
        """Return the undefined value of an empty bottom."""
        return undefined(self.empty, kind=Kind.REALIZED, n=n, detail=self.detail)


def averaged(state: Confusion) -> tuple[str, ...]:
    """Return the targets beside ``macro``: pooled, weighted and each class; none for a binary task."""
    inner = class_targets(state)
    return (*(one for one in AVERAGES if one not in inner), *inner) if inner else ()


def value(state: Confusion, of: Ratio) -> Value:
    """Return the ratio of the positive class, or its mean over the classes that occur."""
    return nothing(state) or (_single(state, of, state.part.positive) if is_binary(state) else _mean(state, of))


def value_for(state: Confusion, of: Ratio, target: str) -> Value:
    """Return the ratio of one class, or pooled, or weighted."""
    missing = nothing(state)
    if missing:
        return missing
    if target in AVERAGES and target not in state.part.classes:
        return _pooled(state, of) if target == MICRO else _mean(state, of, weighted=True)
    return _single(state, of, named(state, target))


def complement(value: Value) -> Value:
    """Return 1 - value, its interval turned round."""
    if value.number is None or value.lower is None or value.upper is None:
        return value
    return Value(1.0 - value.number, 1.0 - value.upper, 1.0 - value.lower, value.resolution, value.n, value.kind)


def complement_of(metric: Metric, name: str, definition: str) -> Metric:
    """Return the metric that is 1 - another one, of a class and of each mean, with its interval turned round.

    Undefined where the other one is.
    """

    def whole(state: Confusion) -> Value:
        return complement(metric.value(state))

    def one(state: Confusion, target: str) -> Value:
        assert metric.value_for is not None, "ratios have a value for each class"
        return complement(metric.value_for(state, target))

    return replace(metric, name=name, better="lower", definition=definition, value=whole, value_for=one,
                   interval=f"that of {metric.name}, turned round")  # fmt: skip


def _single(state: Confusion, of: Ratio, index: int) -> Value:
    hits, labelled, predicted, n = margins(state, index)
    top, bottom = of.of(hits, labelled, predicted, n)
    if not bottom:
        return of.missing(n)
    if not of.harmonic:
        return Value(top / bottom, *wilson(top, bottom), n=bottom, kind=Kind.REALIZED)
    number = top / bottom
    lower, upper = (2.0 * j / (1.0 + j) for j in wilson(hits, labelled + predicted - hits))
    return Value(number, min(lower, number), max(upper, number), n=n, kind=Kind.REALIZED)


def _pooled(state: Confusion, of: Ratio) -> Value:
    """Pool the tables of all classes: every ratio is then a rising function of accuracy."""
    matrix = state.matrix
    classes, n, hits = int(occurring(state).sum()), int(matrix.sum()), int(np.trace(matrix))
    top, bottom = of.of(hits, n, n, classes * n)
    if not bottom:
        return of.missing(n)
    lower, upper = (_mapped(of, accuracy, classes) for accuracy in wilson(hits, n))
    number = top / bottom
    return Value(number, max(0.0, min(lower, number)), min(1.0, max(upper, number)), n=n, kind=Kind.REALIZED)


def _mapped(of: Ratio, accuracy: float, classes: int) -> float:
    shares = (accuracy, 1.0, 1.0, float(classes))
    top, bottom = (sum(w * one for w, one in zip(weights, shares, strict=True)) for weights in (of.top, of.bottom))
    return top / bottom


def _mean(state: Confusion, of: Ratio, *, weighted: bool = False) -> Value:
    """Return sum w_c f_c with its delta-method interval; a class with an empty bottom counts 0.

    f depends on a cell (i, j) through the hits of i = j, the row sum i, the column sum j and n. It does not change when
    all cells are scaled, so that sum N g = 0 for its gradient g and Var = sum N g^2. Where that is 0 (all right, all
    wrong), Wilson's interval.
    """
    matrix, used = state.matrix, occurring(state)
    n = int(matrix.sum())
    sides = (np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0), np.full(len(matrix), n))
    top, bottom = (sum(w * one for w, one in zip(ws, sides, strict=True)) * used for ws in (of.top, of.bottom))
    if not bottom.any():
        return of.missing(n)
    f = ratio(top, bottom)
    w = sides[1] / n if weighted else used / used.sum()
    number = float((w * f).sum())
    hits, labelled, predicted, rows = (
        ratio(w * (a - f * b), bottom) for a, b in zip(of.top, of.bottom, strict=True)
    )  # derivatives
    moved = (f - number) / n if weighted else np.zeros(len(f))  # more labels of a class, more weight
    gradient = np.diag(hits) + (labelled + moved)[:, None] + predicted[None, :] + rows.sum()
    return _bounded(number, matrix.astype(np.float64), gradient, n)


def _bounded(number: float, matrix: Floats, gradient: Floats, n: int) -> Value:
    """Return a number in [0, 1] with the delta method's interval; Wilson's where its variance is 0."""
    spread = math.sqrt(float((matrix * gradient**2).sum()))
    if spread == 0.0:
        lower, upper = wilson(number * n, n)
    else:
        lower, upper = max(0.0, number - Z * spread), min(1.0, number + Z * spread)
    return Value(number, min(lower, number), max(upper, number), n=n, kind=Kind.REALIZED)
