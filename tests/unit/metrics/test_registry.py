"""What every metric declares, and that no failure gets out of ``evaluate``."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest

from choirmaster.metrics import BY_NAME, FAMILIES, METRICS, OBSERVED, Metric, evaluate, targets
from choirmaster.schema import Task
from choirmaster.states import BY_KIND, Confusion, Histogram, Moments, State
from choirmaster.states.agreement import AgreementPart
from choirmaster.states.calls import CALLS
from choirmaster.states.confusion import ConfusionPart
from choirmaster.states.errors import ErrorPart
from choirmaster.states.histogram import category_part, numeric_part, reference_histogram
from choirmaster.states.intake import CELLS, INTAKE
from choirmaster.states.label_sets import LabelSetPart
from choirmaster.states.losses import LossPart, number_part
from choirmaster.states.moments import moments_part
from choirmaster.states.quantiles import QuantilePart
from choirmaster.states.scores import reference_scores, score_part
from choirmaster.states.spread import SpreadPart
from choirmaster.values import Kind, Reason, Value
from tests.laws.state_cases import ROW_SCORES

X = np.linspace(0.0, 1.0, 50)
PARTS = {
    "histogram/1": [numeric_part(X), category_part({"a": 1}, 0), numeric_part(np.array([np.nan]))],
    "moments/1": [moments_part(X, 0)],
    "confusion/1": [
        ConfusionPart(("no", "yes"), 1, 0.5),
        ConfusionPart(("a", "b", "c")),
        ConfusionPart(("a", "b")),
        ConfusionPart(("no", "yes"), 1, 0.5, costs=(0.0, 1.0, 5.0, -1.0)),
    ],
    "scores/1": [
        score_part(X, np.arange(50) % 3),
        score_part(np.array([]), np.array([], np.int64)),
        score_part(X, np.arange(50) % 3, value_exponent=3),
    ],
    "losses/1": [LossPart(False), LossPart(True, 0), number_part(X)],
    "calls/1": [CALLS],
    "intake/1": [INTAKE, CELLS],
    "errors/1": [ErrorPart(("a", "b"), 1, 0, (1, 2, 3), (0.5,)), ErrorPart(("a", "b"), 0, 3, (3,), (0.0,))],
    "agreement/1": [AgreementPart(("a", "b"), ("no", "yes"), (0.5, 0.5))],
    "spread/1": [SpreadPart(("a", "b"), 1), SpreadPart(("a", "b"), 0, 3)],
    "rowscore/1": [ROW_SCORES, dataclasses.replace(ROW_SCORES, basis=np.empty((3, 0)))],
    "label_sets/1": [LabelSetPart(("a", "b"), (0.5, 0.5))],
    "quantiles/1": [QuantilePart(("0.1", "0.5", "0.9")), QuantilePart(("0.3",))],
}
each = pytest.mark.parametrize("metric", METRICS, ids=[one.name for one in METRICS])


def test_names_are_unique_and_the_first_metrics_are_there() -> None:
    assert len(BY_NAME) == len(METRICS) + len(OBSERVED)
    wanted = {"accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier", "mae", "rmse", "bias", "psi",
              "jensen_shannon", "ks", "missing_rate", "unseen_rate", "latency_p50", "latency_p90", "latency_p99",
              "availability"}  # fmt: skip
    assert wanted <= set(BY_NAME)


@each
def test_a_declaration_is_complete(metric: Metric) -> None:
    assert metric.needs in BY_KIND
    assert metric.family in FAMILIES
    assert metric.better in ("higher", "lower", "none")
    assert metric.tasks
    assert set(metric.tasks) <= set(Task)
    for text in (metric.unit, metric.definition, metric.interval, metric.source):
        assert text
        assert "\n" not in text
    assert metric.per_target == (metric.targets is not None)
    assert (metric.family == "quality") <= (metric.kind is Kind.REALIZED)


@each
def test_a_state_without_rows_and_no_state_give_a_reason(metric: Metric) -> None:
    assert evaluate(metric, None).reason is Reason.NO_ROWS
    for part in PARTS[metric.needs]:
        empty = BY_KIND[metric.needs].zero(part)
        for target in targets(metric, empty):
            value = evaluate(metric, empty, empty, target)
            assert value.reason not in (None, Reason.FAILED), (part, value)
            assert value.kind is metric.kind
        if metric.compares:
            assert evaluate(metric, empty, None).reason is Reason.NO_REFERENCE


@each
def test_what_goes_wrong_is_a_value_with_the_cause_in_the_log(metric: Metric, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> Value:
        raise ZeroDivisionError("by nought")

    part = PARTS[metric.needs][0]
    state = BY_KIND[metric.needs].zero(part)
    state.counts[0] = 1
    with caplog.at_level(logging.WARNING):
        value = evaluate(dataclasses.replace(metric, value=broken), state, state)
    assert value.reason is Reason.FAILED
    assert value.kind is metric.kind
    assert value.detail == "ZeroDivisionError: by nought"
    assert "by nought" in caplog.text
    other: State = (
        Moments.zero(moments_part(X, 0)) if metric.needs != "moments/1" else Confusion.zero(PARTS["confusion/1"][0])
    )
    assert evaluate(metric, other, other).reason is Reason.FAILED


def test_sides_of_different_parts_do_not_compare() -> None:
    one, two = numeric_part(X), numeric_part(X * 2)
    value = evaluate(BY_NAME["psi"], reference_histogram(one), reference_histogram(two))
    assert value.reason is Reason.FAILED
    assert "do not belong together" in value.detail


def test_targets() -> None:
    two, three = (Confusion.zero(part) for part in PARTS["confusion/1"][:2])
    assert targets(BY_NAME["f1"], two) == ("",)
    assert targets(BY_NAME["f1"], three) == ("macro", "micro", "weighted", "a", "b", "c")
    assert targets(BY_NAME["accuracy"], three) == ("",)
    three.update(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1]))
    assert evaluate(BY_NAME["recall"], three, target="c").number == 0.5
    assert evaluate(BY_NAME["recall"], three, target="macro") == evaluate(BY_NAME["recall"], three)
    assert evaluate(BY_NAME["accuracy"], three, target="c").reason is Reason.NOT_APPLICABLE
    wrong = evaluate(BY_NAME["recall"], three, target="d")
    assert wrong.reason is Reason.FAILED
    assert "allowed: a, b, c" in wrong.detail


def test_a_value_of_many_rows_is_within_its_interval_for_every_metric() -> None:
    """Whatever counts a state holds, a defined value lies in its own interval."""
    rng = np.random.default_rng(0)
    for metric in METRICS:
        for part in PARTS[metric.needs]:
            for _ in range(20):
                state = BY_KIND[metric.needs].zero(part)
                state.counts = rng.integers(0, 5, part.cells) * (rng.random(part.cells) < rng.random())
                reference = _reference(state)
                for target in targets(metric, state):
                    value = evaluate(metric, state, reference, target)
                    assert value.reason is not Reason.FAILED, (metric.name, value.detail)
                    if value.number is not None:
                        assert value.lower is None or value.lower <= value.number + 1e-12
                        assert value.upper is None or value.upper >= value.number - 1e-12


def _reference(state: State) -> State:
    if isinstance(state, Histogram):
        return reference_histogram(state.part)
    return reference_scores(state.part) if state.kind == "scores/1" else state  # type: ignore[arg-type]  # by its kind


def test_below_its_least_number_a_metric_says_how_many_it_needs_and_no_value() -> None:
    psi, part = BY_NAME["psi"], numeric_part(X)
    few, many = Histogram.zero(part), Histogram.zero(part)
    few.update(X[:29])
    many.update(X)
    assert evaluate(psi, many, many).number is not None
    value = evaluate(psi, few, many)
    assert (value.reason, value.n, value.detail) == (Reason.TOO_FEW_ROWS, 29, "needs about 30 rows, has 29")
    other = evaluate(psi, many, few)
    assert (other.reason, other.n) == (Reason.TOO_FEW_ROWS, 50)
    assert other.detail == "the other side needs about 30 rows, has 29"
    few.update(X[:1])
    assert evaluate(psi, few, few).number is not None


@each
def test_what_needs_a_reference_of_rows_by_chance_has_a_least_number(metric: Metric) -> None:
    assert metric.least.n >= 1
    assert metric.least.what in ("rows", "negatives")
    any_n = ("ks", "l_infinity", "chi_squared", "_p", "_drift", "mean_shift")  # bounds for any n, tests, plain means
    if metric.compares and not any(word in metric.name for word in any_n):
        assert metric.least.n == 30
