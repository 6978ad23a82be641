"""Means over the classes of metrics that are read off one state for each class (one against the rest)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from choirmaster.metrics.base import DRIFT, MACRO, QUALITY, Metric
from choirmaster.metrics.ranked import Ranked, ranked
from choirmaster.states.scores import Scores
from choirmaster.values import Reason, Value

WEIGHTED = "weighted"
_ABSENT = (Reason.ONE_CLASS_ONLY, Reason.NO_POSITIVES)  # a class that does not occur has no part in the mean
_OF_A_TEST = ("score_chi_squared", "score_chi_squared_p")  # a mean of statistics or of p-values says nothing


def mean_over_classes(values: Sequence[Value], weights: Sequence[int] | None = None) -> Value:
    """Mean of a metric's values over the classes.

    Definition   sum_k w_k v_k / sum_k w_k over the classes that have a value; w_k = 1 (``macro``) or the positive rows
                 of the class (``weighted``)
    Undefined    where no class has a value, with the reason of the first; and where one is undefined for another reason
                 than that its class does not occur (one_class_only, no_positives), with that reason
    Resolution   the same mean of the resolutions
    Interval     the same means of the lower and of the upper ends: at least 95 %, however the classes hang together,
                 as the deviation of a mean is at most the mean of the deviations. None where a class has none.
    Source       sklearn.metrics.roc_auc_score, multi_class="ovr": the same means, where every class occurs

    Examples
    --------
    >>> mean_over_classes([Value(0.5, 0.25, 0.75), Value(1.0, 0.75, 1.0)], [1, 3]).number
    0.875
    """
    wrong = [one for one in values if one.reason is not None and one.reason not in _ABSENT]
    even = [1] * len(values) if weights is None else weights
    used = [(one, weight) for one, weight in zip(values, even, strict=True) if one.number is not None]
    total = sum(weight for _, weight in used)
    if wrong or not total:
        return wrong[0] if wrong else values[0] if values[0].number is None else _without_weight(values)

    def mean(name: str) -> float | None:
        parts = [(getattr(one, name), weight) for one, weight in used if weight]
        return None if any(part is None for part, _ in parts) else sum(part * weight for part, weight in parts) / total

    return Value(mean("number"), mean("lower"), mean("upper"), mean("resolution") or 0.0, max(one.n for one, _ in used),
                 used[0][0].kind)  # fmt: skip


def averages(metric: Metric, classes: Sequence[str]) -> tuple[str, ...]:
    """Return the means a metric of ``scores/1`` has over several classes: of quality two, of drift one, else none."""
    if metric.needs != "scores/1" or len(classes) < 2 or metric.name in _OF_A_TEST:
        return ()
    names = {QUALITY: (MACRO, WEIGHTED), DRIFT: (MACRO,)}.get(metric.family, ())
    return tuple(one for one in names if one not in classes)


def positives(state: Any) -> int:
    """Return the positive, scored rows of a class: its weight. 0 where nothing was counted."""
    return ranked(state).m if isinstance(state, Scores | Ranked) else 0


def _without_weight(values: Sequence[Value]) -> Value:
    return Value(None, n=max(one.n for one in values), kind=values[0].kind, reason=Reason.NO_POSITIVES)
