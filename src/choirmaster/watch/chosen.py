"""What a reference says for the automatic choice, and the metrics that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from choirmaster.catalogue.facts import Choice, Facts
from choirmaster.catalogue.lengths import Leading
from choirmaster.catalogue.ranking import choose_metrics, in_segments, names
from choirmaster.layout import Layout, Task
from choirmaster.metrics import BY_NAME, evaluate
from choirmaster.metrics.base import QUALITY
from choirmaster.states.base import State
from choirmaster.states.keys import StateKey
from choirmaster.states.reference import Reference
from choirmaster.values import FUSED
from choirmaster.watch.evaluate import Metrics, metrics_for
from choirmaster.watch.labelled import counted
from choirmaster.watch.settings import MonitorSettings

Counted = Mapping[StateKey, State]

HEADLINES = {
    Task.BINARY: ("roc_auc", "log_loss", "f1", "recall", "precision", "brier", "accuracy", "label_share"),
    Task.MULTICLASS: ("f1", "log_loss", "accuracy", "brier", "label_share"),
    Task.REGRESSION: ("mae", "rmse", "bias", "r2", "label_share"),
    Task.MULTILABEL: ("f1", "subset_accuracy", "hamming_loss", "roc_auc", "log_loss", "label_share"),
    Task.QUANTILE: ("wis", "pinball", "interval_coverage", "crossing_rate", "label_share"),
}


def facts_of(layout: Layout, states: Counted, *, label_delay: int | None = None, hours: float | None = None) -> Facts:
    """Return the facts that speak for one choice or another.

    Parameters
    ----------
    states : mapping
        Of the reference, or of the first rows where there is none; empty where nothing is known.
    label_delay : int, optional
        Microseconds until a label is expected.
    hours : float, optional
        How long the rows of the states took.
    """
    series = layout.series[-1].name
    rows, labelled = counted(dict(states), series)
    return Facts(
        layout.task, len(layout.classes), _prevalence(layout, states.get(StateKey(series, "confusion/1"))),
        len(layout.members), label_delay, rows / hours if hours else None, labelled / rows if rows else None,
        series == FUSED, len(layout.numeric), len(layout.categorical), bool(layout.value), bool(layout.costs),
    )  # fmt: skip


def _prevalence(layout: Layout, state: Any) -> float | None:
    if layout.task not in (Task.BINARY, Task.MULTICLASS) or state is None or not state.labelled:
        return None
    known = state.table[: len(layout.classes)].sum(axis=1) / state.labelled
    return float(known[layout.classes.index(layout.positive)] if layout.task is Task.BINARY else known.max())


def leading_of(layout: Layout, states: Counted, chosen: tuple[Choice, ...]) -> Leading:
    """Return the foremost chosen quality metric whose interval the states tell; without one, the foremost.

    Of classes with a state each, the one with the widest interval speaks.
    """
    series = layout.series[-1].name
    labelled = counted(dict(states), series)[1]
    quality = [name for name in names(chosen) if BY_NAME[name].family == QUALITY]
    for name in quality:
        kind = BY_NAME[name].needs
        values = [evaluate(BY_NAME[name], state) for key, state in states.items() if key[:2] == (series, kind)]
        found = [Leading(name, one.number, (one.upper - one.lower) / 2, labelled) for one in values
                 if one.lower is not None and one.upper is not None and one.upper > one.lower]  # fmt: skip
        if any(one.known for one in found):
            return max((one for one in found if one.known), key=lambda one: one.half_width or 0.0)
    return Leading(quality[0])


def chosen_metrics(layout: Layout, states: Counted, label_delay: int | None = None) -> tuple[Choice, ...]:
    """Return the metrics of an ensemble by what its reference holds."""
    return choose_metrics(facts_of(layout, states, label_delay=label_delay))


def measured(settings: MonitorSettings, reference: Reference) -> tuple[Metrics, Metrics]:
    """Return the metrics that are stored for all rows, and for segments; those that rules look at are in both."""
    task = settings.layout.task
    if settings.metrics is not None:
        return (metrics_for(task, settings.metrics, settings.ruled),) * 2
    chosen = choices_of(settings, reference)
    whole, few = names(chosen), in_segments(chosen)
    return metrics_for(task, whole, settings.ruled), metrics_for(task, few, settings.ruled)


def choices_of(settings: MonitorSettings, reference: Reference) -> tuple[Choice, ...]:
    """Return the metrics of a watched ensemble with the reason of each."""
    return chosen_metrics(reference.layout, reference.states, settings.labels_expected)
