"""Build a reference from rows: bins and units first, then one scan for the reference's own states."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pyarrow as pa

from choirmaster.costs import binary_costs
from choirmaster.engines import columns as col
from choirmaster.engines.batch import BatchColumns
from choirmaster.engines.compile import compiled
from choirmaster.engines.local import states_of
from choirmaster.engines.rowscores import fit_row_scores
from choirmaster.engines.slicing import MAX_CROSS_CELLS, frequent_cells
from choirmaster.engines.together import together_part
from choirmaster.kernels.table import Kernels
from choirmaster.plan import ROW_SCORES, Plan, wanted
from choirmaster.schema import Layout, Output, SeriesSpec, Task, feature_column
from choirmaster.states.base import Ints, Part
from choirmaster.states.bins import scale_exponent
from choirmaster.states.confusion import ConfusionPart
from choirmaster.states.cutoff import best_cost, best_f1
from choirmaster.states.histogram import NumericPart, category_part, numeric_part
from choirmaster.states.keys import ENSEMBLE, StateKey
from choirmaster.states.label_sets import LabelSetPart
from choirmaster.states.losses import LossPart, number_part
from choirmaster.states.moments import moments_part
from choirmaster.states.quantiles import QuantilePart
from choirmaster.states.reference import Reference
from choirmaster.states.scores import ScorePart, reference_scores, score_part

MAX_SEGMENT_VALUES = 100
DEFAULT_CUTOFF = 0.5
VALUE_EXPONENT = 24  # of a value the reference does not know: up to 67 million, to the 65,536th part of one
AUTO = "auto"
YES_OR_NO = ("0", "1")
Cutoffs = float | str | Mapping[str, float | str] | None  # of all series, or by series; "*" stands for the others


def build_reference(
    table: pa.Table,
    layout: Layout,
    *,
    cutoff: Cutoffs = None,
    source: str = "",
    comparable: bool = True,
    exact: bool = False,
    cross_cells: int = MAX_CROSS_CELLS,
    row_scores: bool = False,
    kernels: Kernels | None = None,
) -> Reference:
    """Fix bins, units and cutoffs from canonical rows and measure the rows themselves.

    Parameters
    ----------
    table : pyarrow.Table
        Canonical columns; ``label`` may be absent.
    cutoff : float, dict, "auto" or None
        For binary scores: a number, or ``"auto"`` (the greatest F1 on the labelled rows); a dict says it by series,
        ``*`` for the others.
    comparable : bool
        False where the rows are the measured data itself.
    exact : bool
        Give every distinct value of a numeric feature its own bin where there are at most 65,536.
    cross_cells : int
        So many cells of each cross are kept apart, the most frequent ones; the rest count in its ``%other``.
    row_scores : bool
        Whether a model of all features together is fitted (``rowscore/1``); its state of the reference is of the
        rows that it was not fitted on.
    """
    batch = _one_batch(table)
    labels = col.label_codes(batch, layout) if layout.task.has_classes else np.empty(0, np.int64)
    parts: dict[StateKey, Part] = {}
    subjects: dict[tuple[str, str], list[StateKey]] = {}
    together = [key for key in wanted(layout) if key.series == ENSEMBLE]  # their parts follow from the members' parts
    for key in wanted(layout):
        if key not in together:
            subjects.setdefault((key.series, key.feature), []).append(key)

    def build(keys: list[StateKey]) -> dict[StateKey, Part]:
        built: dict[StateKey, Part] = {}
        for key in keys:
            built[key] = _part(batch, layout, key, built, labels, cutoff, exact)
        return built

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # sorting columns, which is most of it, runs side by side
        for built in pool.map(build, subjects.values()):
            parts |= built
    rows = BatchColumns(batch, Plan(layout, parts, None))
    parts |= {key: together_part(rows, key.kind) for key in together}
    segments = {name: _segment_values(batch, layout, name) for name in layout.segments}
    states = states_of(table, Plan(layout, parts, None), kernels) if comparable else {}
    states = {key: state for key, state in states.items() if key in parts}  # of all versions together
    if row_scores:
        parts[ROW_SCORES], unseen = fit_row_scores(batch, layout, kernels or compiled())
        states |= {ROW_SCORES: unseen} if comparable else {}
    crosses = {names: frequent_cells(batch, layout, names, at_most=cross_cells) for names in layout.crosses}
    return Reference(layout, parts, states, segments, source, table.num_rows, comparable, crosses)


def extend_reference(
    reference: Reference, table: pa.Table, series: tuple[SeriesSpec, ...], *, cutoff: Cutoffs
) -> Reference:
    """Return a reference for more series: new parts from these rows; those of one series or feature stay as they are.

    Parts about all members at once are built anew.
    """
    batch, layout = _one_batch(table), replace(reference.layout, series=series)
    labels = col.label_codes(batch, layout) if layout.task.classifies else np.empty(0, np.int64)
    kept = {key: part for key, part in reference.parts.items() if key.series != ENSEMBLE}
    parts = dict(kept)
    for key in wanted(layout):
        if key not in parts and key.series != ENSEMBLE:
            parts[key] = _part(batch, layout, key, parts, labels, cutoff, exact=False)
    rows = BatchColumns(batch, Plan(layout, parts, None))
    parts |= {key: together_part(rows, key.kind) for key in wanted(layout) if key.series == ENSEMBLE}
    found = states_of(table, Plan(layout, {key: part for key, part in parts.items() if key.series}, None))
    states = {key: state for key, state in reference.states.items() if key in kept}
    states |= {key: state for key, state in found.items() if key in parts and key not in kept}
    return replace(reference, layout=layout, parts=parts, states=states)


def _part(
    batch: pa.RecordBatch,
    layout: Layout,
    key: StateKey,
    parts: dict[StateKey, Part],
    labels: Ints,
    cutoff: Cutoffs,
    exact: bool,
) -> Part:
    if not key.series:
        return _feature_part(batch, layout, key, parts, exact)
    series = next(one for one in layout.series if one.name == key.series)
    if key.kind == "scores/1":
        return _score_part(batch, layout, series, key.target, labels, cutoff)
    if key.kind == "confusion/1":
        if key.target:
            return _class_part(batch, layout, series, key.target, labels, cutoff)
        return _confusion_part(batch, layout, series, labels, cutoff)
    if key.kind == "histogram/1":
        return numeric_part(col.of_target(col.answers(batch, layout, series), layout, key.target), exact=exact)
    if key.kind == "label_sets/1":
        return _label_set_part(layout, key.series, parts)
    if layout.task.has_classes:
        return LossPart(numbers=False)
    labelled = col.floats(batch, "label")
    if not np.isfinite(labelled).any():  # labels come later: the answers are of their size
        labelled = np.concatenate([col.answers(batch, layout, one).reshape(-1) for one in layout.series])
    if key.kind == "quantiles/1":
        return QuantilePart(layout.levels, scale_exponent(labelled))
    return number_part(labelled)


def _feature_part(
    batch: pa.RecordBatch, layout: Layout, key: StateKey, parts: dict[StateKey, Part], exact: bool
) -> Part:
    name = feature_column(key.feature)
    if key.feature in layout.categorical:
        return category_part(*col.value_counts(batch, name))
    x = col.floats(batch, name)
    if key.kind == "histogram/1":
        return numeric_part(x, exact=exact)
    histogram = parts[StateKey("", "histogram/1", key.feature)]
    return moments_part(x, histogram.exponent if isinstance(histogram, NumericPart) else scale_exponent(x))


def _score_part(
    batch: pa.RecordBatch, layout: Layout, series: SeriesSpec, target: str, labels: Ints, cutoff: Cutoffs
) -> ScorePart:
    p = col.answers(batch, layout, series)
    column = col.of_target(p, layout, target)
    wish = _wish(series.name, cutoff, target if layout.task is Task.MULTILABEL else "")
    cutoffs = () if wish is None or wish == AUTO else (float(wish),)
    return score_part(column, col.one_against_rest(labels, layout, target), cutoffs, _value_exponent(batch, layout))


def _confusion_part(
    batch: pa.RecordBatch, layout: Layout, series: SeriesSpec, labels: Ints, cutoff: Cutoffs
) -> ConfusionPart:
    positive = layout.classes.index(layout.positive) if layout.positive else -1
    value = _value_exponent(batch, layout)
    if layout.task is not Task.BINARY or series.output is Output.CLASS:
        return ConfusionPart(layout.classes, positive, value_exponent=value, costs=layout.costs)
    chosen = _declared(series.name, cutoff)
    if chosen is None and _wish(series.name, cutoff) == AUTO:
        part = _score_part(batch, layout, series, layout.positive, labels, None)
        costs, scores = binary_costs(layout.costs, positive), reference_scores(part)
        chosen = best_f1(scores) if costs is None else best_cost(scores, costs)
    cut = DEFAULT_CUTOFF if chosen is None else chosen
    return ConfusionPart(layout.classes, positive, cut, value, layout.costs)


def _class_part(
    batch: pa.RecordBatch, layout: Layout, series: SeriesSpec, target: str, labels: Ints, cutoff: Cutoffs
) -> ConfusionPart:
    """Return the part of one class of a multilabel task: a question of yes or no with a cutoff of its own."""
    wish = _wish(series.name, cutoff, target)
    chosen = None if wish is None or wish == AUTO else float(wish)
    if wish == AUTO:
        chosen = best_f1(reference_scores(_score_part(batch, layout, series, target, labels, None)))
    cut = DEFAULT_CUTOFF if chosen is None else chosen
    return ConfusionPart(YES_OR_NO, 1, cut, _value_exponent(batch, layout))


def _label_set_part(layout: Layout, series: str, parts: Mapping[StateKey, Part]) -> LabelSetPart:
    found = [parts[StateKey(series, "confusion/1", target=one)] for one in layout.classes]
    return LabelSetPart(layout.classes, tuple(one.cutoff for one in found if isinstance(one, ConfusionPart)))


def _value_exponent(batch: pa.RecordBatch, layout: Layout) -> int | None:
    """Return the scale of the value column, from the reference's usable values; None where none is declared."""
    if not layout.value:
        return None
    worth = col.floats(batch, "value")
    usable = worth[np.isfinite(worth) & (worth > 0.0)]
    return scale_exponent(usable) if len(usable) else VALUE_EXPONENT


def _wish(series: str, cutoff: Cutoffs, target: str = "") -> float | str | None:
    if isinstance(cutoff, Mapping):
        return cutoff.get(series, cutoff.get(target, cutoff.get("*")))
    return cutoff


def _declared(series: str, cutoff: Cutoffs) -> float | None:
    wish = _wish(series, cutoff)
    return None if wish is None or wish == AUTO else float(wish)


def _segment_values(batch: pa.RecordBatch, layout: Layout, name: str) -> tuple[str, ...]:
    return tuple(list(col.value_counts(batch, layout.segment_column(name))[0])[:MAX_SEGMENT_VALUES])


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    batches = table.unify_dictionaries().combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
