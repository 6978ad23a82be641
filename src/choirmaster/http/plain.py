"""The plain prediction route: records in, one honest line per row out. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from choirmaster.errors import RequestError
from choirmaster.layout import Layout
from choirmaster.serve.answer import Answer, predictions
from choirmaster.serve.request import (
    PredictRequest,
    check_rows,
    features_table,
    identities,
    instants,
    numbers,
    shown,
    texts,
)

_MOST_FIELDS = 10_000


class Shares(msgspec.Struct):
    """Each member's part in one answer: of kind ``share`` they add up to it, ``leave_one_out`` is what it changes."""

    kind: str
    members: dict[str, dict[str, float] | float]


class RowAnswer(msgspec.Struct):
    """One row's answer. ``probability`` is by class name; null for a regression or where nobody could answer."""

    id: str
    prediction: str | float | None
    probability: dict[str, float] | None
    present: list[str]
    missing: dict[str, str]
    degraded: bool
    recorded: str
    shares: Shares | UnsetType | None = UNSET


class PlainAnswer(msgspec.Struct):
    """The answer to several rows. ``ignored`` names fields that are no feature of the ensemble."""

    ensemble: str
    version: str
    weight_version: str
    degraded: bool
    recorded: str
    ignored: list[str]
    predictions: list[RowAnswer]


class Rows(msgspec.Struct):
    """The body as rows; a bare list of records, or one bare record, does as well. Or ``columns``."""

    rows: list[dict[str, Any]] | None = None
    columns: dict[str, list[Any]] | None = None
    ids: list[str] | None = None
    times: list[Any] | None = None
    request_id: str = ""
    timeout_ms: float | None = None


class Parsed(msgspec.Struct):
    """Validated rows, whether one bare record was sent, and the fields that were not used."""

    request: PredictRequest
    single: bool
    ignored: list[str]


def parse(layout: Layout, body: Any, *, now: int, max_rows: int) -> Parsed:
    """Read records: a list of them, one of them, or an object with ``rows`` or ``columns``.

    Raises
    ------
    RequestError, DataError, TooLarge
        Naming the field, and the row where one row is wrong.
    """
    if isinstance(body, list):
        return _from_rows(layout, body, {}, now, max_rows)
    if not isinstance(body, dict):
        raise RequestError("cannot read the rows", expected='records, or {"rows": [...]}', got=shown(body))
    if isinstance(body.get("rows"), list):
        return _from_rows(layout, body["rows"], body, now, max_rows)
    if isinstance(body.get("columns"), dict):
        return _from_columns(layout, body["columns"], body, now, max_rows)
    parsed = _from_rows(layout, [body], {}, now, max_rows)
    parsed.single = True
    return parsed


def _from_rows(layout: Layout, rows: list[Any], envelope: Mapping[str, Any], now: int, max_rows: int) -> Parsed:
    check_rows(len(rows), max_rows)
    names: dict[str, None] = {}
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise RequestError("a row must be a record", where=f"row {number}", expected="an object", got=shown(row))
        names.update(dict.fromkeys(row))
        _check_fields(len(names))
    columns = {name: [row.get(name) for row in rows] for name in names}
    return from_columns(layout, columns, len(rows), envelope, now=now)


def _check_fields(count: int) -> None:
    if count > _MOST_FIELDS:
        raise RequestError("too many different fields", expected=f"at most {_MOST_FIELDS}", got=str(count))


def _from_columns(layout: Layout, columns: Any, envelope: Mapping[str, Any], now: int, max_rows: int) -> Parsed:
    _check_fields(len(columns))
    lengths = set()
    for name, values in columns.items():
        if not isinstance(values, list):
            raise RequestError(f'column "{name[:100]}" must be a list', got=shown(values))
        lengths.add(len(values))
    if len(lengths) != 1:
        raise RequestError("columns differ in length", where="$.columns", got=str(sorted(lengths)[:5]))
    check_rows(max(lengths), max_rows)
    return from_columns(layout, columns, lengths.pop(), envelope, now=now)


