"""How rows arrived: volume, repeated ids, times that cannot be, cells that are not of their column's type."""

from __future__ import annotations

import math

from choirmaster.metrics.base import DATA_QUALITY, EVERY, Metric
from choirmaster.metrics.intervals import Z
from choirmaster.metrics.pairs import share
from choirmaster.states.intake import OF_ROWS, Intake
from choirmaster.values import Kind, Reason, Value, undefined


def row_count(state: Intake) -> Value:
    """Rows of the window.

    Definition   n
    Range        0 upwards; unit: rows
    Undefined    no_rows; not_applicable (a single feature, whose rows are those of the window)
    Interval     of the rate that a Poisson process would have: (sqrt(n) +- Z/2)^2, whose square root has a variance of
                 a quarter whatever the rate is
    Source       Anscombe 1948, Biometrika 35(3/4), 246-254

    Examples
    --------
    >>> import numpy as np
    >>> from choirmaster.states.intake import INTAKE
    >>> state = Intake.zero(INTAKE)
    >>> state.update(*np.full((4, 100), -1))
    >>> value = row_count(state)
    >>> value.number, round(value.lower, 1), round(value.upper, 1)
    (100.0, 81.4, 120.6)
    """
    if state.part.flags != OF_ROWS:
        return undefined(Reason.NOT_APPLICABLE, n=state.rows, detail="a feature has the rows of the window")
    if not state.rows:
        return undefined(Reason.NO_ROWS)
    root = math.sqrt(state.rows)
    return Value(float(state.rows), max(root - Z / 2, 0.0) ** 2, (root + Z / 2) ** 2, n=state.rows)


def duplicate_id_rate(state: Intake) -> Value:
    """Rows whose id an earlier row has / rows with an id.

    Definition   of a frame or of files among all their rows; of a store among all rows that ever came, where such rows
                 are not kept and count in the window that their own time names
    Undefined    not_applicable (no ids, or rows without an order)
    """
    return _rate(state, "repeated")


def conflicting_id_rate(state: Intake) -> Value:
    """Rows whose id a stored row of other content has / rows with an id. Undefined: not_applicable (no store)."""
    return _rate(state, "conflicting")


def future_time_rate(state: Intake) -> Value:
    """Rows whose time lies after the clock, in a store after their receipt / rows with a time.

    Undefined    not_applicable (no times)
    """
    return _rate(state, "future")


def backwards_time_rate(state: Intake) -> Value:
    """Rows older than one before them in the same frame, file or, in a store, journal / rows with a time.

    Undefined    not_applicable (no times, or rows without an order)
    """
    return _rate(state, "backwards")


def type_fault_rate(state: Intake) -> Value:
    """Cells that cannot be read as the feature's type / cells with something in them.

    Undefined    not_applicable (the column is stored in its type, so nothing can go wrong)
    """
    return _rate(state, "mistyped")


def _rate(state: Intake, flag: str) -> Value:
    hits, n = state.flagged(flag) if flag in state.part.flags else (0, 0)
    return (
        share(hits, n, Kind.OBSERVED) if n else undefined(Reason.NOT_APPLICABLE, n=state.rows, detail="not looked at")
    )


ROW_COUNT = Metric(
    "row_count", "intake/1", DATA_QUALITY, EVERY, "none", "rows", "rows of the window",
    "of the rate of a Poisson process: (sqrt(n) +- 0.98)^2", "Anscombe 1948, Biometrika 35(3/4)", row_count,
)  # fmt: skip
DUPLICATE_ID_RATE = Metric(
    "duplicate_id_rate", "intake/1", DATA_QUALITY, EVERY, "lower", "ratio",
    "rows whose id an earlier row has / rows with an id", "Wilson", "textbook", duplicate_id_rate,
)  # fmt: skip
CONFLICTING_ID_RATE = Metric(
    "conflicting_id_rate", "intake/1", DATA_QUALITY, EVERY, "lower", "ratio",
    "rows whose id a stored row of other content has / rows with an id", "Wilson", "textbook", conflicting_id_rate,
)  # fmt: skip
FUTURE_TIME_RATE = Metric(
    "future_time_rate", "intake/1", DATA_QUALITY, EVERY, "lower", "ratio",
    "rows whose time lies after the clock, in a store after their receipt / rows with a time",
    "Wilson", "textbook", future_time_rate,
)  # fmt: skip
BACKWARDS_TIME_RATE = Metric(
    "backwards_time_rate", "intake/1", DATA_QUALITY, EVERY, "lower", "ratio",
    "rows older than one before them in the same frame, file or journal / rows with a time", "Wilson", "textbook",
    backwards_time_rate,
)  # fmt: skip
TYPE_FAULT_RATE = Metric(
    "type_fault_rate", "intake/1", DATA_QUALITY, EVERY, "lower", "ratio",
    "cells that cannot be read as the feature's type / cells with something in them", "Wilson", "textbook",
    type_fault_rate,
)  # fmt: skip
