"""Which metrics lead, and why."""

from __future__ import annotations

import pytest

from choirmaster.catalogue.facts import Facts, percent
from choirmaster.catalogue.ranking import choose_metrics, headline, in_segments, leading, names
from choirmaster.layout import Task
from choirmaster.metrics import BY_NAME
from choirmaster.metrics.base import LATENCY, QUALITY
from choirmaster.times import DAY

FACTS = (
    Facts(Task.BINARY, 2, 0.4, members=3, numeric=4, categorical=1),
    Facts(Task.BINARY, 2, None),
    Facts(Task.BINARY, 2, 0.998),
    Facts(Task.BINARY, 2, 0.0005, label_delay=30 * DAY),
    Facts(Task.MULTICLASS, 3, 0.95, members=2),
    Facts(Task.MULTICLASS, 40, 0.1),
    Facts(Task.MULTILABEL, 5),
    Facts(Task.REGRESSION, members=2, label_delay=8 * DAY),
    Facts(Task.QUANTILE, valued=True),
)
LEADS = {Task.MULTILABEL: "f1", Task.REGRESSION: "mae", Task.QUANTILE: "wis", Task.MULTICLASS: "f1"}


@pytest.mark.parametrize("facts", FACTS)
def test_each_choice_is_of_the_task_once_with_a_reason(facts):
    chosen = choose_metrics(facts)
    found = names(chosen)
    assert [one.rank for one in chosen] == list(range(1, len(chosen) + 1))
    assert len(set(found)) == len(found)
    assert all(facts.task in BY_NAME[name].tasks for name in found)
    assert all(one.why for one in chosen)
    assert leading(chosen) == LEADS.get(facts.task, leading(chosen))
    assert set(headline(chosen)) <= {*found, "label_share"}
    assert leading(chosen) in in_segments(chosen)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (Facts(Task.BINARY, 2, 0.002), "always saying no is right in 99.8 % of rows"),
        (Facts(Task.BINARY, 2, 0.998), "always saying yes is right in 99.8 % of rows"),
        (Facts(Task.MULTICLASS, 3, 0.95), "always saying the most frequent class is right in 95 % of rows"),
    ],
)
def test_accuracy_is_last_where_it_says_nothing(facts, why):
    last = choose_metrics(facts)[-1]
    assert last.name == "accuracy"
    assert last.why.startswith(why)


def test_accuracy_is_not_last_where_classes_are_balanced():
    chosen = names(choose_metrics(Facts(Task.BINARY, 2, 0.4)))
    assert chosen.index("accuracy") < chosen.index("score_psi")


@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
def test_what_needs_no_label_leads_where_labels_come_late(task):
    soon, late = (choose_metrics(Facts(task, 2, label_delay=days * DAY, members=2)) for days in (1, 30))
    assert BY_NAME[soon[0].name].family == QUALITY
    assert BY_NAME[late[0].name].family not in (QUALITY, LATENCY)
    assert "after 30d" in late[0].why
    assert leading(late) == leading(soon)
    assert leading(late) in headline(late)


def test_declared_costs_and_values_are_measured():
    chosen = names(choose_metrics(Facts(Task.BINARY, 2, 0.4, valued=True, priced=True)))
    assert {"cost", "value_caught"} <= set(chosen)
    assert not {"cost", "value_caught"} & set(names(choose_metrics(FACTS[0])))


def test_a_share_never_reads_as_all_or_none():
    assert percent(0.99999) == "99.999 %"
