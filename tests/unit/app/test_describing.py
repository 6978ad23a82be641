"""Each metric says what it is, where it comes from and what it needs."""

from __future__ import annotations

import pytest

from choirmaster.app.describing import describe
from choirmaster.metrics import METRICS
from choirmaster.states import BY_KIND


@pytest.mark.parametrize("metric", METRICS, ids=lambda one: one.name)
def test_every_metric_is_described_in_full(metric):
    told = describe(metric.name)
    for key in ("text", "source", "state", "interval", "needs", "tasks", "unit", "better", "family"):
        assert told[key], key
    assert told["state"] in BY_KIND


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("roc_auc", ["labels"]),
        ("f1", ["labels", "a cutoff, or answers that are classes"]),
        ("psi", ["a reference"]),
        ("psi_previous", ["the window before"]),
        ("value_recall", ["labels", "a cutoff, or answers that are classes", "a value column"]),
        ("cost", ["labels", "a cutoff, or answers that are classes", "a matrix of costs"]),
        ("availability", ["members that are called"]),
        ("score_mean", ["answers"]),
    ],
)
def test_what_a_metric_needs(name, needs):
    assert describe(name)["needs"] == needs
