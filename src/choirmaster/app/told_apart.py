"""For frames in memory: whether a classifier can tell the rows of a window from those of the reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from choirmaster.app.exact_rows import Frame
from choirmaster.engines import columns as col
from choirmaster.layout import Layout, feature_column
from choirmaster.metrics.domain_classifier import DOMAIN_CLASSIFIER_AUC, auc_of_rows
from choirmaster.states.base import Ints
from choirmaster.times import Grain
from choirmaster.values import Reason, Value
from choirmaster.watch.evaluate import ValueRows

MAX_ROWS = 5_000  # of either side


def tell_apart(
    rows: ValueRows, current: pa.Table, reference: pa.Table, layout: Layout, grain: Grain | int | None,
    over: Mapping[int, int] | None = None,
) -> None:  # fmt: skip
    """Put the values in that states alone cannot give; changes ``rows`` in place.

    Parameters
    ----------
    current, reference : pyarrow.Table
        Canonical rows in memory.
    over : mapping, optional
        Start of each window of the grain to the start of the longer one that is measured.
    """
    cells = rows.columns
    asked = [at for at, reason in enumerate(cells["reason"])
             if reason == Reason.NEEDS_ROWS and cells["metric"][at] == DOMAIN_CLASSIFIER_AUC.name]  # fmt: skip
    if not asked:
        return
    frame = Frame(current, layout, grain, over=over or {})
    sides = _Sides(frame, Frame(reference, layout, None), layout)
    for at in asked:
        value = sides.value(frame.rows((int(str(cells["window_start"][at])), "")))
        cells["value"][at], cells["n"][at] = value.number, value.n
        cells["reason"][at] = None if value.reason is None else str(value.reason)
        cells["lower"][at], cells["upper"][at] = value.lower, value.upper
        cells["resolution"][at] = None if value.number is None else value.resolution


class _Sides:
    """Features of the rows of both sides, as numbers and codes; those the reference lacks are left out."""

    def __init__(self, frame: Frame, past: Frame, layout: Layout) -> None:
        theirs = _spaced(np.arange(past.batch.num_rows))
        known = [name for name in layout.features if col.has(past.batch, feature_column(name))]
        self.numbers = [(frame.feature(name), past.feature(name)[theirs]) for name in known if name in layout.numeric]
        self.categories = []
        for column in (feature_column(name) for name in known if name in layout.categorical):
            batches = (frame.batch, past.batch)
            names = tuple(sorted({str(text) for one in batches for text in _texts(one, column)}))
            now, before = (col.codes(one, column, names, unseen=-1, missing=-1) for one in batches)
            self.categories.append((now, before[theirs]))
        self.theirs = len(theirs)

    def value(self, rows: Ints | None) -> Value:
        """Return the value of some rows of the current side."""
        ours = _spaced(np.empty(0, np.int64) if rows is None else rows)
        current = np.repeat(np.array([0, 1]), [self.theirs, len(ours)])
        numbers = [np.concatenate([before, now[ours]]) for now, before in self.numbers]
        categories = [np.concatenate([before, now[ours]]) for now, before in self.categories]
        return auc_of_rows(numbers, categories, current)


def _texts(batch: pa.RecordBatch, column: str) -> set[object]:
    return set(col.as_texts(batch.column(column)).dictionary.to_pylist()) - {None} if col.has(batch, column) else set()


def _spaced(rows: Ints) -> Ints:
    """Return at most ``MAX_ROWS`` of the rows, evenly spaced."""
    return rows if len(rows) <= MAX_ROWS else rows[(np.arange(MAX_ROWS) * len(rows)) // MAX_ROWS]
