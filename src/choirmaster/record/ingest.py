"""Turn records and tables into canonical batches: good rows kept, bad rows refused with a reason and their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from choirmaster.layout import (
    TEXT,
    Layout,
    Output,
    SeriesSpec,
    Status,
    Task,
    feature_column,
    series_prefix,
    tag_column,
)
from choirmaster.record.parsing import BadRow, Refusals, identity, instant, number, shown, text
from choirmaster.records import LABEL_SCHEMA, Batch, EventKind
from choirmaster.schema import class_text
from choirmaster.values import FUSED

_ROLES = frozenset({"id", "time", "split", "weight_version", "features", "members", "fused", "tags", "value", "status",
                    "latency_us", "versions", "ensemble"})  # fmt: skip
_SPLITS = ("live", "train", "test")
_PROBABILITY_SLACK = 1e-6
Columns = dict[str, list[Any]]


# -- predictions --------------------------------------------------------------------------------------------------
def prediction_batch(
    ensemble: str,
    layout: Layout,
    records: Sequence[tuple[int, Mapping[str, Any]]],
    refused: Refusals,
    *,
    zone: str = "UTC",
) -> Batch | None:
    """Build the batch of prediction records; None where no row is good.

    Parameters
    ----------
    records : list of (row number, record)
        ``{"id", "time", "features": {}, "members": {name: number or {class: number} or class}, "fused", "tags": {}}``
        and, where known, ``split``, ``value``, ``status`` and ``latency_us`` and ``versions`` by member.
    refused : Refusals
        Collects refused rows and masked cells.
    """
    columns: Columns = {field.name: [] for field in layout.arrow()}
    for row, record in records:
        try:
            one = _prediction(layout, record, refused, zone)
        except BadRow as error:
            refused.add(row, error.reason, str(error))
            continue
        for name, values in columns.items():
            values.append(one.get(name))
    if not columns["id"]:
        return None
    schema = layout.arrow()
    arrays = [_array(columns[field.name], field.type) for field in schema]
    table = checked(layout, pa.table(arrays, schema=schema), refused)
    return Batch(EventKind.PREDICTION, ensemble, _one_batch(table))


def _prediction(layout: Layout, record: Mapping[str, Any], refused: Refusals, zone: str) -> dict[str, Any]:
    split = record.get("split", "live")
    if split not in _SPLITS:
        raise BadRow("bad_split", f"expected one of {', '.join(_SPLITS)}, got {shown(split)}")
    out: dict[str, Any] = {"id": identity(record), "time": instant(record.get("time"), zone=zone), "split": split}
    weights = record.get("weight_version")
    out["weight_version"] = None if weights is None else str(weights)
    given = {
        name: _mapping(record, name) for name in ("features", "members", "tags", "status", "latency_us", "versions")
    }
    _features(layout, given["features"], given["tags"], out, refused)
    for one in layout.series:
        if one.name == FUSED:
            _output(layout, one, record.get("fused"), out, refused)
        else:
            _member(layout, one, given, out, refused)
    if layout.value:
        out["value"] = _masked(number, record.get("value"), "bad_value", refused)
    _count_unknown(layout, record, given, refused)
    return out


def _mapping(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadRow("wrong_type", f"{name}: expected an object, got {shown(found)}")
    return found


def _features(
    layout: Layout, features: Mapping[str, Any], tags: Mapping[str, Any], out: dict[str, Any], refused: Refusals
) -> None:
    for name in layout.numeric:
        out[feature_column(name)] = _masked(number, features.get(name), "bad_feature", refused)
    for name in layout.categorical:
        out[feature_column(name)] = _masked(text, features.get(name), "bad_feature", refused)
    for name in layout.tags:
        out[tag_column(name)] = _masked(text, tags.get(name, features.get(name)), "bad_tag", refused)


def _masked(read: Any, value: Any, reason: str, refused: Refusals) -> Any:
    try:
        return read(value)
    except ValueError:
        refused.masked[reason] += 1
        return None


def _member(
    layout: Layout, one: SeriesSpec, given: Mapping[str, Mapping[str, Any]], out: dict[str, Any], refused: Refusals
) -> None:
    prefix = series_prefix(one.name)
    value = given["members"].get(one.name)
    status = given["status"].get(one.name)
    if status is not None and status not in tuple(Status):
        raise BadRow("bad_status", f"{one.name}: expected one of {', '.join(Status)}, got {shown(status)}")
    if value is None:
        out[f"{prefix}.status"] = status if status not in (None, Status.OK) else str(Status.ABSENT)
    else:
        good = _output(layout, one, value, out, refused)
        out[f"{prefix}.status"] = (status or str(Status.OK)) if good else str(Status.INVALID)
    latency = _masked(number, given["latency_us"].get(one.name), "bad_latency", refused)
    out[f"{prefix}.latency_us"] = int(latency) if latency is not None and 0 <= latency < 1e15 else None
    out[f"{prefix}.version"] = _masked(text, given["versions"].get(one.name), "bad_version", refused)


def _output(layout: Layout, one: SeriesSpec, value: Any, out: dict[str, Any], refused: Refusals) -> bool:
    """Read one answer into its columns; False (columns null, counted) where it is none."""
    if value is None:
        return False
    try:
        numbers = _answer(layout, one, value)
    except (ValueError, KeyError, TypeError):
        refused.masked["invalid_output"] += 1
        return False
    out |= dict(zip(layout.output_columns(one), numbers, strict=True))
    return True


def _answer(layout: Layout, one: SeriesSpec, value: Any) -> list[Any]:
    if one.output is Output.CLASS:
        name = text(value)
        if name not in layout.classes:
            raise ValueError(value)
        return [name]
    if not isinstance(value, dict):
        if layout.task is Task.MULTICLASS:
            raise ValueError(value)
        return [_required(value)]
    by_class = {class_text(name): found for name, found in value.items()}
    if not layout.task.classifies or set(by_class) - set(layout.classes):
        raise ValueError(value)
    if layout.task is Task.BINARY:
        return [_positive(layout, one, by_class)]
    return [_required(by_class[name]) for name in layout.classes]


def _positive(layout: Layout, one: SeriesSpec, by_class: Mapping[str, Any]) -> float:
    """Return the positive class's number; the other class's probability says it too, and both must agree."""
    numbers = {name: _required(found) for name, found in by_class.items()}
    if one.output is Output.PROBABILITY:
        if not numbers or (len(numbers) == 2 and not abs(sum(numbers.values()) - 1.0) <= 2 * _PROBABILITY_SLACK):
            raise ValueError(by_class)
        return numbers[layout.positive] if layout.positive in numbers else 1.0 - sum(numbers.values())
    return numbers[layout.positive]


def _required(value: Any) -> float:
    found = number(value)
    if found is None:
        raise ValueError(value)
    return found


def _count_unknown(
    layout: Layout, record: Mapping[str, Any], given: Mapping[str, Mapping[str, Any]], refused: Refusals
) -> None:
    known = {
        "features": {*layout.features, *layout.tags}, "tags": set(layout.tags),
        "members": {one.name for one in layout.members},
    }  # fmt: skip
    strange = len(record.keys() - _ROLES) + sum(len(given[name].keys() - names) for name, names in known.items())
    if strange:
        refused.masked["unknown_field"] += strange


def prediction_table(ensemble: str, layout: Layout, table: pa.Table, refused: Refusals) -> Batch | None:
    """Build the batch of a table that has the canonical columns (``Layout.arrow``); what is missing is null."""
    schema, arrays = layout.arrow(), []
    good = np.ones(table.num_rows, bool)
    for field in schema:
        if field.name not in table.column_names:
            column = pa.chunked_array([pa.nulls(table.num_rows, field.type)])
            if field.name == "split":
                column = pa.chunked_array([pa.array(["live"] * table.num_rows).cast(TEXT)])
        else:
            column = _cast(table.column(field.name), field, refused)
        arrays.append(column)
    refused.masked.update({"unknown_field": len(set(table.column_names) - set(schema.names))})
    refused.masked += type(refused.masked)()  # drops counts of zero
    whole = pa.table(arrays, schema=schema)
    for name, reason in (("id", "missing_id"), ("time", "missing_time")):
        empty = whole.column(name).is_null().to_numpy(zero_copy_only=False)
        if name == "id":
            empty = empty | pc.fill_null(pc.equal(whole.column("id"), ""), True).to_numpy(zero_copy_only=False)
        _refuse(refused, empty & good, reason, f"a row needs its {name}")
        good &= ~empty
    strange = ~pc.fill_null(pc.is_in(whole.column("split").cast(pa.string()), pa.array(_SPLITS)), False).to_numpy(
        zero_copy_only=False
    )
    _refuse(refused, strange & good, "bad_split", f"expected one of {', '.join(_SPLITS)}")
    good &= ~strange
    whole = _with_status(layout, checked(layout, whole.take(pa.array(np.flatnonzero(good))), refused))
    return Batch(EventKind.PREDICTION, ensemble, _one_batch(whole)) if whole.num_rows else None


def _cast(column: pa.ChunkedArray, field: pa.Field, refused: Refusals) -> pa.ChunkedArray:
    try:
        if pa.types.is_dictionary(field.type) and not pa.types.is_dictionary(column.type):
            return column.cast(pa.string()).combine_chunks().dictionary_encode().cast(field.type)
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        refused.masked[f"wrong_type:{field.name}"] += len(column) - column.null_count
        return pa.chunked_array([pa.nulls(len(column), field.type)])


def _refuse(refused: Refusals, bad: NDArray[np.bool_], reason: str, message: str) -> None:
    for place in np.flatnonzero(bad).tolist():
        refused.add(place + 1, reason, message)


def _with_status(layout: Layout, table: pa.Table) -> pa.Table:
    """Where no status is given: ``ok`` with an answer, ``absent`` without one."""
    for one in layout.members:
        name = f"{series_prefix(one.name)}.status"
        place = table.schema.get_field_index(name)
        answered = table.column(layout.output_columns(one)[0]).is_valid()
        guess = pc.if_else(answered, str(Status.OK), str(Status.ABSENT))
        given = table.column(name).cast(pa.string())
        table = table.set_column(place, table.schema.field(name), _dictionary(pc.coalesce(given, guess)))
    return table


def checked(layout: Layout, table: pa.Table, refused: Refusals) -> pa.Table:
    """Null every answer that cannot be one (not finite, a probability outside [0, 1]) and mark it ``invalid``."""
    for one in layout.series:
        names = layout.output_columns(one)
        if one.output is Output.CLASS:
            bad = ~pc.is_in(table.column(names[0]).cast(pa.string()), pa.array(layout.classes, pa.string())).to_numpy(
                zero_copy_only=False) & table.column(names[0]).is_valid().to_numpy(zero_copy_only=False)  # fmt: skip
        else:
            bad = _bad_numbers(layout, one, table)
        if not bad.any():
            continue
        refused.masked["invalid_output"] += int(bad.sum())
        for name in names:
            table = _set(table, name, pc.if_else(pa.array(bad), None, table.column(name)))
        if one.name != FUSED:
            name = f"{series_prefix(one.name)}.status"
            status = pc.if_else(pa.array(bad), str(Status.INVALID), table.column(name).cast(pa.string()))
            table = _set(table, name, _dictionary(status))
    return table


def _bad_numbers(layout: Layout, one: SeriesSpec, table: pa.Table) -> NDArray[np.bool_]:
    names = layout.output_columns(one)
    numbers = np.stack([table.column(name).fill_null(np.nan).to_numpy() for name in names], axis=1)
    given = np.stack([table.column(name).is_valid().to_numpy(zero_copy_only=False) for name in names], axis=1)
    bad: NDArray[np.bool_] = (given & ~np.isfinite(numbers)).any(axis=1) | (given.any(axis=1) & ~given.all(axis=1))
    if one.output is Output.PROBABILITY:
        with np.errstate(invalid="ignore"):
            bad |= (given & ((numbers < 0.0) | (numbers > 1.0))).any(axis=1)
            if len(names) > 1:
                bad |= given.all(axis=1) & ~(np.abs(numbers.sum(axis=1) - 1.0) <= _PROBABILITY_SLACK * len(names))
    return bad


# -- labels -------------------------------------------------------------------------------------------------------
def label_batch(
    ensemble: str,
    layout: Layout | None,
    records: Sequence[tuple[int, Mapping[str, Any]]],
    refused: Refusals,
    *,
    zone: str = "UTC",
) -> Batch | None:
    """Build the batch of label records ``{"id", "value", "known_at", "source", "revision"}``.

    ``layout`` is None for labels of every ensemble; then any value is taken here and checked where it is used.
    """
    rows: list[tuple[Any, ...]] = []
    for row, record in records:
        try:
            rows.append(_label(layout, record, zone))
        except BadRow as error:
            refused.add(row, error.reason, str(error))
    if not rows:
        return None
    arrays = [
        _array(list(column), field.type) for column, field in zip(zip(*rows, strict=True), LABEL_SCHEMA, strict=True)
    ]
    return Batch(EventKind.LABEL, ensemble, pa.RecordBatch.from_arrays(arrays, schema=LABEL_SCHEMA))


def _label(layout: Layout | None, record: Mapping[str, Any], zone: str) -> tuple[Any, ...]:
    name = identity(record)
    if "value" not in record:
        raise BadRow("missing_value", "a label needs a value; null withdraws it")
    known_at = record.get("known_at")
    moment = None if known_at is None else instant(known_at, zone=zone, name="known_at")
    source = record.get("source")
    if source is not None and not isinstance(source, str):
        raise BadRow("wrong_type", f"source: expected a text, got {shown(source)}")
    revision = record.get("revision")
    if revision is not None and (
        isinstance(revision, bool) or not isinstance(revision, int) or abs(revision) >= 1 << 62
    ):
        raise BadRow("bad_revision", f"revision: expected a whole number, got {shown(revision)}")
    return name, label_text(layout, record["value"]), moment, source, revision


def label_text(layout: Layout | None, value: Any) -> str | None:
    """Return a label as it is stored: the class name, or the shortest text of a number."""
    if value is None:
        return None
    if layout is not None and not layout.task.classifies:
        return _number_text(value)
    try:
        name = text(value)
    except ValueError:
        raise BadRow("wrong_type", f"value: expected a class name or a number, got {shown(value)}") from None
    if layout is not None and layout.classes and name not in layout.classes:
        raise BadRow("unknown_class", f"value: expected one of {', '.join(layout.classes[:12])}, got {shown(value)}")
    return name


def _number_text(value: Any) -> str:
    try:
        found = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        found = None
    if found is None or not np.isfinite(found):
        raise BadRow("bad_number", f"value: expected a finite number, got {shown(value)}")
    return repr(found)


def label_table(ensemble: str, layout: Layout | None, table: pa.Table, refused: Refusals) -> Batch | None:
    """Build the batch of a table with the columns of ``LABEL_SCHEMA``."""
    names = [name for name in LABEL_SCHEMA.names if name in table.column_names]
    chosen = table.select(names)
    if "known_at" in names and pa.types.is_timestamp(chosen.schema.field("known_at").type):
        place = names.index("known_at")
        chosen = chosen.set_column(
            place, "known_at", chosen.column("known_at").cast(pa.timestamp("us")).cast(pa.int64())
        )
    return label_batch(ensemble, layout, list(enumerate(chosen.to_pylist(), 1)), refused)


# -- arrays -------------------------------------------------------------------------------------------------------
def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode()
    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, kind)


def _dictionary(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0)
    return whole.dictionary_encode()


def _set(table: pa.Table, name: str, column: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), table.schema.field(name), column)


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    found = table.unify_dictionaries().combine_chunks().to_batches()
    return found[0] if found else pa.RecordBatch.from_pylist([], schema=table.schema)
