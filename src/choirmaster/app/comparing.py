"""Two measurements side by side: what differs, by how much, and whether that is more than chance."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from choirmaster.errors import DataError
from choirmaster.metrics import BY_NAME
from choirmaster.metrics.difference import difference
from choirmaster.values import Kind, Reason, Value

SUBJECT = ("series", "version", "segment", "feature", "target", "metric")
BETTER, WORSE, NO_CLEAR_DIFFERENCE, DIFFERENT, UNDEFINED = (
    "better", "worse", "no clear difference", "different", "undefined",
)  # fmt: skip
_TIME = pa.timestamp("us", tz="UTC")
COLUMNS = pa.schema(
    [pa.field("window_start", _TIME), pa.field("other_window_start", _TIME)]
    + [pa.field(name, pa.string()) for name in SUBJECT]
    + [pa.field(name, pa.float64()) for name in ("value", "other", "difference", "lower", "upper")]
    + [pa.field("n", pa.int64()), pa.field("other_n", pa.int64())]
    + [pa.field("verdict", pa.string()), pa.field("reason", pa.string())]
)
_Row = dict[str, Any]


def compare(one: pa.Table, two: pa.Table) -> pa.Table:
    """Return a row for each value that both tables of values have.

    Windows with the same start are compared; where no start is shared and each side has one window, these two.

    Parameters
    ----------
    one, two : pyarrow.Table
        Tidy tables of values (D2).

    Returns
    -------
    pyarrow.Table
        ``difference`` is the second minus the first with its interval (:func:`choirmaster.metrics.difference`), for
        independent rows. ``verdict``: better or worse where the interval leaves out 0, by the metric's own direction;
        different where it has none; else no clear difference.

    Raises
    ------
    DataError
        The two have no window in common.
    """
    ours, theirs = _by_subject(one), _by_subject(two)
    starts, others = _starts(one), _starts(two)
    shared = starts & others
    if shared:
        pairs = [(start, start) for start in sorted(shared, key=_order)]
    elif len(starts) == 1 and len(others) == 1:
        pairs = [(next(iter(starts)), next(iter(others)))]
    else:
        raise DataError(
            "the two results have no window in common", where="compare", expected="windows with the same start",
            got=f"{len(starts)} and {len(others)} windows", fix="measure both with window=None to compare them whole",
        )  # fmt: skip
    rows = [
        _row(ours[start, *subject], row)
        for start, other in pairs
        for (begin, *subject), row in theirs.items()
        if begin == other and (start, *subject) in ours
    ]
    rows.sort(key=lambda row: (*(row[name] for name in SUBJECT), _order(row["window_start"])))
    return pa.Table.from_pylist(rows, schema=COLUMNS)


def _order(start: Any) -> tuple[bool, Any]:
    return (start is not None, start)


def _starts(table: pa.Table) -> set[Any]:
    return set(table.column("window_start").unique().to_pylist())


def _by_subject(table: pa.Table) -> dict[tuple[Any, ...], _Row]:
    return {(row["window_start"], *(row[name] for name in SUBJECT)): row for row in table.to_pylist()}


def _value(row: _Row) -> Value:
    reason = None if row["reason"] is None else Reason(row["reason"])
    return Value(
        row["value"], row["lower"], row["upper"], row["resolution"] or 0.0, row["n"], Kind(row["kind"]), reason
    )


def _row(ours: _Row, theirs: _Row) -> _Row:
    found = difference(_value(ours), _value(theirs))
    return {
        "window_start": ours["window_start"], "other_window_start": theirs["window_start"],
        **{name: ours[name] for name in SUBJECT}, "value": ours["value"], "other": theirs["value"],
        "difference": found.number, "lower": found.lower, "upper": found.upper, "n": ours["n"], "other_n": theirs["n"],
        "verdict": _verdict(ours["metric"], found), "reason": None if found.reason is None else str(found.reason),
    }  # fmt: skip


def _verdict(metric: str, found: Value) -> str:
    if found.number is None:
        return UNDEFINED
    if found.lower is None or found.upper is None or found.lower <= 0.0 <= found.upper:
        return NO_CLEAR_DIFFERENCE
    direction = BY_NAME[metric].better if metric in BY_NAME else "none"
    if direction == "none":
        return DIFFERENT
    return BETTER if (found.number > 0.0) == (direction == "higher") else WORSE
