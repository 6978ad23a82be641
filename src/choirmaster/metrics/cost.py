"""What the answers cost under a declared matrix: a row, and all together."""

from __future__ import annotations

import math

import numpy as np

from choirmaster.metrics.base import CLASSES, QUALITY, Metric
from choirmaster.metrics.intervals import Z, wilson
from choirmaster.metrics.pairs import nothing
from choirmaster.states.base import Floats
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value, undefined


def cost(state: Confusion) -> Value:
    """Mean cost of a row.

    Definition   (1/n) sum_i cost(label_i, predicted_i) over the n rows with a known label and an answer; a case that
                 the matrix does not name costs 0
    Range        between the least and the greatest cost; lower is better; unit: that of the costs
    Undefined    no_rows, no_labels, all_missing, not_applicable (no costs are declared)
    Interval     normal, with the sample variance of the cost of a row, which for a table of counts is the delta method;
                 where all rows cost the same, Wilson's between the least and the greatest cost
    Source       Elkan 2001, The foundations of cost-sensitive learning, IJCAI, 973-978
    """
    return _read(state, each=True)


def total_cost(state: Confusion) -> Value:
    """Sum of the costs of all rows with a known label and an answer.

    Definition   sum_i cost(label_i, predicted_i) = n times ``cost``
    Range        any number; lower is better; unit: that of the costs
    Undefined    no_rows, no_labels, all_missing, not_applicable (no costs are declared)
    Interval     n times that of ``cost``: for the expected sum over as many rows
    """
    return _read(state, each=False)


def _read(state: Confusion, *, each: bool) -> Value:
    if not state.part.costs:
        return undefined(Reason.NOT_APPLICABLE, kind=Kind.REALIZED, detail="no costs are declared")
    missing = nothing(state)
    if missing:
        return missing
    matrix = state.matrix.astype(np.float64)
    costs = np.array(state.part.costs).reshape(matrix.shape)
    n = int(state.matrix.sum())
    total = math.fsum((matrix * costs).reshape(-1).tolist())
    lower, upper = _bounds(matrix, costs, total / n, n)
    if each:
        return Value(total / n, lower, upper, n=n, kind=Kind.REALIZED)
    return Value(total, min(lower * n, total), max(upper * n, total), n=n, kind=Kind.REALIZED)


def _bounds(matrix: Floats, costs: Floats, mean: float, n: int) -> tuple[float, float]:
    least, most = float(costs.min()), float(costs.max())
    squares = float((matrix * (costs - mean) ** 2).sum())
    if np.ptp(costs[matrix > 0]) > 0.0:
        half = Z * math.sqrt(squares / (n - 1) / n)
        low, high = max(least, mean - half), min(most, mean + half)
    else:
        span = most - least
        low, high = (least + span * one for one in wilson((mean - least) / span * n if span else 0.0, n))
    return min(low, mean), max(high, mean)


_INTERVAL = "normal, from the table; where all rows cost the same, Wilson's between the least and the greatest cost"
_SOURCE = "Elkan 2001, The foundations of cost-sensitive learning, IJCAI, 973-978"
COST = Metric(
    "cost", "confusion/1", QUALITY, CLASSES, "lower", "cost",
    "mean of cost(label, predicted class) over rows with a known label and an answer", _INTERVAL, _SOURCE, cost,
    Kind.REALIZED,
)  # fmt: skip
TOTAL_COST = Metric(
    "total_cost", "confusion/1", QUALITY, CLASSES, "lower", "cost",
    "sum of cost(label, predicted class) over rows with a known label and an answer",
    f"n times that of cost: {_INTERVAL}", _SOURCE, total_cost, Kind.REALIZED,
)  # fmt: skip
