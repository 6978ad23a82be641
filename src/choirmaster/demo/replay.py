"""The order of the replay: which labels have arrived and which flights are asked for, hour by simulated hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from choirmaster.demo import flights

HOUR = 3600
LABEL_HOURS = 3  # labels are sent so often
_NEVER = 1 << 40
Records = list[dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """What is sent at one simulated instant: first the labels known by then, then the flights.

    Attributes
    ----------
    at : int
        Seconds since 1970 UTC; a full hour. Every label was known by then, every flight leaves later or just then.
    labels, flights : list of dict
        Records as the server takes them.
    one_by_one : bool
        Each flight in a request of its own.
    newest : int
        The hour of the newest flight among the labels: it must have been answered before they are sent.
    """

    at: int
    labels: Records
    flights: Records
    one_by_one: bool = False
    newest: int = 0


@dataclass(frozen=True)
class Timetable:
    """All flights of a replay in order of scheduled departure.

    Attributes
    ----------
    table : pyarrow.Table
        As ``flights.replay`` returns it.
    singles : int
        How many of the last flights are asked for one by one.
    """

    table: pa.Table
    singles: int = 0

    @property
    def rows(self) -> int:
        """Flights in all."""
        return int(self.table.num_rows)

    @property
    def labels(self) -> int:
        """Flights whose label arrives sooner or later."""
        return int(flights.labelled(self.table).sum())

    def steps(self) -> Iterator[Step]:
        """Yield the steps in order of time.

        Labels are sent every three hours, each at the first time after its flight arrived; a flight that never arrives
        gets none.
        """
        leaving = _instants(self.table["scheduled_departure"]) // HOUR * HOUR
        known = -(-_instants(flights.known_at(self.table)) // (LABEL_HOURS * HOUR)) * (LABEL_HOURS * HOUR)
        by_label = np.argsort(known, kind="stable")[: self.labels]
        records, labels = _flight_records(self.table), _label_records(self.table)
        together = self.rows - min(self.singles, self.rows)
        ordered = known[by_label]
        for hour in np.union1d(leaving, ordered):
            arrived = by_label[_between(ordered, int(hour))]
            told = [labels[row] for row in arrived]
            here = _between(leaving, int(hour))
            group, alone = (
                records[here.start : min(here.stop, together)],
                records[max(here.start, together) : here.stop],
            )
            if told or group:
                yield Step(int(hour), told, group, newest=int(leaving[arrived].max(initial=0)))
            if alone:
                yield Step(int(hour), [], alone, one_by_one=True)


def _instants(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return seconds since 1970; what never happens lies behind everything."""
    return np.asarray(column.cast(pa.int64()).fill_null(_NEVER).to_numpy())


def _between(ordered: npt.NDArray[np.int64], hour: int) -> slice:
    return slice(int(np.searchsorted(ordered, hour, "left")), int(np.searchsorted(ordered, hour, "right")))


def _flight_records(table: pa.Table) -> Records:
    names = flights.feature_names()
    columns = [table["id"].to_pylist(), _texts(table["scheduled_departure"])]
    columns += [flights.features(table)[name].to_pylist() for name in names]
    return _records(("_id", "_time", *names), columns)


def _label_records(table: pa.Table) -> Records:
    columns = [table["id"].to_pylist(), table["label"].to_pylist(), _texts(flights.known_at(table))]
    return _records(("id", "value", "known_at"), columns)


def _records(names: Sequence[str], columns: Sequence[list[Any]]) -> Records:
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _texts(instants: pa.ChunkedArray) -> list[str | None]:
    return [None if one is None else instant_text(one) for one in instants.cast(pa.int64()).to_pylist()]


def instant_text(seconds: int) -> str:
    """Write an instant in ISO 8601.

    >>> instant_text(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
