"""What can be told of how rows arrived: repeated ids, times that cannot be, cells of another type.

Whether a time lies after the clock, and whether a cell is of its column's type, is said by the row alone, so any shard
of the rows says it. Whether an id came before, and whether a time goes back, is said by the rows before: within one
file or frame for times, over all of them for ids. Where rows have no order neither is looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pyarrow as pa

from choirmaster.app.reading import Reader
from choirmaster.app.rows import Rows, Split
from choirmaster.engines import columns as col
from choirmaster.engines.local import Scan
from choirmaster.engines.repeats import PLACE_BITS, Repeats
from choirmaster.engines.windowing import NO_TIME, Assigned
from choirmaster.layout import Layout
from choirmaster.plan import Plan
from choirmaster.schema import arrival_column, feature_column
from choirmaster.sources.convert import decoded, is_number
from choirmaster.sources.faults import Faults, bad_cells, cell_column
from choirmaster.states.base import Ints
from choirmaster.states.intake import CELLS, INTAKE, Intake
from choirmaster.states.keys import ENSEMBLE, StateKey

PLACE = arrival_column("place")
ROWS = StateKey(ENSEMBLE, "intake/1")
UNORDERED = ("arrival: repeated ids and times going backwards are not looked at, because Spark keeps no order of all "
             "rows")  # fmt: skip


def arriving(plan: Plan, now: int, features: Iterable[str]) -> Plan:
    """Return the plan that also looks at how fresh rows are, and at the cells of these features."""
    cells = {StateKey("", "intake/1", one): CELLS for one in features}
    return replace(plan, now=now, parts={**plan.parts, **cells})


def mixed(layout: Layout, arrow: pa.Schema, *, texts: bool = False) -> list[str]:
    """Return the numeric features whose cells may be no numbers: those that are not stored as such.

    Parameters
    ----------
    texts : bool
        Whether every cell is a text where it is stored, as in CSV.
    """
    there = [name for name in layout.numeric if name in arrow.names]
    return [name for name in there if texts or not _typed(arrow.field(name).type)]


def _typed(kind: pa.DataType) -> bool:
    return is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)


def marked(reader: Reader, raw: pa.RecordBatch, now: int) -> pa.RecordBatch:
    """Return canonical rows with what each row says of itself: a time after the clock, cells that are no numbers."""
    out = reader.batch(raw)
    if "time" in out.schema.names:
        times = col.micros(out)
        out = out.append_column(arrival_column("future"), pa.array(times > now, mask=times == NO_TIME))
    for name in reader.layout.numeric:
        flags = _cells(name, raw, out)
        if flags is not None:
            out = out.append_column(arrival_column("mistyped", name), flags)
    return out


def _cells(name: str, raw: pa.RecordBatch, out: pa.RecordBatch) -> pa.Array | None:
    if cell_column(name) in raw.schema.names:
        return raw.column(cell_column(name))
    if name not in raw.schema.names or _typed(raw.schema.field(name).type):
        return None
    return bad_cells(decoded(raw.column(name)), out.column(feature_column(name)))


class Arrivals:
    """Rows of one source on their way to be counted, each with what is wrong with how it came.

    Parameters
    ----------
    reader : Reader
    rows : Rows
    now : int
        The clock, in microseconds UTC.
    """

    def __init__(self, reader: Reader, rows: Rows, now: int) -> None:
        self.reader, self.rows, self.now = reader, rows, now
        self.features = mixed(reader.layout, reader.arrow, texts=rows.files is not None and rows.files.holds_texts)
        self._repeats = Repeats() if "id" in reader.canonical.schema.names else None

    def plan(self, plan: Plan) -> Plan:
        """Return the plan that counts what is marked here."""
        return arriving(plan, self.now, self.features)

    def splits(self) -> list[Split]:
        """Return canonical rows in pieces that threads can read; ids are compared by :meth:`seen`."""
        before = self._latest_before()
        return [_of_split(self, split, at << PLACE_BITS, before[at]) for at, split in enumerate(self._found())]

    def table(self) -> pa.Table:
        """Return all rows in memory, repeated ids marked."""
        batches, latest, files = [], NO_TIME, self.rows.files_of_splits()
        for at, split in enumerate(self._found()):
            latest = NO_TIME if at and files[at] != files[at - 1] else latest
            for raw in split():
                batch, latest = self.marked(raw, latest)
                batches.append(batch)
        if not batches:
            batches = [self.marked(pa.RecordBatch.from_pylist([], schema=self.rows.arrow), NO_TIME)[0]]
        table = _joined(batches)
        return table.append_column(arrival_column("repeated"), repeated(table["id"])) if self._repeats else table

    def _found(self) -> list[Split]:
        columns = self.reader.canonical.columns
        if self.rows.table is not None:
            whole = self.rows.table.select(list(columns))
            return [lambda: iter(whole.to_batches())]
        return self.rows.splits(columns, self.features)

    def marked(self, raw: pa.RecordBatch, latest: int) -> tuple[pa.RecordBatch, int]:
        """Return canonical rows with what they and those before them say, and the latest time so far."""
        out = marked(self.reader, raw, self.now)
        if "time" not in out.schema.names:
            return out, latest
        times = col.micros(out)
        going = np.maximum.accumulate(np.concatenate([[latest], times]))
        back = pa.array(times < going[1:], mask=times == NO_TIME)
        return out.append_column(arrival_column("backwards"), back), int(going[-1])

    def _latest_before(self) -> list[int]:
        """Return for each split the latest time in the splits of the same file before it.

        A Parquet file's row groups are read side by side, so their times are read once more before all else.
        """
        name, names = self.reader.schema.time, self.rows.files_of_splits()
        if name is None or name not in self.reader.arrow.names or len(set(names)) == len(names):
            return [NO_TIME] * len(names)
        quiet = Reader(self.reader.schema, self.reader.layout, self.reader.arrow, self.reader.form, Faults())

        def latest(split: Split) -> int:
            return max((int(quiet.canonical.times(one).max(initial=NO_TIME)) for one in split()), default=NO_TIME)

        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            found = list(pool.map(latest, self.rows.splits([name])))
        out, going = [], NO_TIME
        for at, one in enumerate(found):
            going = NO_TIME if at and names[at] != names[at - 1] else going
            out.append(going)
            going = max(going, one)
        return out

    def seen(self, batch: pa.RecordBatch, assigned: Assigned) -> None:
        """Remember the ids of a batch that comes in a split."""
        if self._repeats is not None:
            places: Ints = batch.column(PLACE).to_numpy()
            self._repeats.add(batch.column("id"), places, assigned.windows, assigned.index)

    def finish(self, found: Scan, plan: Plan) -> str:
        """Add the repeated ids to what was counted; returns a note where not all of them were looked at."""
        if self._repeats is None:
            return ""
        for window, (new, again) in self._repeats.counts().items():
            state = Intake.zero(INTAKE)
            state.note("repeated", new, again)
            found.add(plan, (window, ""), {ROWS: state})
        share = 1 << self._repeats.bits
        return "" if share == 1 else (f"id: there are more ids than are kept at once ({self._repeats.at_most:,}), so "
                                      f"duplicate_id_rate is that of 1 id in {share}")  # fmt: skip


def _of_split(arrivals: Arrivals, split: Split, place: int, before: int) -> Split:
    def read() -> Iterator[pa.RecordBatch]:
        at, latest = place, before
        for raw in split():
            batch, latest = arrivals.marked(raw, latest)
            yield batch.append_column(PLACE, pa.array(np.arange(at, at + batch.num_rows)))
            at += batch.num_rows

    return read


def _joined(batches: list[pa.RecordBatch]) -> pa.Table:
    """Return batches as one table; a mark that some of them have not got is null there."""
    return pa.concat_tables([pa.Table.from_batches([one]) for one in batches], promote_options="default")


def repeated(ids: pa.ChunkedArray) -> pa.Array:
    """Return for each id whether an earlier row has it; null where there is none.

    >>> repeated(pa.chunked_array([["a", "b", None, "a"]])).to_pylist()
    [False, False, None, True]
    """
    coded = ids.combine_chunks().dictionary_encode()
    known = coded.is_valid().to_numpy(zero_copy_only=False)
    out = np.zeros(len(coded), bool)
    if len(coded.dictionary) < known.sum():
        places = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        out[:] = True
        out[np.unique(places, return_index=True)[1]] = False
    return pa.array(out, mask=~known)
