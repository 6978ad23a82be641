"""Durations, window grains and windows. Instants are int64 microseconds since 1970 UTC; no clock is read here."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from choirmaster.errors import ConfigError

MICROSECOND = 1
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = {"us": 1, "ms": 1_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "y": 365 * DAY}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s|m|h|d|w|y)\s*")
_GRAIN = re.compile(r"(\d+)(m|h|d|w|mo)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The calendar has ends: what lies before the year 100 or after 9899 lies in no window.
EARLIEST, LATEST = ((datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) for year in (100, 9900))


def parse_duration(text: str, *, where: str = "") -> int:
    """Read a duration such as ``80ms``, ``5m`` or ``90d`` as microseconds.

    >>> parse_duration("5m")
    300000000
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ConfigError("cannot read a duration", where=where, expected='a duration such as "1h"', got=f'"{text}"',
                          allowed=(f"units {', '.join(_UNITS)}",))  # fmt: skip
    return round(float(match[1]) * _UNITS[match[2]])


def format_duration(microseconds: int) -> str:
    """Write a duration in its largest whole unit.

    >>> format_duration(7_200_000_000)
    '2h'
    """
    for unit in ("d", "h", "m", "s", "ms"):
        if microseconds and microseconds % _UNITS[unit] == 0:
            return f"{microseconds // _UNITS[unit]}{unit}"
    return f"{microseconds}us"


def to_micros(moment: datetime) -> int:
    """Return an aware moment as microseconds since 1970 UTC.

    >>> to_micros(datetime(1970, 1, 2, tzinfo=UTC)) == DAY
    True
    """
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """Return microseconds since 1970 UTC as an aware moment."""
    return _EPOCH + timedelta(microseconds=micros)


def isoformat(micros: int) -> str:
    """Write an instant as ``2013-04-22T04:00:00Z``.

    >>> isoformat(0)
    '1970-01-01T00:00:00Z'
    """
    moment = from_micros(micros)
    spec = "microseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=spec) + "Z"


def parse_instant(text: str, *, zone: str = "UTC", where: str = "") -> int:
    """Read an ISO 8601 instant; a naive one is taken in ``zone``.

    >>> parse_instant("1970-01-01T00:00:00Z")
    0
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            "cannot read a time", where=where, expected='ISO 8601 such as "2013-04-22T04:00:00Z"', got=f'"{text}"'
        ) from None
    return to_micros(moment if moment.tzinfo else moment.replace(tzinfo=zone_info(zone)))


def zone_info(name: str, *, where: str = "") -> ZoneInfo:
    """Return an IANA time zone, or say that there is none of this name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            "unknown time zone", where=where, expected='an IANA name such as "Europe/Berlin"', got=f'"{name}"'
        ) from None


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The half-open span ``[start, end)`` in microseconds UTC."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"[{isoformat(self.start)}, {isoformat(self.end)})"


@dataclass(frozen=True, slots=True)
class Grain:
    """How time is cut into windows: so many minutes, hours, days, weeks (from Monday) or months, in one zone.

    Attributes
    ----------
    count : int
        How many units make one window.
    unit : str
        ``m``, ``h``, ``d``, ``w`` or ``mo``.
    zone : str
        IANA time zone in which days, weeks and months begin. A day at a clock change has 23 or 25 hours.
    """

    count: int
    unit: str
    zone: str = "UTC"

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"


def parse_grain(text: str, *, zone: str = "UTC", where: str = "") -> Grain:
    """Read a window length such as ``1h``, ``1d``, ``1w`` or ``1mo``.

    >>> str(parse_grain("1d"))
    '1d'
    """
    match = _GRAIN.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise ConfigError("cannot read a window length", where=where, expected='a length such as "1d"', got=f'"{text}"',
                          allowed=("units m, h, d, w, mo",))  # fmt: skip
    zone_info(zone, where=where)
    count, unit = int(match[1]), match[2]
    if (unit == "h" and 24 % count) or (unit == "m" and 60 % count):
        raise ConfigError("window length does not divide its parent", where=where, got=f'"{text}"',
                          expected="hours that divide 24, or minutes that divide 60")  # fmt: skip
    return Grain(count, unit, zone)


def edges(grain: Grain, first: int, last: int) -> list[int]:
    """Return the window borders that cover ``[first, last]``, ascending, one more than there are windows.

    >>> [e // DAY for e in edges(Grain(1, "d"), 0, DAY)]
    [0, 1, 2]
    """
    zone = zone_info(grain.zone)
    day = _aligned_day(grain, from_micros(first).astimezone(zone).date())
    out = [_midnight(day, zone)]
    if grain.unit in ("h", "m"):
        return _clock_edges(grain, out[0], first, last, zone)
    while out[-1] <= last:
        day = _next_day(grain, day)
        out.append(_midnight(day, zone))
    return out


def _aligned_day(grain: Grain, day: date) -> date:
    if grain.unit == "w":
        monday = date(1970, 1, 5)
        weeks = (day - monday).days // 7
        return monday + timedelta(days=7 * (weeks - weeks % grain.count))
    if grain.unit == "mo":
        months = day.year * 12 + day.month - 1
        months -= months % grain.count
        return date(months // 12, months % 12 + 1, 1)
    if grain.unit == "d":
        number = (day - date(1970, 1, 1)).days
        return date(1970, 1, 1) + timedelta(days=number - number % grain.count)
    return day


def _next_day(grain: Grain, day: date) -> date:
    if grain.unit == "mo":
        months = day.year * 12 + day.month - 1 + grain.count
        return date(months // 12, months % 12 + 1, 1)
    return day + timedelta(days=grain.count * (7 if grain.unit == "w" else 1))


def _midnight(day: date, zone: ZoneInfo) -> int:
    return to_micros(datetime(day.year, day.month, day.day, tzinfo=zone))


def _clock_edges(grain: Grain, midnight: int, first: int, last: int, zone: ZoneInfo) -> list[int]:
    """Cut by elapsed time from each local midnight, so a 25-hour day has 25 one-hour windows."""
    step = grain.count * _UNITS[grain.unit]
    out: list[int] = []
    while not out or out[-1] <= last:
        following = _midnight(from_micros(midnight).astimezone(zone).date() + timedelta(days=1), zone)
        out.extend(range(midnight, following, step))
        midnight = following
    if out[-1] <= last:
        out.append(midnight)
    keep = next((i for i in range(len(out) - 1, -1, -1) if out[i] <= first), 0)
    out.append(midnight)
    stop = next(i for i, edge in enumerate(out) if edge > last)
    return out[keep : stop + 1]


def window_of(grain: Grain, micros: int) -> Window:
    """Return the window that holds an instant.

    >>> str(window_of(Grain(1, "d", "America/New_York"), parse_instant("2013-07-01T02:00:00Z")))
    '[2013-06-30T04:00:00Z, 2013-07-01T04:00:00Z)'
    """
    borders = edges(grain, micros, micros)
    for start, end in itertools.pairwise(borders):
        if start <= micros < end:
            return Window(start, end)
    raise AssertionError("edges always cover the instant")  # pragma: no cover
