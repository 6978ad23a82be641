"""What was wrong in a source, counted by column and reason; the first few are kept to be shown."""

from __future__ import annotations

import threading
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

_SHOWN = 5
_CELL = "\0cell "  # no column of a file begins so


def cell_column(name: str) -> str:
    """Return the column that says of each cell of another whether it was no value of that column's type."""
    return _CELL + name


def bad_cells(raw: pa.Array, read: pa.Array) -> pa.Array:
    """Return for each cell whether something is in it that could not be read; null where nothing is in it.

    >>> bad_cells(pa.array(["1", "x", " ", None]), pa.array([1.0, None, None, None])).to_pylist()
    [False, True, None, None]
    """
    good = pc.if_else(read.is_valid(), False, None)
    if read.null_count == raw.null_count:
        return good
    full = raw.is_valid()
    if pa.types.is_string(raw.type):
        full = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(raw), ""), False)
    return pc.if_else(pc.and_(full, read.is_null()), True, good)


def with_cells(batch: pa.RecordBatch, raw: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch with the columns of another that tell of its cells."""
    for name in raw.schema.names:
        if name.startswith(_CELL):
            batch = batch.append_column(name, raw.column(name))
    return batch


class Faults:
    """A counter that several threads write.

    Attributes
    ----------
    counts : Counter
        ``{(column, reason): cells}``; a fault of a whole row has the column ''.
    examples : dict
        ``{(column, reason): [text, ...]}``, at most five each.

    Examples
    --------
    >>> faults = Faults()
    >>> faults.add("x", "not a number", 2, "oops")
    >>> faults.lines()
    ['column "x": 2 not a number, such as oops']
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.examples: dict[tuple[str, str], list[str]] = {}
        self._lock = threading.Lock()

    def add(self, column: str, reason: str, count: int = 1, *examples: object) -> None:
        """Count cells (or rows, for the column '')."""
        if not count:
            return
        with self._lock:
            self.counts[column, reason] += count
            kept = self.examples.setdefault((column, reason), [])
            kept += [str(one)[:80] for one in examples[: _SHOWN - len(kept)]]

    def lines(self) -> list[str]:
        """Return one line for each column and reason."""
        out = []
        for (column, reason), count in sorted(self.counts.items()):
            shown = ", ".join(self.examples[column, reason])
            head = f'column "{column}": {count} {reason}' if column else f"{count} {reason}"
            out.append(f"{head}, such as {shown}" if shown else head)
        return out
