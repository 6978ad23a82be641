"""The fused answer of rows whose members answered already, for frames and files that have no fused column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster import fusion
from choirmaster.engines import columns as col
from choirmaster.errors import SchemaError
from choirmaster.fusion.base import Indices
from choirmaster.layout import Layout, Output, SeriesSpec, Task
from choirmaster.states.base import Floats
from choirmaster.values import FUSED


class Fuser:
    """Adds the fused columns to canonical batches.

    Parameters
    ----------
    layout : Layout
    document : mapping
        What ``choirmaster.fusion.prepare`` reads: the rule with its parameters.
    weights : mapping
        Weight by member; a member that is not named weighs 1.
    """

    def __init__(self, layout: Layout, document: Mapping[str, Any], weights: Mapping[str, float]) -> None:
        self.layout = layout
        self._fusion = fusion.prepare(
            document, task=str(layout.task), members=[one.name for one in layout.members], classes=layout.classes,
            positive=layout.positive,
        )  # fmt: skip
        self._weights = np.array([_weight(one.name, weights.get(one.name, 1.0)) for one in layout.members])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the fused answer; null where no member answered."""
        outputs = np.stack([self._outputs(batch, one) for one in self.layout.members], axis=1)
        finite = np.isfinite(outputs)
        present = np.asarray(finite.all(axis=2) if outputs.ndim == 3 else finite, dtype=np.bool_)
        spec = next(one for one in self.layout.series if one.name == FUSED)
        names = self.layout.output_columns(spec)
        answer = self._fusion.fuse(outputs, present, self._weights)
        if spec.output is Output.CLASS and answer.choice is not None:
            return batch.append_column(names[0], self._named(answer.choice))
        fused = answer.output
        return _appended(batch, names, [fused] if fused.ndim == 1 else self._shown(fused))

    def table(self, table: pa.Table) -> pa.Table:
        """Return a whole table with the fused answer."""
        whole = table.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]
        return pa.Table.from_batches([self(batch) for batch in whole])

    def _named(self, choice: Indices) -> pa.Array:
        """Return class names; null where nobody answered."""
        codes = pa.array(choice, pa.int32(), mask=choice < 0)
        return pa.DictionaryArray.from_arrays(codes, pa.array(self.layout.classes, pa.string()))

    def _shown(self, fused: Floats) -> list[Floats]:
        if self.layout.task is Task.BINARY:
            return [fused[:, self.layout.classes.index(self.layout.positive)]]
        return [fused[:, k] for k in range(fused.shape[1])]

    def _outputs(self, batch: pa.RecordBatch, one: SeriesSpec) -> Floats:
        """Return (n, classes) probabilities in class order, or (n,) numbers."""
        layout, k = self.layout, len(self.layout.classes)
        if one.output is Output.CLASS:
            codes = col.codes(batch, layout.output_columns(one)[0], layout.classes, unseen=k, missing=k)
            votes = np.vstack([np.eye(k), np.full((1, k), np.nan)])
            return votes[codes]
        numbers = col.answers(batch, layout, one)
        if layout.task is not Task.BINARY:
            return numbers[:, 0] if layout.task is Task.REGRESSION else numbers
        out = np.empty((len(numbers), 2))
        positive = layout.classes.index(layout.positive)
        out[:, positive], out[:, 1 - positive] = numbers[:, 0], 1.0 - numbers[:, 0]
        return out


def _weight(member: str, weight: object) -> float:
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise SchemaError(
            "cannot read a weight", where=f"$.weights.{member}", expected="a number", got=repr(weight)[:80]
        )
    return float(weight)


def _appended(batch: pa.RecordBatch, names: Sequence[str], columns: Iterable[Floats]) -> pa.RecordBatch:
    for name, numbers in zip(names, columns, strict=True):
        batch = batch.append_column(name, pa.array(numbers, pa.float64(), from_pandas=True))
    return batch
