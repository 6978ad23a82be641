"""Rows of any kind, a reference and a schema become counted states: what measuring and profiling have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.app.arrival import UNORDERED, Arrivals
from choirmaster.app.choosing import Automatic
from choirmaster.app.on_spark import chosen, open_reference, refuse_ordered
from choirmaster.app.reading import Reader
from choirmaster.app.rows import Rows, Split, open_rows
from choirmaster.engines import columns as col
from choirmaster.engines.local import Scan, scan
from choirmaster.engines.reference import build_reference
from choirmaster.errors import DataError, SchemaError
from choirmaster.guess import guess_schema
from choirmaster.layout import Layout
from choirmaster.plan import Plan, plan_for
from choirmaster.schema import Schema
from choirmaster.sources.canonical import sort_by_time
from choirmaster.sources.convert import as_text, is_number, is_text
from choirmaster.sources.faults import Faults
from choirmaster.sources.resolve import resolve
from choirmaster.states.reference import Reference
from choirmaster.times import Grain, parse_duration, parse_grain

MAX_REFERENCE_ROWS = 1_000_000
FIRST_ROWS = 100_000  # from which bins come where there is no reference
AUTO = "auto"
Progress = Callable[[str, float, float, str], None]


def silent(stage: str, done: float, total: float, text: str = "") -> None:
    """Show nothing."""


@dataclass
class Gathered:
    """Rows counted once.

    Attributes
    ----------
    found : Scan
        States by window and segment.
    plan : Plan
    reference : Reference
    schema : Schema
        As declared or guessed.
    notes : list of str
        What was guessed, skipped or counted on the way.
    kind, name : str
        The kind of frame, or ``files``; what to call it.
    table, past : pyarrow.Table or None
        Canonical rows in memory of both sides, where they are.
    automatic : Automatic
        What chooses metrics and windows.
    """

    found: Scan
    plan: Plan
    reference: Reference
    schema: Schema
    notes: list[str]
    kind: str
    name: str
    table: pa.Table | None = None
    past: pa.Table | None = None
    automatic: Automatic | None = None


def gather(
    current: Any,
    *,
    reference: Any = None,
    schema: Schema | None = None,
    window: str | int | None = AUTO,
    own_bins: bool = False,
    now: int | None = None,
    row_scores: bool = False,
    engine: Any = "local",
    progress: Progress = silent,
    automatic: Automatic | None = None,
) -> Gathered:
    """Count every window and segment of ``current`` over the bins of ``reference``.

    A :class:`Reference` fixes schema columns and bins as it stands; with the clock ``now`` rows are looked at for how
    they arrived, which depends on their order; with ``row_scores`` the reference holds a model of all features; all
    else is as for :func:`choirmaster.monitor`.
    """
    progress("open", 0, 1, "")
    elsewhere = chosen(engine, current)
    if elsewhere is not None:
        refuse_ordered(window, reference)
    rows = open_rows(current) if elsewhere is None else elsewhere.open(current)
    notes: list[str] = []
    if schema is None:
        schema = guess_schema(rows.sample())
        notes += [f"guessed {note}" for note in schema.notes]
    if not schema.members:
        raise SchemaError("there is nothing to measure", where="schema", expected="members or a prediction",
                          fix='say members={"name": "column"} or prediction="column"')  # fmt: skip
    fixed = reference if isinstance(reference, Reference) else None
    past = None if fixed or reference is None or _is_share(reference) else open_reference(reference, elsewhere)
    resolved = resolve(schema, _types(rows.arrow, past), rows.sample(), classes=_classes(schema, past),
                       layout=fixed.layout if fixed else None)  # fmt: skip
    layout = resolved.layout
    notes += resolved.notes
    grain = _grain(window, schema, notes if automatic is None else [])
    faults = Faults()
    reader = Reader(schema, layout, rows.arrow, resolved.time_form, faults)
    if reader.canonical.missing:
        raise SchemaError("columns are missing", where=rows.name, got=", ".join(reader.canonical.missing))
    progress("reference", 0, 1, "")
    arrivals = None if now is None or elsewhere is not None else Arrivals(reader, rows, now)
    whole = arrivals.table if arrivals is not None else lambda: reader.table(rows.whole())
    table = None if rows.table is None else whole()
    if fixed is not None:
        kept, past_table, built = None, None, fixed
    else:
        table, past_table, source = _sides(table, whole, past, reference, schema, layout, faults, notes)
        kept = past_table if past_table is not None else table
        if kept is None:  # bins from the first rows; what is wrong in them is counted when they are measured
            kept = Reader(schema, layout, rows.arrow, resolved.time_form, Faults()).table(rows.sample(FIRST_ROWS))
        built = build_reference(
            kept, layout, cutoff=schema.cutoff, source=source, comparable=past_table is not None, exact=own_bins,
            row_scores=row_scores,
        )  # fmt: skip
        if past_table is None:
            notes.append('drift: no reference; say reference="first 30%" or reference="train.csv" to compare')
    if automatic is not None:
        grain = automatic.look(kept, built, grain)
    del kept
    plan = plan_for(built, grain, calls=False, intake=True)
    plan = plan if arrivals is None else arrivals.plan(plan)
    if isinstance(grain, int):
        table = sort_by_time(table if table is not None else whole())
    if table is None:
        past_table = None  # only rows in memory are compared one by one
    pa.default_memory_pool().release_unused()  # what reading the reference took is free for the scan
    if elsewhere is None:
        found = _scan(reader, rows, table, arrivals, plan, progress, notes)
    else:
        found, plan = elsewhere.scan(rows, reader, built, grain, now)
        notes += [UNORDERED] if now is not None and (schema.id or schema.time) else []
    if not found.rows:
        notes.append(f"rows: there is none to measure in {rows.name}")
    if found.untimed:
        notes.append(f"time: {found.untimed} rows have no readable time and lie in no window")
    notes += faults.lines() + (rows.files.faults.lines() if rows.files is not None else [])
    return Gathered(found, plan, built, schema, notes, rows.kind, rows.name, table, past_table, automatic)


def _scan(
    reader: Reader, rows: Rows, table: pa.Table | None, arrivals: Arrivals | None, plan: Plan, progress: Progress,
    notes: list[str],
) -> Scan:  # fmt: skip
    """Count the rows in memory, where they are, else those of the source."""
    tell = lambda done: progress("measure", done, 0, "rows")  # noqa: E731 - one line says it all
    if table is not None:
        return scan(Rows(table.schema, rows.kind, rows.name, table).splits(table.schema.names), plan, progress=tell)
    if arrivals is None:
        return scan([_through(reader, one) for one in rows.splits(reader.canonical.columns)], plan, progress=tell)
    found = scan(arrivals.splits(), plan, progress=tell, seen=arrivals.seen)
    notes += filter(None, [arrivals.finish(found, plan)])
    return found


def _through(reader: Reader, split: Split) -> Split:
    def read() -> Iterator[pa.RecordBatch]:
        for batch in split():
            yield reader.batch(batch)

    return read


def _grain(window: str | int | None, schema: Schema, notes: list[str]) -> Grain | int | None:
    if window is None or (window == AUTO and schema.time is None):
        return None
    if isinstance(window, bool) or not isinstance(window, int | str):
        raise SchemaError("cannot read a window", where="window", got=repr(window)[:80],
                          expected='a length such as "1d", a number of rows, or None')  # fmt: skip
    if isinstance(window, int):
        if window <= 0:
            raise SchemaError("a window of rows must be positive", where="window", got=str(window))
        return window
    if schema.time is None:
        raise SchemaError("windows of time need a time column", where="window", got=f'"{window}"',
                          fix='say time="<column>", or window=None for all in one, or a number of rows')  # fmt: skip
    if window == AUTO:
        notes.append("window: 1d, because there is a time column")
    return parse_grain("1d" if window == AUTO else window, zone=schema.timezone, where="window")


def _classes(schema: Schema, past: Rows | None) -> list[str]:
    """Return label classes of a reference, so that a class the current rows lack is known too."""
    if past is None or schema.label is None or not schema.task.classifies or schema.label not in past.arrow.names:
        return []
    column = past.sample().column(schema.label).combine_chunks()
    texts = as_text(column, name=schema.label, faults=Faults()).dictionary_decode()
    return sorted(set(texts.unique().drop_null().to_pylist()))


def _types(arrow: pa.Schema, past: Rows | None) -> pa.Schema:
    """Return the columns with the types of the reference where that has them as numbers or texts.

    So a feature that arrives empty or broken is still the feature it was, and is counted as missing.
    """
    if past is None:
        return arrow
    known = {one.name: one for one in past.arrow if is_number(one.type) or is_text(one.type)}
    return pa.schema([known.get(one.name, one) for one in arrow])


def _is_share(reference: Any) -> bool:
    return isinstance(reference, str) and reference.strip().startswith("first ")


def _sides(
    table: pa.Table | None, whole: Callable[[], pa.Table], past: Rows | None, reference: Any,
    schema: Schema, layout: Layout, faults: Faults, notes: list[str],
) -> tuple[pa.Table | None, pa.Table | None, str]:  # fmt: skip
    """Return the current rows where they are in memory, the reference rows, and the reference's name."""
    if past is not None:
        form = resolve(schema, past.arrow, past.sample(), layout=layout).time_form
        other = Reader(schema, layout, past.arrow, form, faults)
        if other.canonical.missing:
            notes.append(f"reference: lacks {', '.join(other.canonical.missing)}; nothing of these is compared")
        kept = other.table(past.head(MAX_REFERENCE_ROWS))
        return table, kept, past.name
    if reference is None:
        return table, None, ""
    table = table if table is not None else whole()
    first = _first(str(reference), table)
    ordered = sort_by_time(table)
    notes.append(f"reference: the {reference} ({first} of {table.num_rows} rows); measured are the others")
    return ordered.slice(first), ordered.slice(0, first), f"the {reference}"


def _first(reference: str, table: pa.Table) -> int:
    """Return how many rows ``first 30%`` or ``first 14d`` means, rows in order of time."""
    text = reference.strip().removeprefix("first ").strip()
    if text.endswith("%"):
        try:
            share = float(text[:-1]) / 100
        except ValueError:
            share = 0.0
        if not 0.0 < share < 1.0:
            raise DataError("cannot read a reference", where="reference", got=f'"{reference}"', expected='"first 30%"')
        return max(1, int(share * table.num_rows))
    if "time" not in table.schema.names:
        raise DataError("a reference by duration needs a time column", where="reference", got=f'"{reference}"')
    span = parse_duration(text, where="reference")
    times = np.sort(np.concatenate([col.micros(one) for one in table.select(["time"]).to_batches()]))
    known = times[times > np.iinfo(np.int64).min]
    return int(np.searchsorted(known, known[0] + span)) if len(known) else 0
