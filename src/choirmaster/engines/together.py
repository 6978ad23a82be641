"""How the states about all members at once are fed, and how their parts follow from the reference's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from choirmaster.engines import columns as col
from choirmaster.kernels.table import Kernels
from choirmaster.schema import Output, SeriesSpec, Task
from choirmaster.states.agreement import AgreementPart, count_votes
from choirmaster.states.base import Floats, Ints, Part
from choirmaster.states.errors import ErrorPart, choose_masks, sum_products
from choirmaster.states.keys import StateKey
from choirmaster.states.spread import SpreadPart, sum_spread

if TYPE_CHECKING:
    from choirmaster.engines.batch import BatchColumns

ROWS_AT_ONCE = 1 << 16  # of the copy in which all members' answers stand side by side


def feed_errors(source: BatchColumns, key: StateKey, group: Ints, groups: int, kernels: Kernels) -> tuple[Ints, Ints]:
    """Count ``errors/1``."""
    part: Any = source.plan.parts[key]
    y = labels(source)
    return _summed(source, lambda p, rows: sum_products(part, p, y[rows], group[rows], groups, kernels))


def feed_spread(source: BatchColumns, key: StateKey, group: Ints, groups: int, kernels: Kernels) -> tuple[Ints, Ints]:
    """Count ``spread/1``."""
    part: Any = source.plan.parts[key]
    return _summed(source, lambda p, rows: sum_spread(part, p, group[rows], groups, kernels))


def feed_agreement(
    source: BatchColumns, key: StateKey, group: Ints, groups: int, kernels: Kernels
) -> tuple[Ints, Ints]:
    """Count ``agreement/1``."""
    part: Any = source.plan.parts[key]
    said = np.column_stack([decided(source, one) for one in source.plan.layout.members])
    return count_votes(part, said, source.labels(), group, groups, kernels)


def decided(source: BatchColumns, series: SeriesSpec) -> Ints:
    """Return the class each row was given by a member, as its confusion counts it."""
    part = source.plan.parts[StateKey(series.name, "confusion/1")]
    found: Ints = source.once(
        "decided", series.name, lambda: col.decided(source.batch, source.plan.layout, series, part)
    )
    return found


def labels(source: BatchColumns) -> Floats:
    """Return the labels as the error kernel takes them: numbers, 1.0 for positive, or class indices; NaN for none."""

    def read() -> Floats:
        if not source.plan.layout.task.classifies:
            return col.floats(source.batch, source.label)
        codes = col.binary_labels(source.labels(), source.plan.layout)
        return np.where(codes < 0, np.nan, codes.astype(np.float64))

    found: Floats = source.once("together", "", read)
    return found


def side_by_side(source: BatchColumns, rows: slice) -> Floats:
    """Return the answers of all members to some rows, (n, members, width); decided classes count as sure ones."""
    return np.stack([_answers(source, one, rows) for one in source.plan.layout.members], axis=1)


def together_part(source: BatchColumns, kind: str) -> Part:
    """Build the part of a state about all members from the rows of the reference."""
    layout = source.plan.layout
    names = tuple(one.name for one in layout.members)
    classes = 0 if not layout.task.classifies else 1 if layout.task is Task.BINARY else len(layout.classes)
    losses: Any = source.plan.parts.get(StateKey(names[0], "losses/1"))
    exponent = losses.exponent if losses is not None else 0
    if kind == "agreement/1":
        parts: list[Any] = [source.plan.parts[StateKey(name, "confusion/1")] for name in names]
        return AgreementPart(names, layout.classes, tuple(float(one.cutoff) for one in parts))
    if kind == "spread/1":
        return SpreadPart(names, classes, exponent)
    seen = np.concatenate([np.zeros(0, np.int64), *(_masks(p, classes > 0) for p, _ in _pieces(source))])
    return ErrorPart(names, classes, exponent, choose_masks(len(names), seen, max(1, classes)), _prior(source, classes))


def _answers(source: BatchColumns, series: SeriesSpec, rows: slice) -> Floats:
    if series.output is not Output.CLASS:
        out: Floats = source.answers(series)[rows]
        return out
    layout = source.plan.layout
    said = decided(source, series)[rows]
    targets = [layout.classes.index(layout.positive)] if layout.task is Task.BINARY else range(len(layout.classes))
    sure = (said[:, None] == np.array(list(targets))[None, :]).astype(np.float64)
    sure[said >= len(layout.classes)] = np.nan
    return sure


def _pieces(source: BatchColumns) -> Iterator[tuple[Floats, slice]]:
    for at in range(0, source.batch.num_rows, ROWS_AT_ONCE):
        rows = slice(at, at + ROWS_AT_ONCE)
        yield side_by_side(source, rows), rows


def _summed(source: BatchColumns, scan: Callable[[Floats, slice], tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    rows = slice(0, 0)
    counts, units = scan(side_by_side(source, rows), rows)
    for p, piece in _pieces(source):
        more, sums = scan(p, piece)
        counts += more
        units += sums
    return counts, units


def _masks(p: Floats, bounded: bool) -> Ints:
    with np.errstate(invalid="ignore"):
        fine = ((p >= 0.0) & (p <= 1.0)) if bounded else np.isfinite(p)
    present = fine.all(axis=2)
    out: Ints = (present.astype(np.int64) << np.arange(p.shape[1])).sum(axis=1)
    return out


def _prior(source: BatchColumns, classes: int) -> tuple[float, ...]:
    """Return the constant forecast that needs no member: shares of the labels, or their mean."""
    y = labels(source)
    known = y[np.isfinite(y)]
    if classes > 1:
        counts = np.bincount(known.astype(np.int64), minlength=classes)
        return tuple((counts / counts.sum() if counts.any() else np.full(classes, 1.0 / classes)).tolist())
    if len(known):
        return (_mean(known),)
    if classes == 1:
        return (0.5,)
    answers = np.concatenate([source.answers(one)[:, 0] for one in source.plan.layout.members])
    finite = answers[np.isfinite(answers)]
    return (_mean(finite) if len(finite) else 0.0,)


def _mean(numbers: Floats) -> float:
    """Return the mean, of numbers whose sum is beyond every float too."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(numbers.mean())
    return mean if np.isfinite(mean) else float((numbers / len(numbers)).sum())
