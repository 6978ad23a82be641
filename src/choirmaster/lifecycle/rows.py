"""The rows to learn from: taken from a table, counted where they cannot serve, and given back as monitoring rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.errors import DataError, SchemaError
from choirmaster.layout import Layout, Output, SeriesSpec, Task
from choirmaster.lifecycle.judge import Problem
from choirmaster.schema import class_text
from choirmaster.values import FUSED

NO_LABEL, NO_TIME = "no_label", "no_time"


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be learned from which columns."""

    task: Task
    label: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    positive: str = ""
    time: str | None = None
    id: str | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Numeric, then categorical features."""
        return self.numeric + self.categorical


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that can serve, and how many could not, by reason."""

    table: pa.Table
    problem: Problem
    time: npt.NDArray[np.int64] | None
    dropped: dict[str, int]


def usable(table: pa.Table, question: Question) -> Rows:
    """Return the rows with a label (and a time, where there is a time column); the others are counted."""
    wanted = [*question.features, question.label, question.time, question.id]
    lacking = [name for name in wanted if name is not None and name not in table.column_names]
    if lacking:
        raise SchemaError("columns are missing", where="table", got=f"none of {lacking}", allowed=table.column_names)
    labelled = _has_label(table.column(question.label))
    timed = np.ones(table.num_rows, dtype=np.bool_)
    if question.time is not None:
        timed = np.asarray(table.column(question.time).is_valid())
    dropped = {NO_LABEL: int((~labelled).sum()), NO_TIME: int((labelled & ~timed).sum())}
    kept = table.filter(pa.array(labelled & timed))
    if not kept.num_rows:
        raise DataError("there is nothing to learn from", where=f'column "{question.label}"', expected="labelled rows",
                        got=", ".join(f"{count} rows with {reason}" for reason, count in dropped.items()))  # fmt: skip
    time = None if question.time is None else _micros(kept.column(question.time), question.time)
    return Rows(kept, _problem(kept, question), time, {key: count for key, count in dropped.items() if count})


def _has_label(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    valid = column.is_valid()
    if pa.types.is_floating(column.type):
        valid = pc.and_(valid, pc.fill_null(pc.is_finite(column), False))
    return np.asarray(valid)


def _problem(table: pa.Table, question: Question) -> Problem:
    features = table.select(list(question.features))
    column = table.column(question.label)
    if not question.task.classifies:
        return Problem(features, np.asarray(column.cast(pa.float64()).to_numpy()), None)
    target = np.array([class_text(value) for value in column.to_pylist()])
    classes = tuple(str(label) for label in np.unique(target))
    if question.task is Task.BINARY and len(classes) != 2:
        raise DataError("a binary task has two classes", where=f'column "{question.label}"', expected="2",
                        got=f"{len(classes)}: {', '.join(classes[:5])}")  # fmt: skip
    if question.task is Task.BINARY and question.positive not in classes:
        raise SchemaError("cannot find the positive class", where="positive", got=f'"{question.positive}"',
                          allowed=classes)  # fmt: skip
    return Problem(features, target, classes)


def _micros(column: pa.ChunkedArray, name: str) -> npt.NDArray[np.int64]:
    try:
        if pa.types.is_temporal(column.type):
            column = column.cast(pa.timestamp("us", tz=getattr(column.type, "tz", None)))
        return np.asarray(column.cast(pa.int64()).to_numpy())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SchemaError("cannot order the rows", where=f'column "{name}"', expected="times or whole numbers",
                          got=f"{column.type} ({error})") from None  # fmt: skip


def monitoring_rows(
    rows: Rows, question: Question, judged: npt.NDArray[np.intp], members: Mapping[str, npt.NDArray[np.float64]],
    fused: npt.NDArray[np.float64],
) -> pa.Table:  # fmt: skip
    """Return out-of-fold rows with the canonical columns (``Layout.arrow``), in order of time, label included.

    They are what the members and their fusion say about rows none of them was fitted on: the natural reference.
    """
    output = Output.PROBABILITY if question.task.classifies else Output.VALUE
    layout = Layout(
        question.task, tuple(SeriesSpec(name, output) for name in (*members, FUSED)), rows.problem.classes or (),
        question.positive, question.numeric, question.categorical,
    )  # fmt: skip
    order = np.arange(len(judged)) if rows.time is None else np.argsort(rows.time[judged], kind="stable")
    picked = rows.table.take(pa.array(judged[order]))
    columns = _plain_columns(picked, question, judged[order])
    for one in layout.series:
        outputs = (fused if one.name == FUSED else members[one.name])[order]
        wide = outputs[:, None] if outputs.ndim == 1 else outputs[:, _shown(layout, rows.problem.classes or ())]
        columns |= {name: pa.array(wide[:, place]) for place, name in enumerate(layout.output_columns(one))}
    schema = layout.arrow(label=True)
    n = len(judged)
    made = [_as(columns[field.name], field.type) if field.name in columns else _filled(field, n) for field in schema]
    return pa.table(made, schema=schema)


def _plain_columns(picked: pa.Table, question: Question, numbers: npt.NDArray[np.intp]) -> dict[str, Any]:
    names = picked.column(question.id).cast(pa.string()) if question.id else pa.array([str(n) for n in numbers])
    label = picked.column(question.label)
    if question.task.classifies:
        label = pa.array([class_text(value) for value in label.to_pylist()])
    columns: dict[str, Any] = {"id": names, "label": label}
    if question.time is not None and pa.types.is_timestamp(picked.column(question.time).type):
        columns["time"] = picked.column(question.time)
    return columns | {f"x.{name}": picked.column(name) for name in question.features}


def _shown(layout: Layout, classes: Sequence[str]) -> list[int]:
    if layout.task is Task.BINARY:
        return [list(classes).index(layout.positive)]
    return list(range(len(classes)))


def _as(values: Any, kind: pa.DataType) -> pa.Array:
    flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_dictionary(flat.type):
        flat = flat.dictionary_decode()
    if pa.types.is_dictionary(kind):
        return flat.cast(kind.value_type).dictionary_encode().cast(kind)
    if pa.types.is_timestamp(kind) and flat.type.tz is None:
        return flat.cast(pa.timestamp("us")).cast(kind)
    return flat.cast(kind)


def _filled(field: pa.Field, n: int) -> pa.Array:
    """Return what stands in a column that training knows nothing about; ``split`` and ``status`` it does know."""
    text = {"split": "train"}.get(field.name, "ok" if field.name.endswith(".status") else None)
    return pa.nulls(n, field.type) if text is None else _as(pa.array([text] * n), field.type)
