"""Training put together: rows of any kind, candidates from scikit-learn, files that load without running code."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa

from choirmaster.app.gathering import silent
from choirmaster.app.rows import open_rows
from choirmaster.errors import SchemaError
from choirmaster.layout import Task, feature_column
from choirmaster.lifecycle.rows import Question
from choirmaster.lifecycle.train import Plan, Ports, TrainResult, train
from choirmaster.schema import Schema
from choirmaster.sources.canonical import Canonical
from choirmaster.sources.resolve import resolve


def train_on(
    data: Any,
    *,
    schema: Schema,
    candidates: Sequence[str],
    folds: int,
    at_least: int,
    at_most: int | None,
    fusion: str | Mapping[str, Any],
    seed: int,
    progress: Callable[..., None] | None,
) -> TrainResult:
    """Train on labelled rows; see :func:`choirmaster.train`."""
    from choirmaster.estimators.candidates import candidates as named
    from choirmaster.estimators.ensemble import Ensemble
    from choirmaster.members.convert import write_model

    table, question, source = learning_rows(data, schema)
    kinds = named(question.numeric, question.categorical, task=str(question.task), names=tuple(candidates), seed=seed)
    ports = Ports(Ensemble, write_model, time.perf_counter, one_thread, progress or silent)
    plan = Plan(folds=folds, at_least=at_least, at_most=at_most, fusion=fusion, costs=schema.costs, seed=seed,
                source=source)  # fmt: skip
    return train(table, question, list(kinds.values()), ports=ports, plan=plan)


def one_thread() -> AbstractContextManager[Any]:
    """Hold every native library to one thread (D21)."""
    from threadpoolctl import threadpool_limits

    found: AbstractContextManager[Any] = threadpool_limits(1)
    return found


def learning_rows(data: Any, schema: Schema) -> tuple[pa.Table, Question, str]:
    """Return clean columns under the user's names, what is asked of them, and where they come from."""
    if schema.task in (Task.MULTILABEL, Task.QUANTILE):
        raise SchemaError("training does not serve this task yet", where="$.task", got=f"{schema.task}",
                          allowed=(Task.BINARY, Task.MULTICLASS, Task.REGRESSION),
                          fix="train each class, or each quantile, as a model of its own")  # fmt: skip
    if schema.label is None:
        raise SchemaError("training needs labels", where="$.label", fix='say label="<column>"')
    rows = open_rows(data)
    resolved = resolve(schema, rows.arrow, rows.sample())
    layout = resolved.layout
    clean = Canonical(schema, layout, rows.arrow, time_form=resolved.time_form).table(rows.whole())
    columns = {name: clean[feature_column(name)] for name in layout.features}
    columns[schema.label] = clean["label"].cast(pa.string()) if layout.task.classifies else clean["label"]
    for name, role in ((schema.time, "time"), (schema.id, "id")):
        if name is not None:
            columns[name] = clean[role]
    for name in layout.categorical:
        columns[name] = columns[name].cast(pa.string())
    question = Question(
        Task(layout.task), schema.label, layout.numeric, layout.categorical, layout.positive, schema.time, schema.id
    )
    return pa.table(columns), question, rows.name