def from_columns(
    layout: Layout, columns: Mapping[str, Any], rows: int, envelope: Mapping[str, Any], *, now: int
) -> Parsed:
    """Sort columns into features, reserved fields and the rest."""
    used: set[str] = set()

    def take(*names: str) -> Any:
        for name in names:
            if name in columns and (name.startswith("_") or name not in layout.features):
                used.add(name)
                return _listed(columns[name])
        return None

    features = {name: columns[name] for name in layout.features if name in columns}
    if rows and not features:
        raise RequestError(
            "no field is a feature of this ensemble", got=f"{list(columns)[:5]}", allowed=layout.features
        )
    ids, times = _beside(envelope, "ids", rows), _beside(envelope, "times", rows)
    ids = take("_id", "id") if ids is None else ids
    times = take("_time", "time") if times is None else times
    tags = {tag: texts(tag, given).to_pylist() for tag in layout.tags
            if (given := take(f"_segment.{tag}", tag)) is not None}  # fmt: skip
    value = take("_value", "value") if layout.value else None
    request = PredictRequest(
        features_table(layout, features, rows),
        ids=None if ids is None else identities(ids),
        times=None if times is None else instants(times, now=now),
        tags=tags,
        value=None if value is None else numbers("value", value).to_pylist(),
        request_id=_request_id(envelope),
        timeout_seconds=_timeout(envelope),
    )
    return Parsed(request, False, sorted(set(columns) - used - set(features))[:100])


def _listed(values: Any) -> Any:
    if isinstance(values, list):
        return values
    import pyarrow as pa

    if pa.types.is_timestamp(values.type):
        return values.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
    return values.to_pylist()


def _beside(envelope: Mapping[str, Any], name: str, rows: int) -> Any:
    given = envelope.get(name)
    if given is not None and (not isinstance(given, list) or len(given) != rows):
        raise RequestError(f"{name} must be a list with one entry a row", where=f"$.{name}", expected=f"{rows} entries",
                           got=shown(given))  # fmt: skip
    return given


def _request_id(envelope: Mapping[str, Any]) -> str:
    given = envelope.get("request_id")
    return "" if given in (None, "") else (identities([given])[0] or "")


def _timeout(envelope: Mapping[str, Any]) -> float | None:
    given = envelope.get("timeout_ms")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e9:
        raise RequestError("bad timeout_ms", where="$.timeout_ms", expected="milliseconds above 0", got=shown(given))
    return float(given) / 1e3


def row_answers(answer: Answer, explained: tuple[str, Any] | None = None) -> list[RowAnswer]:
    """Return one line per row, each with who was present in that very row, and the members' shares where given."""
    same = (list(answer.present), dict[str, str](), False) if answer.whole else None
    said = predictions(answer)
    numbers: Sequence[Any] = answer.output.tolist()
    out = []
    for row, identity in enumerate(answer.ids):
        present, missing, degraded = same or answer.row(row)
        known = answer.classes and answer.answered[row]
        proba = dict(zip(answer.classes, numbers[row], strict=True)) if known else None
        shares = UNSET if explained is None else _shares(answer, row, *explained)
        out.append(RowAnswer(identity, said[row], proba, present, missing, degraded, answer.recorded, shares))
    return out


def _shares(answer: Answer, row: int, kind: str, shares: Any) -> Shares | None:
    """Return one row's shares; None where members did not make the answer."""
    if not answer.answered[row] or answer.fallback[row]:
        return None
    named = zip(answer.calls, shares[row].tolist(), strict=True)
    return Shares(kind, {call.name: dict(zip(answer.classes, one, strict=True)) if answer.classes else one
                         for call, one in named if call.usable[row] and call.due[row]})  # fmt: skip


def response(answer: Answer, ignored: list[str], rows: list[RowAnswer]) -> PlainAnswer:
    """Return the whole answer."""
    return PlainAnswer(answer.ensemble, answer.version, answer.weight_version, answer.degraded, answer.recorded,
                       ignored, rows)  # fmt: skip
