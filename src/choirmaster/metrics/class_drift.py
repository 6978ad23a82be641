"""Drift of the labels, and of the predicted classes, against those of the reference."""

from __future__ import annotations

from collections.abc import Callable

from choirmaster.metrics.base import BY_CHANCE, CLASSES, DRIFT, ONE, Least, Metric
from choirmaster.metrics.two_sides import (
    CountsValue,
    chi_squared_p_value,
    chi_squared_value,
    hellinger_value,
    js_value,
    psi_value,
    variation_value,
)
from choirmaster.states.base import Ints
from choirmaster.states.confusion import Confusion
from choirmaster.values import Kind, Reason, Value, undefined

Compare = Callable[[Confusion, Confusion], Value]


def label_counts(state: Confusion) -> Ints:
    """Return rows by label: each class, then labels that are no known class. Rows without a label are left out."""
    out: Ints = state.table[:-1].sum(axis=1)
    return out


def prediction_counts(state: Confusion) -> Ints:
    """Return answered rows by predicted class, labelled or not."""
    out: Ints = state.table[:, :-1].sum(axis=0)
    return out


def of_labels(measure: CountsValue) -> Compare:
    """Return the metric that takes a measure of counts over the label classes."""

    def value(current: Confusion, reference: Confusion) -> Value:
        past, now = label_counts(reference), label_counts(current)
        if not past.any():
            return undefined(Reason.NO_REFERENCE, kind=Kind.REALIZED, n=current.rows,
                             detail="the reference has no label")  # fmt: skip
        if not now.any():
            reason = Reason.NO_LABELS if current.rows else Reason.NO_ROWS
            return undefined(reason, kind=Kind.REALIZED, n=current.rows)
        return measure(now, past).with_kind(Kind.REALIZED)

    return value


def of_predictions(measure: CountsValue) -> Compare:
    """Return the metric that takes a measure of counts over the predicted classes."""

    def value(current: Confusion, reference: Confusion) -> Value:
        past, now = prediction_counts(reference), prediction_counts(current)
        if not past.any():
            return undefined(Reason.NO_REFERENCE, n=current.rows, detail="the reference has no answer")
        if not now.any():
            return undefined(Reason.ALL_MISSING if current.rows else Reason.NO_ROWS, n=current.rows)
        return measure(now, past)

    return value


def _labels(name: str, unit: str, like: str, measure: CountsValue) -> Metric:
    better = "higher" if like == "chi_squared_p" else "lower"
    return Metric(name, "confusion/1", DRIFT, CLASSES, better, unit, f"{like} of the labels, by class",
                  f"as {like}", f"as {like}", of_labels(measure), Kind.REALIZED,
                  least=_least(like))  # fmt: skip


def _least(like: str) -> Least:
    return ONE if like.startswith("chi_squared") else BY_CHANCE  # the test joins small cells itself


def _predictions(name: str, unit: str, like: str, measure: CountsValue) -> Metric:
    better = "higher" if like == "chi_squared_p" else "lower"
    return Metric(name, "confusion/1", DRIFT, CLASSES, better, unit, f"{like} of the predicted classes",
                  f"as {like}", f"as {like}", of_predictions(measure), least=_least(like))  # fmt: skip


LABEL_PSI = _labels("label_psi", "nats", "psi", psi_value)
LABEL_JENSEN_SHANNON = _labels("label_jensen_shannon", "ratio", "jensen_shannon", js_value)
LABEL_HELLINGER = _labels("label_hellinger", "ratio", "hellinger", hellinger_value)
LABEL_TOTAL_VARIATION = _labels("label_total_variation", "ratio", "total_variation", variation_value)
LABEL_CHI_SQUARED = _labels("label_chi_squared", "statistic", "chi_squared", chi_squared_value)
LABEL_CHI_SQUARED_P = _labels("label_chi_squared_p", "probability", "chi_squared_p", chi_squared_p_value)
PREDICTION_PSI = _predictions("prediction_psi", "nats", "psi", psi_value)
PREDICTION_JENSEN_SHANNON = _predictions("prediction_jensen_shannon", "ratio", "jensen_shannon", js_value)
PREDICTION_HELLINGER = _predictions("prediction_hellinger", "ratio", "hellinger", hellinger_value)
PREDICTION_TOTAL_VARIATION = _predictions("prediction_total_variation", "ratio", "total_variation", variation_value)
PREDICTION_CHI_SQUARED = _predictions("prediction_chi_squared", "statistic", "chi_squared", chi_squared_value)
PREDICTION_CHI_SQUARED_P = _predictions("prediction_chi_squared_p", "probability", "chi_squared_p", chi_squared_p_value)

LABEL_DRIFT = (
    LABEL_PSI, LABEL_JENSEN_SHANNON, LABEL_HELLINGER, LABEL_TOTAL_VARIATION, LABEL_CHI_SQUARED, LABEL_CHI_SQUARED_P,
)  # fmt: skip
PREDICTION_DRIFT = (
    PREDICTION_PSI, PREDICTION_JENSEN_SHANNON, PREDICTION_HELLINGER, PREDICTION_TOTAL_VARIATION,
    PREDICTION_CHI_SQUARED, PREDICTION_CHI_SQUARED_P,
)  # fmt: skip
