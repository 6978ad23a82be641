"""User's columns into the canonical ones, batch by batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from choirmaster.schema import (
    Layout,
    Output,
    Schema,
    SeriesColumns,
    SeriesSpec,
    Task,
    class_column,
    feature_column,
    probability_column,
    quantile_column,
    series_prefix,
    tag_column,
    value_column,
)
from choirmaster.sources.convert import (
    as_finite,
    as_identity,
    as_number,
    as_probability,
    as_text,
    decoded,
    from_logit,
)
from choirmaster.sources.faults import Faults
from choirmaster.sources.label_sets import as_label_set, label_columns
from choirmaster.sources.time_text import as_utc
from choirmaster.values import FUSED

_Make = Callable[[pa.RecordBatch], pa.Array]


class Canonical:
    """Turns record batches of a file or frame into canonical ones; safe to call from several threads.

    Parameters
    ----------
    schema, layout : Schema, Layout
    arrow : pyarrow.Schema
        The columns there are; canonical columns whose source is absent are absent, and named in ``missing``.
    time_form : str
        From ``resolve``.
    faults : Faults, optional
        Where what does not fit is counted.

    Attributes
    ----------
    columns : tuple of str
        The user's columns that are read.
    schema : pyarrow.Schema
        The canonical columns that come out, a subset of ``layout.arrow(label=True)`` in its order.
    missing : tuple of str
        Declared columns that are not there.
    """

    def __init__(
        self, schema: Schema, layout: Layout, arrow: pa.Schema, *, time_form: str = "", faults: Faults | None = None
    ) -> None:
        self.declared, self.layout, self.faults = schema, layout, faults or Faults()
        self.time_form = time_form
        self._names = {name: index for index, name in enumerate(arrow.names)}
        self._sources: list[str] = []
        self._missing: list[str] = []
        makers = self._makers()
        kinds = layout.arrow(label=True)
        self._makers_in_order = [makers[one.name] for one in kinds if one.name in makers]
        self.schema = pa.schema([one for one in kinds if one.name in makers])
        self.columns = tuple(dict.fromkeys(self._sources))
        self.missing = tuple(dict.fromkeys(self._missing))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the canonical batch."""
        arrays = [make(batch) for make in self._makers_in_order]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def table(self, table: pa.Table) -> pa.Table:
        """Return a whole table in canonical form."""
        batches = [self(batch) for batch in table.select(self.columns).to_batches()]
        return pa.Table.from_batches(batches, schema=self.schema)

    def times(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """Return the times of a batch that has the declared column, in microseconds UTC; the least int64 where null."""
        column = self._time(batch.column(self.declared.time or "")).cast(pa.int64())
        found: NDArray[np.int64] = column.fill_null(np.iinfo(np.int64).min).to_numpy(zero_copy_only=False)
        return found

    def _has(self, name: str) -> bool:
        known = name in self._names
        (self._sources if known else self._missing).append(name)
        return known

    def _makers(self) -> dict[str, _Make]:
        one, layout = self.declared, self.layout
        makers: dict[str, _Make] = {}
        if one.id and self._has(one.id):
            makers["id"] = self._via(one.id, as_identity)
        if one.time and self._has(one.time):
            makers["time"] = self._via(one.time, self._time)
        for name in layout.numeric:
            if self._has(name):
                makers[feature_column(name)] = self._number(name)
        for name in layout.categorical:
            if self._has(name):
                makers[feature_column(name)] = self._text(name)
        for name in layout.tags:
            if self._has(name):
                makers[tag_column(name)] = self._text(name)
        for series in layout.series:
            declared = one.fused if series.name == FUSED else one.members.get(series.name)
            if declared is not None:
                makers |= self._outputs(series, declared)
                if declared.version and series.name != FUSED and self._has(declared.version):
                    makers[f"{series_prefix(series.name)}.version"] = self._text(declared.version)
        if one.value and self._has(one.value):
            makers["value"] = self._number(one.value)
        if one.label and self._has(one.label):
            makers["label"] = self._label(one.label)
        there = [self._has(column) for column in one.labels.values()]  # each is asked, so that all are named
        if there and all(there):
            makers["label"] = lambda batch: label_columns(batch, one.labels, self.faults)
        return makers

    def _via(self, name: str, convert: Callable[[pa.Array], pa.Array]) -> _Make:
        return lambda batch: convert(batch.column(name))

    def _number(self, name: str) -> _Make:
        return self._via(name, lambda column: as_number(column, name=name, faults=self.faults))

    def _finite(self, name: str) -> _Make:
        return self._via(name, lambda column: as_finite(column, name=name, faults=self.faults))

    def _text(self, name: str, known: tuple[str, ...] = ()) -> _Make:
        return self._via(name, lambda column: as_text(column, name=name, faults=self.faults, known=known))

    def _label(self, name: str) -> _Make:
        known = self.layout.classes
        if self.layout.task is Task.MULTILABEL:
            return self._via(name, lambda column: as_label_set(column, known, name=name, faults=self.faults))
        return self._text(name, known) if self.layout.task.classifies else self._finite(name)

    def _time(self, column: pa.Array) -> pa.Array:
        name = self.declared.time or ""
        return as_utc(decoded(column), self.time_form, self.declared.timezone, name=name, faults=self.faults)

    # -- answers ----------------------------------------------------------------------------------------------
    def _outputs(self, series: SeriesSpec, declared: SeriesColumns) -> dict[str, _Make]:
        columns = declared.columns
        if declared.output is Output.CLASS:
            name = columns[""]
            return {class_column(series.name): self._text(name, self.layout.classes)} if self._has(name) else {}
        if self.layout.task is Task.QUANTILE:
            return {quantile_column(series.name, one): self._finite(columns[one])
                    for one in self.layout.levels if one in columns and self._has(columns[one])}  # fmt: skip
        if not self.layout.task.has_classes:
            name = columns[""]
            return {value_column(series.name): self._finite(name)} if self._has(name) else {}
        if self.layout.task is Task.BINARY:
            make = self._binary(declared)
            return {probability_column(series.name, self.layout.positive): make} if make else {}
        return {
            probability_column(series.name, one): self._probability(columns[one], declared.output)
            for one in self.layout.classes
            if one in columns and self._has(columns[one])
        }

    def _probability(self, name: str, output: Output) -> _Make:
        convert = from_logit if output is Output.LOGIT else as_probability
        return self._via(name, lambda column: convert(column, name=name, faults=self.faults))

    def _binary(self, declared: SeriesColumns) -> _Make | None:
        """Return the positive class's column; where only the other class has one, its complement."""
        columns = declared.columns
        name = columns.get("", columns.get(self.layout.positive))
        if name is not None:
            return self._probability(name, declared.output) if self._has(name) else None
        other = next((columns[one] for one in self.layout.classes if one in columns), None)
        if other is None or not self._has(other):
            return None
        make = self._probability(other, declared.output)
        return lambda batch: pc.subtract(1.0, make(batch))


def sort_by_time(table: pa.Table) -> pa.Table:
    """Return canonical rows ordered by (time, id), as windows by row number need them (D3)."""
    keys = [(name, "ascending") for name in ("time", "id") if name in table.column_names]
    if not keys:
        return table
    return table.take(pc.sort_indices(table.select([name for name, _ in keys]), sort_keys=keys))


def row_numbers(count: int, start: int = 0) -> pa.Array:
    """Return ids of rows that have none: their number, as text.

    >>> row_numbers(2, 5).to_pylist()
    ['5', '6']
    """
    return pa.array(np.arange(start, start + count)).cast(pa.string())
