"""Means over the classes of a multilabel task, where each class has a table and losses of its own.

Means of scores are those of ``metrics/across.py``, for every task with several classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from choirmaster.metrics.across import WEIGHTED, mean_over_classes
from choirmaster.metrics.base import MACRO, QUALITY, Metric, evaluate
from choirmaster.metrics.ratios import MICRO
from choirmaster.schema import Task
from choirmaster.states.base import State
from choirmaster.states.confusion import Confusion, ConfusionPart
from choirmaster.values import Reason, Value, undefined

PER_CLASS = ("confusion/1", "losses/1")
_SUMS = ("value", "cost")  # units of sums, of which a mean over classes says nothing
_SIGNED = ("correlation", "kappa", "mcc")


def label_means(
    metric: Metric, states: Sequence[State | None], pairs: Sequence[State | None]
) -> Iterator[tuple[str, Value]]:
    """Yield the means of one metric over the classes, by target.

    ``macro`` is the plain mean over the classes that occur among labels or answers, where one that was never predicted
    has precision 0; ``weighted`` weighs each by its labels; ``micro`` (of ``confusion/1``) is the value of the cells of
    all classes together. The classes of one row may depend on each other in any way: the intervals of ``macro`` and
    ``weighted`` are those of :func:`choirmaster.metrics.across.mean_over_classes`, and that of ``micro`` is widened by
    the root of the number of classes, by which a sum of K dependent parts varies more at most.

    Parameters
    ----------
    metric : Metric
    states : sequence of State or None
        What it is read off, for each class.
    pairs : sequence of State or None
        ``confusion/1`` of each class, which knows how many labels it has.
    """
    if not averaged(metric):
        return
    values = [evaluate(metric, one) for one in states]
    if all(one.reason is Reason.NOT_APPLICABLE for one in values):
        return
    support = [_support(one) for one in pairs]
    yield MACRO, plain_mean(values, support)
    yield WEIGHTED, mean_over_classes(_known(values, support), support)
    if metric.needs == "confusion/1":
        yield MICRO, _pooled(metric, [one for one in states if isinstance(one, Confusion)])


def plain_mean(values: Sequence[Value], support: Sequence[int] | None = None) -> Value:
    """Return the mean over classes; ``support`` is how many labels each has, and tells whether it occurs."""
    return mean_over_classes(_known(values, support if support is not None else [1] * len(values)))


def averaged(metric: Metric) -> bool:
    """Tell whether it is read off one class and a mean over classes says something."""
    return (
        metric.needs in PER_CLASS
        and metric.family == QUALITY
        and metric.unit not in _SUMS
        and Task.MULTILABEL in metric.tasks
    )


def _known(values: Sequence[Value], support: Sequence[int]) -> list[Value]:
    """Return the values with 0, in [0, 1], for a class that has labels and was never predicted."""
    return [_zero(one, labels) if one.reason is Reason.NO_PREDICTED_POSITIVES else one
            for one, labels in zip(values, support, strict=True)]  # fmt: skip


def _zero(value: Value, labels: int) -> Value:
    if not labels:
        return replace(value, reason=Reason.NO_POSITIVES)
    return Value(0.0, 0.0, 1.0, n=value.n, kind=value.kind)


def _support(pairs: State | None) -> int:
    return int(pairs.matrix[1].sum()) if isinstance(pairs, Confusion) else 0


def _pooled(metric: Metric, states: Sequence[Confusion]) -> Value:
    if not states:
        return undefined(Reason.NO_ROWS, kind=metric.kind)
    part = states[0].part
    whole = Confusion.zero(ConfusionPart(part.classes, part.positive, part.cutoff))
    whole.counts = np.sum([one.counts[: whole.part.cells] for one in states], axis=0)
    value = evaluate(metric, whole)
    if value.number is None or value.lower is None or value.upper is None:
        return value
    wide, least = math.sqrt(len(states)), -1.0 if {metric.name, metric.unit} & set(_SIGNED) else 0.0
    lower = max(least, value.number - wide * (value.number - value.lower))
    upper = min(1.0, value.number + wide * (value.upper - value.number))
    return Value(value.number, lower, upper, n=value.n, kind=value.kind)
