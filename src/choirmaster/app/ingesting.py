"""``choirmaster ingest``: events of a file through the journal into the store."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from choirmaster.app.rows import open_rows
from choirmaster.errors import ConfigError, SchemaError
from choirmaster.schema import Schema
from choirmaster.sources.canonical import Canonical
from choirmaster.sources.resolve import resolve

if TYPE_CHECKING:
    from choirmaster.app.installation import Installation

KINDS = ("predictions", "labels")
_OF_RECORDS = {"features", "members"}  # a file that has one of these holds records as ``/api/ingest/predictions`` takes
_NESTED = {*_OF_RECORDS, "fused", "tags", "status", "latency_us", "versions"}


def ingest_file(
    site: Installation, data: str, ensemble: str, kind: str, schema: Schema | None, progress: Callable[..., None]
) -> dict[str, Any]:
    """Append every row of a file to the journal, drain, and return the counts of what became of them."""
    if kind not in KINDS:
        raise ConfigError("unknown kind of events", where="--kind", got=f'"{kind}"', allowed=KINDS)
    name = ensemble or (next(iter(site.layouts)) if len(site.layouts) == 1 else "")
    if name not in site.layouts:
        raise ConfigError("unknown ensemble", where="--ensemble", got=f'"{ensemble}"', allowed=site.layouts)
    rows, service = open_rows(data), site.ingest(settle=True)
    convert = _canonical(rows, site, name, schema) if kind == "predictions" and schema is not None else None
    columns = convert.columns if convert else rows.arrow.names
    records = convert is None and kind == "predictions" and not _OF_RECORDS.isdisjoint(columns)
    totals: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    done = 0
    for split in rows.splits(columns):
        for batch in split():
            body = _lines(batch) if records else _ipc(convert(batch) if convert else _whole_revisions(batch))
            take = service.predictions if kind == "predictions" else service.labels
            answer = take(body, content_type="ndjson" if records else "arrow", ensemble=name)
            totals.update({one: answer.get(one, 0) for one in ("accepted", "duplicate", "conflicting", "refused")})
            reasons.update(answer.get("reasons", {}))
            done += batch.num_rows
            progress("ingest", done, 0, "rows")
    return {**totals, "reasons": dict(reasons), "rows": done}


def _canonical(rows: Any, site: Installation, name: str, schema: Schema) -> Canonical:
    layout = site.layouts[name]
    form = resolve(schema, rows.arrow, rows.sample(), layout=layout).time_form
    out = Canonical(schema, layout, rows.arrow, time_form=form)
    if out.missing:
        raise SchemaError("columns are missing", where=rows.name, got=", ".join(out.missing), allowed=rows.arrow.names)
    return out


def _lines(batch: pa.RecordBatch) -> bytes:
    """Return rows as the records that they were before a reader of tables read them."""
    rows = (
        {name: _given(name, value) for name, value in row.items() if value is not None} for row in batch.to_pylist()
    )
    return b"\n".join(map(msgspec.json.encode, rows))


def _given(name: str, value: Any) -> Any:
    """Return a value as it stood in its line: objects are read as text, and all numbers as float64."""
    if isinstance(value, str) and name in _NESTED and value.startswith(("{", "[")):
        return msgspec.json.decode(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _whole_revisions(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Files have numbers, revisions are whole ones: 1.0 is 1; what is no whole number is refused row by row."""
    place = batch.schema.get_field_index("revision")
    if place < 0 or not pa.types.is_floating(batch.schema.field(place).type):
        return batch
    try:
        whole = batch.column(place).cast(pa.int64())
    except pa.ArrowInvalid:
        return batch
    return batch.set_column(place, "revision", whole)


def _ipc(batch: pa.RecordBatch) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, batch.schema) as writer:
        writer.write_batch(batch)
    return out.getvalue()
