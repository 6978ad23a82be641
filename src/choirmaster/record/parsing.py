"""Read plain JSON records of predictions and labels, row by row; what cannot be read is said with its row."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from choirmaster.errors import ChoirmasterError
from choirmaster.schema import class_text
from choirmaster.times import EARLIEST, LATEST, parse_instant

_MAX_ID = 1024
_MAX_SHOWN = 1000


class BadRow(Exception):
    """One row that cannot be kept.

    Parameters
    ----------
    reason : str
        From a short fixed set, see ``docs`` of the ingest routes.
    message : str
        Says what was expected and what came.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(slots=True)
class Refusals:
    """The rows that were not kept, and what was masked within rows that were.

    Attributes
    ----------
    rows : list of dict
        ``row`` (from 1), ``reason``, ``message``; the first thousand.
    reasons : Counter
        Refused rows by reason.
    masked : Counter
        Cells set to null by reason; their rows are kept.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)

    def add(self, row: int, reason: str, message: str) -> None:
        """Count one refused row."""
        self.reasons[reason] += 1
        if len(self.rows) < _MAX_SHOWN:
            self.rows.append({"row": row, "reason": reason, "message": message})

    @property
    def count(self) -> int:
        """Refused rows."""
        return sum(self.reasons.values())


def records(body: bytes, refused: Refusals) -> list[tuple[int, Mapping[str, Any]]]:
    """Read NDJSON, or one JSON list, as (row number from 1, record); what is no object is refused."""
    found: list[tuple[int, Mapping[str, Any]]] = []
    for number, value in _values(body, refused):
        if isinstance(value, dict):
            found.append((number, value))
        else:
            refused.add(number, "not_an_object", f"expected an object, got {shown(value)}")
    return found


def _values(body: bytes, refused: Refusals) -> Iterable[tuple[int, Any]]:
    if body.lstrip()[:1] == b"[":
        try:
            whole = msgspec.json.decode(body)
            yield from enumerate(whole, 1)
            return
        except (msgspec.DecodeError, RecursionError):
            pass  # perhaps lines that begin with a list: each line says for itself
    decoder = msgspec.json.Decoder()
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, decoder.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            refused.add(number, "bad_json", str(error)[:200])


def shown(value: Any) -> str:
    """Return a short text of a value for a message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def identity(record: Mapping[str, Any]) -> str:
    """Return the id of a record as text."""
    found = record.get("id")
    if found is None or found == "":
        raise BadRow("missing_id", "a row needs an id")
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise BadRow("bad_id", f"expected a text or a whole number as id, got {shown(found)}")
    text = str(found)
    if len(text) > _MAX_ID:
        raise BadRow("bad_id", f"expected an id of at most {_MAX_ID} characters, got {len(text)}")
    return text


def instant(value: Any, *, zone: str = "UTC", name: str = "time") -> int:
    """Return microseconds UTC of an ISO 8601 text, or of a whole number that is them already."""
    if isinstance(value, int) and not isinstance(value, bool):
        found = value
    elif isinstance(value, str):
        try:
            found = parse_instant(value, zone=zone)
        except (ChoirmasterError, OverflowError) as error:
            raise BadRow("bad_time", f"{name}: {error}") from None
    else:
        raise BadRow("bad_time" if value is not None else "missing_time",
                     f"{name}: expected ISO 8601 text or microseconds UTC, got {shown(value)}")  # fmt: skip
    if not EARLIEST <= found < LATEST:
        raise BadRow("bad_time", f"{name}: expected a year from 100 to 9899, got {shown(value)}")
    return found


def number(value: Any) -> float | None:
    """Return a number, NaN and infinities included; None for null; ValueError for anything else."""
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        try:
            return float(value)
        except OverflowError:
            return math.copysign(math.inf, value)
    if isinstance(value, str) and value.strip().lower() in {"nan", "inf", "+inf", "-inf", "infinity", "-infinity"}:
        return float(value)
    raise ValueError(value)


def text(value: Any) -> str | None:
    """Return a category as text; ValueError for a list or an object."""
    if value is None:
        return None
    if isinstance(value, str | bool | int | float):
        return class_text(value)
    raise ValueError(value)
