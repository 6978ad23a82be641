"""The canonical prediction batch of an answer (D1): what is kept of every request."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.layout import (
    TEXT,
    TIMESTAMP,
    Layout,
    Output,
    SeriesSpec,
    Status,
    Task,
    class_column,
    feature_column,
    series_prefix,
    tag_column,
)
from choirmaster.records import Batch, EventKind
from choirmaster.serve.answer import FALLBACK_VERSION, Answer, MemberCall
from choirmaster.serve.outputs import Floats, Mask
from choirmaster.serve.request import PredictRequest
from choirmaster.values import FUSED

FIRST_OF_CALL, OTHER_OF_CALL = 1, 0
_CODE = {one: code for code, one in enumerate(Status)}


@cache
def _statuses() -> pa.Array:
    """Return the dictionary of statuses; made late, since the first ``pa.array`` loads pandas where it is installed."""
    return pa.array([str(one) for one in Status])


class RecordWriter:
    """Writes the batches of one layout: exactly the columns of ``layout.arrow()``, whose names are worked out once."""

    def __init__(self, layout: Layout) -> None:
        self._layout, self._schema = layout, layout.arrow()
        self._names = self._schema.names
        self._given, self._features = list(layout.features), [feature_column(name) for name in layout.features]
        self._series = [(series, layout.output_columns(series)) for series in layout.series]
        self._tags = [(tag, tag_column(tag)) for tag in layout.tags]

    def batch(self, request: PredictRequest, answer: Answer, times: Any) -> Batch:
        """Return the record of one request; ``times`` are microseconds UTC, one a row."""
        rows = answer.rows
        columns: dict[str, pa.Array] = {
            "id": pa.array(answer.ids, pa.string()),
            "time": pa.array(np.asarray(times, dtype=np.int64), pa.int64()).cast(TIMESTAMP),
            "split": _same("live", rows),
            "weight_version": _weight_versions(answer),
            "call": pa.array([FIRST_OF_CALL] + [OTHER_OF_CALL] * (rows - 1) if rows else [], pa.int8()),
        }
        features = request.features
        if features.column_names != self._given:
            features = features.select(self._given)
        for column, values in zip(self._features, features.itercolumns(), strict=True):
            columns[column] = _one(values)
        calls = {call.name: call for call in answer.calls}
        for series, names in self._series:
            if series.name == FUSED:
                columns |= self._outputs(series, names, answer.output, answer.answered, answer.choice)
            else:
                columns |= self._member(series, names, calls[series.name])
        for tag, column in self._tags:
            columns[column] = pa.array(request.tags.get(tag) or [None] * rows, TEXT)
        if self._layout.value:
            given = request.value if request.value is not None else [None] * rows
            columns["value"] = pa.array(given, pa.float64(), from_pandas=True)
        arrays = [columns[name] for name in self._names]
        return Batch(EventKind.PREDICTION, answer.ensemble, pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def _member(self, series: SeriesSpec, names: tuple[str, ...], call: MemberCall) -> dict[str, pa.Array]:
        rows, prefix = len(call.usable), series_prefix(call.name)
        choice = None
        if series.output is Output.CLASS:
            choice = np.where(call.usable, np.nan_to_num(call.output).argmax(axis=1), -1)
        columns = self._outputs(series, names, call.output, call.usable, choice)
        columns[f"{prefix}.status"] = _status(call)
        latency = pa.nulls(rows, pa.int64()) if call.latency_us is None else pa.array(np.full(rows, call.latency_us))
        columns[f"{prefix}.latency_us"] = latency
        columns[f"{prefix}.version"] = _same(call.version, rows)
        return columns

    def _outputs(
        self, series: SeriesSpec, names: tuple[str, ...], output: Floats, usable: Mask, choice: Any
    ) -> dict[str, pa.Array]:
        layout = self._layout
        if names == (class_column(series.name),):
            words = [layout.classes[one] if one >= 0 else None for one in choice.tolist()]
            return {names[0]: pa.array(words, TEXT)}
        if output.ndim == 1:
            return {names[0]: _floats(output, usable)}
        shown = (layout.positive,) if layout.task is Task.BINARY else layout.classes
        return {name: _floats(output[:, layout.classes.index(one)], usable)
                for name, one in zip(names, shown, strict=True)}  # fmt: skip


def _weight_versions(answer: Answer) -> pa.Array:
    if not answer.fallback.any():
        return pa.array([answer.weight_version] * answer.rows, pa.string())
    stood_in = f"{FALLBACK_VERSION}{answer.weight_version}"
    return pa.array([stood_in if one else answer.weight_version for one in answer.fallback.tolist()], pa.string())


def _one(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return whole if isinstance(whole, pa.Array) else whole.chunk(0)


def _status(call: MemberCall) -> pa.Array:
    rows = len(call.usable)
    codes = np.full(rows, _CODE[call.status], dtype=np.int32)
    if call.status is Status.OK:
        codes[~call.usable] = _CODE[Status.INVALID]
    if call.chosen is not None:
        codes[~call.chosen] = _CODE[Status.ABSENT]
    return pa.DictionaryArray.from_arrays(pa.array(codes), _statuses())


def _same(text: str, rows: int) -> pa.Array:
    return _few(text, rows) if rows <= FEW else _filled(text, rows)


def _filled(text: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), pa.array([text]))


FEW = 64  # rows of a request that is worth remembering
_few = lru_cache(maxsize=512)(_filled)


def _floats(numbers: Floats, usable: Mask) -> pa.Array:
    return pa.array(np.ascontiguousarray(numbers), pa.float64(), mask=~usable)
