"""Columns of times in any shape, as microseconds UTC: stored times, ISO 8601 and common texts, numbers since 1970."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.errors import SchemaError
from choirmaster.guess import TIME_FORMATS
from choirmaster.schema import TIMESTAMP
from choirmaster.sources.convert import is_text
from choirmaster.sources.faults import Faults
from choirmaster.times import EARLIEST, LATEST

_NAIVE = pa.timestamp("us")
_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"[T ]([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d(\.\d{1,6})?)?)?"
_ISO = rf"^{_DAY}({_CLOCK})?$"
_ISO_ZONED = rf"^{_DAY}{_CLOCK}(Z|[+-]\d{{2}}(:?\d{{2}})?)$"
_UNITS = ((1e17, "ns", 1e3), (1e14, "us", 1.0), (1e11, "ms", 1e-3), (0.0, "s", 1e-6))


def time_form(column: pa.Array, *, name: str) -> str:
    """Return how a sample's times are written: ``stored``, ``iso``, a strptime format, or ``epoch s|ms|us|ns``.

    >>> time_form(pa.array(["22.04.2013 10:00"]), name="ts"), time_form(pa.array([1366000000]), name="ts")
    ('%d.%m.%Y %H:%M', 'epoch s')
    """
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_null(kind):
        return "stored"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        known = pc.filter(column, pc.is_finite(column)) if pa.types.is_floating(kind) else column
        middle = abs(pc.approximate_median(known).as_py() or 0.0)
        return "epoch " + next(unit for bound, unit, _ in _UNITS if middle >= bound)
    if not is_text(kind):
        raise SchemaError("cannot read a column of times", where=f'column "{name}"', got=str(kind),
                          expected="times, texts, or numbers since 1970")  # fmt: skip
    texts = [text.strip() for text in pc.unique(column).drop_null().slice(0, 5000).to_pylist() if text]
    if not texts:
        return "iso"
    iso = pc.match_substring_regex(_clean(pa.array(texts)), rf"{_ISO}|{_ISO_ZONED}")
    if pc.sum(iso).as_py() >= 0.5 * len(texts):
        return "iso"
    return _format_of(texts, name)


def _format_of(texts: list[str], name: str) -> str:
    fits = {form: sum(_fits(text, form) for text in texts) for form in TIME_FORMATS}
    best = max(fits.values())
    if best < 0.5 * len(texts):
        raise SchemaError("cannot read a column of times", where=f'column "{name}"', got=f'"{texts[0]}"',
                          expected='ISO 8601 such as "2013-04-22 10:00"')  # fmt: skip
    found = [form for form, count in fits.items() if count == best]
    if len(found) > 1:
        raise SchemaError("days and months cannot be told apart", where=f'column "{name}"', got=f'"{texts[0]}"',
                          allowed=found, fix='write the times as ISO 8601, such as "2013-04-22 10:00"')  # fmt: skip
    return found[0]


def _fits(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007  # whether it fits, not when it is
    except ValueError:
        return False
    return True


def as_utc(column: pa.Array, form: str, zone: str, *, name: str, faults: Faults) -> pa.Array:
    """Return times as ``timestamp[us, UTC]``; what cannot be read is null and counted.

    A naive time is taken in ``zone``. One that the clock shows twice is the earlier; one that it never shows is moved
    by the hour that is skipped; both are counted.

    >>> as_utc(pa.array(["2013-07-01 00:00"]), "iso", "America/New_York", name="ts", faults=Faults())[0].as_py().hour
    4
    """
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return _told(column, _per_unit(kind), name, faults).cast(TIMESTAMP, safe=False)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _in_zone(_told(column, _per_unit(kind), name, faults).cast(_NAIVE, safe=False), zone, name, faults)
    if pa.types.is_null(kind):
        return pa.nulls(len(column), TIMESTAMP)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _epoch(column, form, name, faults)
    if not is_text(kind):
        faults.add(name, f"not a time but {kind}", len(column) - column.null_count)
        return pa.nulls(len(column), TIMESTAMP)
    column = _clean(column)
    return (
        _iso(column, zone, name, faults) if form in ("iso", "stored") else _by_format(column, form, zone, name, faults)
    )


def _per_unit(kind: pa.DataType) -> float:
    """Return the microseconds of one stored unit."""
    if pa.types.is_date(kind):
        return 86_400e6 if pa.types.is_date32(kind) else 1e3
    return {unit: 1 / scale for _, unit, scale in _UNITS}[kind.unit]


def _told(column: pa.Array, factor: float, name: str, faults: Faults) -> pa.Array:
    """Return times with those outside the years that windows know (100 to 9900) as null; they are counted."""
    kind = column.type
    whole = column.cast(pa.int32()).cast(pa.int64()) if pa.types.is_date32(kind) else column
    whole = whole.cast(pa.int64()) if pa.types.is_temporal(kind) and whole is column else whole
    micros = pc.multiply(whole.cast(pa.float64(), safe=False), factor)
    ends = pc.min_max(micros).as_py()
    if ends["min"] is None or (ends["min"] >= EARLIEST and ends["max"] <= LATEST):
        return column
    bad = pc.or_(pc.less(micros, float(EARLIEST)), pc.greater(micros, float(LATEST)))
    shown = column.filter(bad).slice(0, 5)
    shown = shown.cast(pa.int64()) if pa.types.is_timestamp(kind) else shown  # years that Python's dates cannot hold
    faults.add(
        name,
        "a time before the year 100 or after 9900",
        pc.sum(bad).as_py() or 0,
        *map(str, shown.cast(pa.string()).to_pylist()),
    )
    return pc.if_else(bad, pa.scalar(None, kind), column)


def _epoch(column: pa.Array, form: str, name: str, faults: Faults) -> pa.Array:
    factor = {f"epoch {unit}": 1 / scale for _, unit, scale in _UNITS}.get(form, 1e6)
    column = _told(column, factor, name, faults)
    if pa.types.is_integer(column.type):
        whole = round(factor) if factor >= 1 else 1
        micros = pc.multiply(column.cast(pa.int64()), whole)
        micros = micros if factor >= 1 else pc.divide(micros, round(1 / factor))
    else:
        finite = pc.if_else(pc.is_finite(column), column.cast(pa.float64()), None)
        micros = pc.round(pc.multiply(finite, factor)).cast(pa.int64(), safe=False)
    return micros.cast(TIMESTAMP)


def _clean(column: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(column)
    trimmed = pc.replace_substring_regex(trimmed, r" ?(UTC|GMT)$", "Z")
    return pc.replace_substring_regex(trimmed, r"(\.\d{6})\d+", r"\1")


def _iso(column: pa.Array, zone: str, name: str, faults: Faults) -> pa.Array:
    zoned = pc.fill_null(pc.match_substring_regex(column, _ISO_ZONED), False)
    naive = pc.fill_null(pc.match_substring_regex(column, _ISO), False)
    _count_unread(column, pc.or_(zoned, naive), name, faults)
    parts = []
    if pc.any(zoned).as_py():
        parts.append(_cast(pc.if_else(zoned, column, None), TIMESTAMP, name, faults))
    if pc.any(naive).as_py() or not parts:
        parts.append(_in_zone(_cast(pc.if_else(naive, column, None), _NAIVE, name, faults), zone, name, faults))
    return pc.coalesce(*parts)


def _cast(column: pa.Array, kind: pa.DataType, name: str, faults: Faults) -> pa.Array:
    """Cast texts whose shape is right; what still is no time, such as 30 February, becomes null one by one."""
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        out = []
        for one in column:
            try:
                out.append(one.cast(kind))
            except pa.ArrowInvalid:
                faults.add(name, "not a time", 1, one.as_py())
                out.append(pa.scalar(None, kind))
        return pa.array([one.as_py() for one in out], kind)


def _by_format(column: pa.Array, form: str, zone: str, name: str, faults: Faults) -> pa.Array:
    times = pc.strptime(column, format=form, unit="us", error_is_null=True)
    _count_unread(column, pc.is_valid(times), name, faults)
    return _in_zone(times, zone, name, faults)


def _count_unread(column: pa.Array, read: pa.Array, name: str, faults: Faults) -> None:
    bad = pc.and_(pc.invert(read), pc.greater(pc.fill_null(pc.utf8_length(column), 0), 0))
    count = pc.sum(bad).as_py() or 0
    if count:
        faults.add(name, "not a time", count, *column.filter(bad).slice(0, 5).to_pylist())


def _in_zone(naive: pa.Array, zone: str, name: str, faults: Faults) -> pa.Array:
    if zone == "UTC":
        return naive.cast(TIMESTAMP)
    try:
        return pc.assume_timezone(naive, zone).cast(TIMESTAMP)
    except (ValueError, pa.ArrowInvalid):
        return _across_changes(naive, zone, name, faults)


def _across_changes(naive: pa.Array, zone: str, name: str, faults: Faults) -> pa.Array:
    try:
        early = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="earliest")
    except (ValueError, pa.ArrowInvalid) as error:
        raise SchemaError("unknown time zone", where="$.timezone", got=f'"{zone}"', fix=str(error)[:120]) from None
    late = pc.assume_timezone(naive, zone, ambiguous="latest", nonexistent="latest")
    twice = pc.and_(pc.not_equal(early, late), pc.equal(pc.local_timestamp(early), naive))
    never = pc.and_(pc.not_equal(early, late), pc.invert(twice))
    faults.add(name, "shown twice by the clock, taken as the earlier", pc.sum(twice).as_py() or 0)
    faults.add(name, "never shown by the clock, moved by the change", pc.sum(never).as_py() or 0)
    gap = pc.add(pc.local_timestamp(early), pa.scalar(1, pa.duration("us")))  # where the clock jumps
    moved = pc.add(late, pc.subtract(naive, gap))
    return pc.if_else(never, moved, early).cast(TIMESTAMP)
