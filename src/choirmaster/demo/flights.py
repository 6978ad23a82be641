"""A year of real flights out of New York: what is known when, and what became of them.

336,776 flights of 2013 from EWR, JFK and LGA, in order of scheduled departure. The question is whether a flight arrives
more than 15 minutes late. January and February train, March to December are replayed. ``data/README.md`` names source,
licence, columns and known faults.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from choirmaster.errors import unknown

Variant = Literal["day_before", "take_off"]
Rows = npt.NDArray[np.bool_]

LATE: Final = "late"
ON_TIME: Final = "ontime"
LATE_MINUTES: Final = 15
TRAIN_MONTHS: Final = (1, 2)
REPLAY_MONTHS: Final = (3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
CATEGORIES: Final = ("carrier", "origin", "dest")
WEATHER: Final = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib")
NUMBERS: Final = ("sched_minute", "weekday", "distance", "age", "seats", *WEATHER)
SEGMENTS: Final = ("carrier", "origin")
_VARIANTS: Final[dict[str, tuple[str, ...]]] = {
    "day_before": (*CATEGORIES, *NUMBERS),
    "take_off": (*CATEGORIES, *NUMBERS, "dep_delay"),
}


def load() -> pa.Table:
    """Read the vendored file and add what follows from its columns.

    Added are ``id`` (date, carrier, number and origin; unique), the instants ``scheduled_arrival``, ``departure`` and
    ``arrival`` in UTC (null where it never happened) and ``label``.

    >>> table = load()
    >>> table.num_rows, table["id"][0].as_py()
    (336776, '20130101-UA-1545-EWR')
    """
    with as_file(files("choirmaster.demo") / "data" / "flights.parquet") as path:
        table = pq.read_table(path)
    start = table["scheduled_departure"].cast(pa.timestamp("s", "UTC"))
    planned = _later(start, table["scheduled_minutes"])
    table = table.set_column(0, "scheduled_departure", start).drop_columns(["scheduled_minutes"])
    table = table.add_column(0, "id", _ids(table))
    table = table.append_column("scheduled_arrival", planned)
    table = table.append_column("departure", _later(start, table["dep_delay"]))
    table = table.append_column("arrival", _later(planned, table["arr_delay"]))
    return table.append_column("label", labels(table))


def feature_names(variant: Variant = "day_before") -> tuple[str, ...]:
    """Name the inputs: ``day_before`` (all but the departure delay) or ``take_off`` (with it).

    The weather is the observation of the scheduled hour; the day before, a forecast would stand in its place.

    >>> set(feature_names("take_off")) - set(feature_names("day_before"))
    {'dep_delay'}
    """
    if variant not in _VARIANTS:
        raise unknown("variant of the flights", variant, _VARIANTS)
    return _VARIANTS[variant]


def features(table: pa.Table, variant: Variant = "day_before") -> pa.Table:
    """Return the inputs: categories as strings, numbers as float64, missing as null."""
    names = feature_names(variant)
    return pa.table({name: table[name] if name in CATEGORIES else table[name].cast(pa.float64()) for name in names})


def labels(table: pa.Table) -> pa.ChunkedArray:
    """Return ``late`` if the flight arrived more than 15 minutes late, else ``ontime``; null if it never arrived.

    >>> labels(pa.table({"arr_delay": [15, 16, None]})).to_pylist()
    ['ontime', 'late', None]
    """
    return pc.if_else(pc.greater(table["arr_delay"], LATE_MINUTES), LATE, ON_TIME)


def known_at(table: pa.Table) -> pa.ChunkedArray:
    """Return the instant (UTC) at which the label becomes known: the arrival; null if it never does."""
    return table["arrival"]


def months(table: pa.Table) -> npt.NDArray[np.int64]:
    """Return the month (1 to 12) of the scheduled departure on New York's calendar."""
    return pc.month(table["local_date"]).to_numpy()


def in_months(table: pa.Table, wanted: tuple[int, ...]) -> Rows:
    """Return a mask of the flights of these months, with or without a label."""
    return np.isin(months(table), wanted)


def labelled(table: pa.Table) -> Rows:
    """Return a mask of the flights whose label is known sooner or later."""
    return np.asarray(table["arr_delay"].is_valid())


def training(table: pa.Table) -> pa.Table:
    """Return the labelled flights of January and February (50,009 of them)."""
    return table.filter(pa.array(in_months(table, TRAIN_MONTHS) & labelled(table)))


def replay(table: pa.Table, wanted: tuple[int, ...] = REPLAY_MONTHS) -> pa.Table:
    """Return all flights of the months to replay, those without a label too."""
    return table.filter(pa.array(in_months(table, wanted)))


def _later(start: pa.ChunkedArray, minutes: pa.ChunkedArray) -> pa.ChunkedArray:
    seconds = pc.multiply(minutes.cast(pa.int64()), 60).cast(pa.duration("s"))
    return pc.add(start, seconds)


def _ids(table: pa.Table) -> pa.ChunkedArray:
    day = pc.replace_substring(table["local_date"].cast(pa.string()), "-", "")
    return pc.binary_join_element_wise(day, table["carrier"], table["flight"].cast(pa.string()), table["origin"], "-")
