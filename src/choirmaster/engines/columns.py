"""From Arrow columns to the arrays kernels take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.schema import STATUSES, Layout, Output, SeriesSpec, Task, class_text, label_names, series_prefix
from choirmaster.states.base import Floats, Ints

MAX_CATEGORIES = 10_000


def has(batch: pa.RecordBatch, name: str) -> bool:
    """Return whether the batch has this column."""
    return batch.schema.get_field_index(name) >= 0


def floats(batch: pa.RecordBatch, name: str) -> Floats:
    """Return a column as float64, NaN where null or where the column is absent."""
    if not has(batch, name):
        return np.full(batch.num_rows, np.nan)
    column = batch.column(name)
    if not pa.types.is_float64(column.type):
        column = pc.cast(column, pa.float64())
    found: Floats = column.to_numpy(zero_copy_only=False)
    return found


def flags(batch: pa.RecordBatch, name: str) -> Ints:
    """Return a column of true and false as 1 and 0, -1 where null; empty where the column is absent."""
    if not has(batch, name):
        return np.empty(0, np.int64)
    column = batch.column(name).cast(pa.int64()).fill_null(-1)
    found: Ints = column.to_numpy(zero_copy_only=False)
    return found


def codes(batch: pa.RecordBatch, name: str, names: tuple[str, ...], *, unseen: int, missing: int) -> Ints:
    """Return the index of each value among ``names``; ``unseen`` for another value, ``missing`` for null."""
    if not has(batch, name):
        return np.full(batch.num_rows, missing, np.int64)
    column = batch.column(name)
    column = as_texts(column)
    places = {one: index for index, one in enumerate(names)}
    found = column.dictionary.to_pylist()
    translate = np.array([missing if one is None else places.get(one, unseen) for one in found]
                         + [missing], np.int64)  # fmt: skip
    indices = column.indices.fill_null(len(translate) - 1) if column.null_count else column.indices
    return translate[indices.to_numpy(zero_copy_only=False)]


def as_texts(column: pa.Array) -> pa.DictionaryArray:
    """Return a column as a dictionary of texts; numbers in the shortest form that reads back the same."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    if pa.types.is_string(column.type.value_type):
        return column
    found = [None if one is None or one != one else class_text(one) for one in column.dictionary.to_pylist()]  # noqa: PLR0124 - NaN
    return pa.array(found, pa.string()).take(column.indices).dictionary_encode()


def value_counts(batch: pa.RecordBatch, name: str) -> tuple[dict[str, int], int]:
    """Return the most frequent values of a column with their counts, the first of them first, and the missing ones."""
    if not has(batch, name):
        return {}, batch.num_rows
    column = as_texts(batch.column(name))
    counted: Any = pc.value_counts(column.dictionary_decode())
    pairs = [(one["values"].as_py(), one["counts"].as_py()) for one in counted]
    known = sorted(
        ((str(value), count) for value, count in pairs if value is not None), key=lambda pair: (-pair[1], pair[0])
    )
    return dict(known[:MAX_CATEGORIES]), column.null_count


def micros(batch: pa.RecordBatch, name: str = "time") -> Ints:
    """Return a timestamp column as microseconds UTC; the least int64 where null."""
    if not has(batch, name):
        return np.full(batch.num_rows, np.iinfo(np.int64).min)
    column = batch.column(name).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    if column.null_count:
        column = column.fill_null(np.iinfo(np.int64).min)
    found: Ints = column.to_numpy(zero_copy_only=False)
    return found


def label_codes(batch: pa.RecordBatch, layout: Layout, name: str = "label") -> Ints:
    """Return class indices of the labels: K for an unknown class, K + 1 for none; of a multilabel task see below."""
    k = len(layout.classes)
    if layout.task is Task.MULTILABEL:
        return label_bits(batch, layout, name)
    return codes(batch, name, layout.classes, unseen=k, missing=k + 1)


