"""How stored rows arrived: which times lay after their receipt or went back, and which rows came again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from choirmaster.layout import arrival_column
from choirmaster.ports import Pending
from choirmaster.states.intake import INTAKE, Intake
from choirmaster.states.keys import ENSEMBLE, StateKey
from choirmaster.states.pack import States
from choirmaster.times import EARLIEST, LATEST, Grain, Window, window_of

Ints = NDArray[np.int64]
ROWS = StateKey(ENSEMBLE, "intake/1")
LIVE = "live"
_NEVER = np.iinfo(np.int64).min


def marked(pending: Pending) -> pa.Table:
    """Return the new rows with a column for each flag of how they came.

    A time lies in the future where it is after the receipt of its part. It goes back where an earlier live row of the
    same journal has a later one: the order is that of the journal, whatever is drained when.
    """
    table, how = pending.predictions, pending.arrival
    if not how.num_rows:
        return table
    times = table.column("time").cast(pa.int64()).to_numpy()
    live = np.ones(len(times), bool)
    if "split" in table.column_names:
        split = table.column("split").cast(pa.string()).to_pylist()
        live = np.array([one in (None, LIVE) for one in split])
    before = how.column("before").fill_null(_NEVER).to_numpy()
    latest = latest_before(np.where(live, times, _NEVER), how.column("part").to_numpy(), before)
    none = np.zeros(len(times), bool)
    flags = {"repeated": none, "conflicting": none, "future": times > how.column("received_at").to_numpy(),
             "backwards": times < latest}  # fmt: skip
    for flag, values in flags.items():
        table = table.append_column(arrival_column(flag), pa.array(values))
    return table


def latest_before(times: Ints, part: Ints, before: Ints) -> Ints:
    """Return for each row the largest time of the rows of its part before it, and of what came before the part.

    Rows of a part follow each other.

    >>> latest_before(np.array([5, 3, 9, 1]), np.array([7, 7, 8, 8]), np.array([0, 0, 2, 2])).tolist()
    [0, 5, 2, 9]
    """
    known, rank = np.unique(np.concatenate([times, before]), return_inverse=True)
    mine, first = rank[: len(times)], rank[len(times) :]
    group = np.cumsum(np.diff(part, prepend=part[:1]) != 0) * len(known)  # ranks of a later part are greater
    begins = np.diff(part, prepend=part[:1] - 1) != 0
    going = np.where(begins, first, np.maximum(first, np.roll(mine, 1))) + group
    out: Ints = known[np.maximum.accumulate(going) - group]
    return out


def came_again(pending: Pending, grain: Grain) -> dict[tuple[Window, str], States]:
    """Return what the rows that were not kept add to the windows that their own times name."""
    out: dict[tuple[Window, str], States] = {}
    for window, same, other in _by_window(pending.again, grain):
        state = Intake.zero(INTAKE)
        state.note("repeated", 0, same + other)
        state.note("conflicting", same, other)
        held = out.setdefault((window, ""), {})
        held[ROWS] = held[ROWS].merge(state) if ROWS in held else state
    return out


def _by_window(again: pa.Table, grain: Grain) -> Iterator[tuple[Window, int, int]]:
    window = Window(0, 0)
    for row in again.sort_by("time").to_pylist():
        if not EARLIEST <= row["time"] <= LATEST:
            continue
        if not window.start <= row["time"] < window.end:
            window = window_of(grain, row["time"])
        yield window, row["same"], row["other"]
