"""Rows as they are stored into the canonical rows that engines count, fused answer included."""

from __future__ import annotations

import pyarrow as pa

from choirmaster.app.fusing import Fuser
from choirmaster.layout import Layout
from choirmaster.schema import Schema
from choirmaster.sources.canonical import Canonical
from choirmaster.sources.faults import Faults


class Reader:
    """Turns batches of one source into canonical ones.

    It is made from plain data alone, so the same reader can be made on another machine.

    Parameters
    ----------
    schema, layout : Schema, Layout
    arrow : pyarrow.Schema
        The columns there are, as they are stored.
    form : str
        How times are written, from ``resolve``.
    faults : Faults
        Where what does not fit is counted.
    """

    def __init__(self, schema: Schema, layout: Layout, arrow: pa.Schema, form: str, faults: Faults) -> None:
        self.schema, self.layout, self.arrow, self.form, self.faults = schema, layout, arrow, form, faults
        self.canonical = Canonical(schema, layout, arrow, time_form=form, faults=faults)
        missing = schema.fused is None and schema.fusion is not None
        self.fuser = (
            Fuser(layout, {"rule": schema.fusion, **schema.fusion_parameters}, schema.weights)
            if missing and schema.fusion
            else None
        )

    def batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the canonical batch."""
        out = self.canonical(batch)
        return self.fuser(out) if self.fuser else out

    def table(self, table: pa.Table) -> pa.Table:
        """Return a whole table in canonical form."""
        batches = [self.batch(one) for one in table.select(self.canonical.columns).to_batches()]
        if not batches:
            empty = pa.RecordBatch.from_pylist([], schema=table.select(self.canonical.columns).schema)
            batches = [self.batch(empty)]
        return pa.Table.from_batches(batches)