def label_bits(batch: pa.RecordBatch, layout: Layout, name: str) -> Ints:
    """Return (n, K): 1 for each class among the labels of a row, 0 for the others, 2 where there is no label."""
    k = len(layout.classes)
    if not has(batch, name):
        return np.full((batch.num_rows, k), 2, np.int64)
    column = as_texts(batch.column(name))
    found = [None if text is None else label_names(text) for text in column.dictionary.to_pylist()]
    bits = [[2] * k if names is None else [int(one in names) for one in layout.classes] for names in (*found, None)]
    indices = column.indices.fill_null(len(found)).to_numpy(zero_copy_only=False)
    out: Ints = np.array(bits, np.int64)[indices]
    return out


def of_target(numbers: Floats, layout: Layout, target: str) -> Floats:
    """Return the column of one class or quantile level; of a single column that one."""
    names = layout.levels if layout.task is Task.QUANTILE else layout.classes
    return np.ascontiguousarray(numbers[:, 0] if numbers.shape[1] == 1 else numbers[:, names.index(target)])


def answers(batch: pa.RecordBatch, layout: Layout, series: SeriesSpec) -> Floats:
    """Return a series' numbers: (n, 1) for binary and regression, else a column for each class or quantile level."""
    columns = [floats(batch, name) for name in layout.output_columns(series)]
    return np.column_stack(columns) if len(columns) > 1 else columns[0].reshape(-1, 1)


def decided(batch: pa.RecordBatch, layout: Layout, series: SeriesSpec, part: Any) -> Ints:
    """Return the predicted class codes of a series; ``len(classes)`` where it gave no usable answer."""
    k = len(layout.classes)
    if series.output is Output.CLASS:
        return codes(batch, layout.output_columns(series)[0], layout.classes, unseen=k, missing=k)
    found: Ints = part.decide(answers(batch, layout, series))
    return found


def one_against_rest(labels: Ints, layout: Layout, target: str) -> Ints:
    """Return 1 where the label is (or holds) ``target``, 0 where it is another known class, 2 where there is none."""
    if layout.task is Task.MULTILABEL:
        return np.ascontiguousarray(labels[:, layout.classes.index(target)])
    k = len(layout.classes)
    hit = layout.classes.index(target)
    return np.where(labels >= k, 2, (labels == hit).astype(np.int64)).astype(np.int64)


def binary_labels(labels: Ints, layout: Layout) -> Ints:
    """Return labels for the loss kernel: class index (binary: 1 is positive), -1 where unknown or none."""
    k = len(layout.classes)
    known = labels < k
    if layout.task is Task.BINARY:
        return np.where(known, (labels == layout.classes.index(layout.positive)).astype(np.int64), -1)
    return np.where(known, labels, -1)


def call_columns(batch: pa.RecordBatch, series: SeriesSpec) -> tuple[Ints, Ints, Ints]:
    """Return status index, latency (-1 unknown) and first-row-of-call flag of a member."""
    prefix = series_prefix(series.name)
    status = codes(batch, f"{prefix}.status", STATUSES, unseen=2, missing=len(STATUSES))
    known = status < len(STATUSES)
    if not known.all():  # no status came with the row: an answer means ok, none means absent
        answered = _answered(batch, series)
        status = np.where(known, status, np.where(answered, 0, STATUSES.index("absent")))
    latency = np.full(batch.num_rows, -1, np.int64)
    if has(batch, f"{prefix}.latency_us"):
        latency = batch.column(f"{prefix}.latency_us").fill_null(-1).to_numpy(zero_copy_only=False)
    first = np.ones(batch.num_rows, np.int64)
    if has(batch, "call"):
        first = batch.column("call").fill_null(1).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return status, latency, first


def _answered(batch: pa.RecordBatch, series: SeriesSpec) -> np.ndarray[Any, np.dtype[np.bool_]]:
    prefix = series_prefix(series.name)
    found = [
        name
        for name in batch.schema.names
        if name.startswith(tuple(f"{prefix}.{kind}" for kind in ("p.", "q.", "value", "class")))
    ]
    if not found:
        return np.zeros(batch.num_rows, dtype=bool)
    told: np.ndarray[Any, np.dtype[np.bool_]] = batch.column(found[0]).is_valid().to_numpy(zero_copy_only=False)
    return told
