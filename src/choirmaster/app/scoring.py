"""Score the rows of a reference file with an ensemble's members."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.app.rows import open_rows
from choirmaster.errors import DataError
from choirmaster.layout import Layout, Output, SeriesSpec, Task
from choirmaster.ports import Member
from choirmaster.schema import Schema
from choirmaster.serve.outputs import alignment
from choirmaster.sources.canonical import Canonical

ROWS_AT_ONCE = 10_000


def score_rows(path: Path, layout: Layout, members: Mapping[str, Member]) -> pa.Table:
    """Return canonical rows of a raw file, scored by the members now.

    It holds features, and ``label`` and ``value`` where it has them.
    """
    rows = open_rows(str(path))
    names = rows.arrow.names
    absent = [name for name in layout.features if name not in names]
    if absent:
        raise DataError("a reference file lacks features", where=str(path), got=", ".join(absent), allowed=names)
    schema = Schema(
        str(layout.task), label="label" if "label" in names else None, classes=layout.classes or None,
        value="value" if layout.value and "value" in names else None,
        positive=layout.positive or None, numeric=layout.numeric, categorical=layout.categorical,
        features=layout.features, segments=[one for one in layout.sliced if one in names],
    )  # fmt: skip
    table = Canonical(schema, layout, rows.arrow).table(rows.whole())
    features = features_of(table, layout)
    for one in layout.members:
        for name, column in _outputs(members[one.name], features, layout, one).items():
            made = column if isinstance(column, pa.Array) else pa.array(column, pa.float64(), from_pandas=True)
            table = table.append_column(name, made)
    return table


def features_of(table: pa.Table, layout: Layout) -> pa.Table:
    """Return the features of canonical rows under their own names."""
    from choirmaster.layout import feature_column

    return pa.table({name: table[feature_column(name)] for name in layout.features})


def _outputs(member: Member, features: pa.Table, layout: Layout, one: SeriesSpec) -> dict[str, Any]:
    pieces = [member.predict(features.slice(at, ROWS_AT_ONCE)) for at in range(0, features.num_rows, ROWS_AT_ONCE)]
    output = np.concatenate(pieces)
    names = layout.output_columns(one)
    if not layout.task.classifies:
        return {names[0]: output.reshape(-1)}
    aligned = np.zeros((len(output), len(layout.classes)))
    aligned[:, alignment(one.name, member.classes, layout.classes)] = output
    if one.output is Output.CLASS:
        return {names[0]: pa.array(np.array(layout.classes)[aligned.argmax(axis=1)])}
    if layout.task is Task.BINARY:
        return {names[0]: aligned[:, layout.classes.index(layout.positive)]}
    return {name: aligned[:, k] for k, name in enumerate(names)}
