"""Row scores: the model is fitted on every second row of the reference, and the rows between say what is usual.

Errors of rows that a model was fitted on are smaller than those of new rows, the more so the more features there are.
Rows that the fit has not seen have errors like those of the rows to come, so nothing seems to move where nothing does.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from choirmaster.drift.components import centre, left_over
from choirmaster.engines import columns as col
from choirmaster.kernels.table import Kernels
from choirmaster.schema import Layout, feature_column
from choirmaster.states.base import Floats, Ints
from choirmaster.states.bins import feature_edges, scale_exponent
from choirmaster.states.keys import StateKey
from choirmaster.states.rowscore import RowScorePart, RowScores, count_scores, score_rows

if TYPE_CHECKING:
    from choirmaster.engines.batch import BatchColumns

ROWS_AT_ONCE = 1 << 14  # of the copy in which all features stand side by side
HEADROOM = 9  # errors up to 2^9 times the reference's scale are summed
LEAST_SCALE = -20  # below it an error is nothing but rounding
Encoding = tuple[tuple[str, ...], Floats]  # known categories and their shares


def fit_row_scores(batch: pa.RecordBatch, layout: Layout, kernels: Kernels) -> tuple[RowScorePart, RowScores]:
    """Return the part, and the state of the rows that the fit has not seen."""
    encodings = {name: _frequencies(batch, feature_column(name)) for name in layout.categorical}
    columns = {name: col.floats(batch, feature_column(name)) for name in layout.numeric}
    columns |= {name: _encoded(batch, name, one) for name, one in encodings.items()}
    centres = {name: centre(one[::2]) for name, one in columns.items()}
    used = [name for name in layout.features if centres[name][1] > 0.0]
    part = _part([name for name in used if name in layout.numeric], {
        name: encodings[name] for name in used if name in encodings
    })  # fmt: skip
    if len(used) > 1:
        mean, deviation = np.array([centres[name] for name in used]).T.copy()
        basis = left_over([columns[name][::2] for name in used], mean, deviation)
        part = replace(part, mean=mean, deviation=deviation, basis=basis)
    errors = _errors(part, [columns[name][1::2] for name in used], batch.num_rows // 2, kernels)
    edges = feature_edges(errors)
    if len(edges):
        part = replace(part, edges=edges, reach=max(scale_exponent(errors), LEAST_SCALE) + HEADROOM)
    state = RowScores.zero(part)
    state.update_scores(errors, kernels)
    return part, state


def feed_row_scores(
    source: BatchColumns, key: StateKey, group: Ints, groups: int, kernels: Kernels
) -> tuple[Ints, Ints]:
    """Count ``rowscore/1``."""
    part: Any = source.plan.parts[key]

    def read() -> Floats:
        names = map(feature_column, part.numeric)
        columns = [source.once("floats", name, partial(col.floats, source.batch, name)) for name in names]
        columns += [_encoded(source.batch, name, part.of_category(name)) for name in part.categorical]
        return _errors(part, columns, source.batch.num_rows, kernels)

    return count_scores(part, source.once("rowscore", "", read), group, groups, kernels)


def _part(numeric: list[str], encodings: dict[str, Encoding]) -> RowScorePart:
    """Return a part that knows how categories are told, and nothing of the rows yet."""
    categories = tuple(one for names, _ in encodings.values() for one in names)
    shares = np.concatenate([np.empty(0), *(one for _, one in encodings.values())])
    sizes = np.array([len(names) for names, _ in encodings.values()], np.int64)
    none = np.empty(0)
    return RowScorePart(tuple(numeric), tuple(encodings), categories, sizes, shares, none, none, np.empty((0, 0)),
                        np.array([0.0, np.nextafter(0.0, 1.0)]), LEAST_SCALE + HEADROOM)  # fmt: skip


def _errors(part: RowScorePart, columns: list[Floats], n: int, kernels: Kernels) -> Floats:
    if not part.fitted:
        return np.full(n, np.nan)
    pieces = [slice(at, at + ROWS_AT_ONCE) for at in range(0, n, ROWS_AT_ONCE)]
    found = [score_rows(part, np.stack([one[piece] for one in columns], axis=1), kernels) for piece in pieces]
    return np.concatenate([np.empty(0), *found])


def _frequencies(batch: pa.RecordBatch, name: str) -> Encoding:
    """Return the most frequent categories of every second row, and the share of each."""
    if not col.has(batch, name):
        return (), np.empty(0)
    half = batch.select([name]).take(pa.array(np.arange(0, batch.num_rows, 2)))
    counts, missing = col.value_counts(half, name)
    return tuple(counts), np.array(list(counts.values()), np.float64) / max(half.num_rows - missing, 1)


def _encoded(batch: pa.RecordBatch, name: str, encoding: Encoding) -> Floats:
    """Return a categorical feature as shares: 0 for a category that is not known, NaN for a missing one."""
    names, shares = encoding
    k = len(names)
    found = col.codes(batch, feature_column(name), names, unseen=k, missing=k + 1)
    out: Floats = np.concatenate([shares, [0.0, np.nan]])[found]
    return out
