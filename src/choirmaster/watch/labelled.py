"""How many rows have a label, for every kind of task."""

from __future__ import annotations

from typing import Any

from choirmaster.metrics import BY_NAME, evaluate
from choirmaster.metrics.pairs import share
from choirmaster.states.keys import StateKey
from choirmaster.states.pack import States
from choirmaster.values import Kind, Reason, Value, undefined

LABEL_SHARE = "label_share"


def label_share(states: States, series: str) -> Value:
    """Return the share of a series' rows whose label has arrived.

    Classes are counted by ``confusion/1``, quantiles by ``quantiles/1``. For numbers ``losses/1`` counts the labels and
    ``histogram/1`` the rows.
    """
    pairs = states.get(StateKey(series, "confusion/1"))
    if pairs is not None:
        return evaluate(BY_NAME[LABEL_SHARE], pairs)
    rows, labelled = counted(states, series)
    return share(labelled, rows, Kind.OBSERVED) if rows else undefined(Reason.NO_ROWS)


def counted(states: States, series: str) -> tuple[int, int]:
    """Return how many rows there are, and how many of them have a label."""
    pairs: Any = states.get(StateKey(series, "confusion/1"))
    if pairs is not None:
        return pairs.rows, pairs.rows - pairs.unlabelled
    for kind in ("quantiles/1", "label_sets/1"):
        whole: Any = states.get(StateKey(series, kind))
        if whole is None:
            continue
        return whole.rows, whole.n + whole.unanswered
    histogram: Any = states.get(StateKey(series, "histogram/1"))
    losses: Any = states.get(StateKey(series, "losses/1"))
    rows = histogram.rows if histogram is not None else 0
    return rows, losses.n + losses.unanswered if losses is not None else 0
