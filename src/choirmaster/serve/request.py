"""One request as the runner takes it, and the turning of loose columns into canonical Arrow types."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from choirmaster.errors import ConfigError, DataError, RequestError, TooLarge, nearest
from choirmaster.layout import TEXT, Layout
from choirmaster.schema import class_text
from choirmaster.times import parse_instant

MAX_ID = 256


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """Validated rows.

    Attributes
    ----------
    features : pyarrow.Table
        A column per feature of the layout, in its order: float64, or dictionary text; null is missing.
    ids : tuple of (str or None) or None
        Given identities; the runner makes ``<request id>/<row>`` where there is none.
    times : tuple of int or None
        Microseconds UTC; None means now.
    tags : dict
        ``{tag: [text or None, ...]}``.
    value : sequence of float or None
        The declared ``value`` column.
    request_id : str
        Given by the client, or ''.
    timeout_seconds : float or None
        A client's own limit; only ever shortens the ensemble's deadline.
    arrived : float or None
        When it came, in seconds of the monotonic clock; its time runs from then, else from being asked.
    """

    features: pa.Table
    ids: tuple[str | None, ...] | None = None
    times: tuple[int, ...] | None = None
    tags: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    value: Sequence[float | None] | None = None
    request_id: str = ""
    timeout_seconds: float | None = None
    arrived: float | None = None

    @property
    def rows(self) -> int:
        """How many rows are asked for."""
        return int(self.features.num_rows)


def features_table(layout: Layout, columns: Mapping[str, Any], rows: int) -> pa.Table:
    """Return the features as canonical columns; a feature that is not given is missing in every row.

    Parameters
    ----------
    columns : dict
        ``{feature: values}``; values are a list, an Arrow array or a numpy array of length ``rows``.

    Raises
    ------
    DataError
        Names the input, the row, what was expected and what came.

    Examples
    --------
    >>> from choirmaster.layout import SeriesSpec, Task
    >>> layout = Layout(Task.REGRESSION, (SeriesSpec("a"),), numeric=("x",), categorical=("c",))
    >>> features_table(layout, {"x": [1, None]}, 2).to_pylist()
    [{'x': 1.0, 'c': None}, {'x': None, 'c': None}]
    """
    made: dict[str, pa.Array] = {}
    for name in layout.numeric:
        made[name] = numbers(name, columns[name]) if name in columns else pa.nulls(rows, pa.float64())
    for name in layout.categorical:
        made[name] = texts(name, columns[name]) if name in columns else pa.nulls(rows, TEXT)
    for name, array in made.items():
        if len(array) != rows:
            raise DataError(f'input "{name}" has a wrong length', expected=f"{rows} rows", got=f"{len(array)}")
    return pa.table(made) if made else pa.table({"": pa.nulls(rows)}).select([])


def numbers(name: str, values: Any) -> pa.Array:
    """Return float64; NaN and null are missing."""
    if isinstance(values, pa.ChunkedArray | pa.Array | np.ndarray):
        return _arrow_numbers(name, values)
    try:
        array = pa.array(values, pa.float64(), from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        array = pa.array([_number(name, row, one) for row, one in enumerate(values)], pa.float64(), from_pandas=True)
    return array


def _arrow_numbers(name: str, values: Any) -> pa.Array:
    array = _one_array(values)
    kind = array.type
    if pa.types.is_null(kind):
        return pa.nulls(len(array), pa.float64())
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise DataError(f'wrong type in input "{name}"', expected="numbers", got=str(kind))
    if pa.types.is_boolean(kind):
        array = array.cast(pa.int8())
    wide = array.cast(pa.float64(), safe=False)
    return pa.array(wide.to_numpy(zero_copy_only=False), pa.float64(), from_pandas=True)


def _one_array(values: Any) -> pa.Array:
    if isinstance(values, np.ndarray):
        values = pa.array(values.ravel())
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.ChunkedArray):  # no chunk at all
        values = pa.array([], values.type)
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _number(name: str, row: int, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        try:
            return float(value)
        except OverflowError:
            raise wrong_type(name, row, "a number in the range of float64", value) from None
    raise wrong_type(name, row, "a number", value)


def texts(name: str, values: Any) -> pa.Array:
    """Return dictionary text; numbers and booleans are written as class names are."""
    if isinstance(values, pa.ChunkedArray | pa.Array | np.ndarray):
        array = _one_array(values)
        if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
            return array.cast(pa.string()).dictionary_encode()
        values = array.to_pylist()
    return pa.array([_text(name, row, one) for row, one in enumerate(values)], TEXT)


def _text(name: str, row: int, value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | int | float):
        return class_text(value)
    raise wrong_type(name, row, "text", value)


_KINDS = ((bool, "boolean"), (int, "number"), (float, "number"), (str, "text"), (list, "list"), (dict, "object"))


def shown(value: Any) -> str:
    """Write a value's JSON kind and the start of it, short enough for a message."""
    kind = next((word for one, word in _KINDS if isinstance(value, one)), type(value).__name__)
    if value is None:
        return "null"
    if isinstance(value, list | dict):
        return f"{kind} of {len(value)}"
    text = repr(value) if not isinstance(value, int) or value.bit_length() < 200 else "a very large integer"
    return f"{kind} {text[:60]}"


def wrong_type(name: str, row: int, expected: str, value: Any) -> DataError:
    """Build the one message for a cell of the wrong type."""
    return DataError(f'wrong type in input "{name}"', where=f"row {row}", expected=expected, got=shown(value))


def identities(values: Any) -> tuple[str | None, ...]:
    """Return ids as text, or name the first that cannot be one; null asks for a made one."""
    out: list[str | None] = []
    for row, one in enumerate(values):
        if one is None:
            out.append(None)
            continue
        if isinstance(one, bool) or not isinstance(one, str | int):
            raise wrong_type("_id", row, "text or a whole number", one)
        if isinstance(one, int) and one.bit_length() > 128:
            raise wrong_type("_id", row, "text or a whole number", one)
        text = str(one)
        if not 0 < len(text) <= MAX_ID or not text.isprintable():
            raise DataError('bad id in input "_id"', where=f"row {row}", got=shown(text),
                            expected=f"1 to {MAX_ID} printable characters")  # fmt: skip
        out.append(text)
    return tuple(out)


_FIRST, _LAST = -2_208_988_800_000_000, 9_214_646_400_000_000  # 1900 to 2262, what every store can hold


def instants(values: Any, *, now: int) -> tuple[int, ...]:
    """Return microseconds UTC from ISO 8601 texts or whole microseconds; null is now."""
    return tuple(_instant(row, one, now) for row, one in enumerate(values))


def _instant(row: int, value: Any, now: int) -> int:
    if value is None:
        return now
    if isinstance(value, str):
        try:
            micros = parse_instant(value)
        except (ConfigError, OverflowError):
            raise wrong_type("_time", row, 'ISO 8601 such as "2013-04-22T04:00:00Z"', value) from None
    elif isinstance(value, int) and not isinstance(value, bool):
        micros = value
    else:
        raise wrong_type("_time", row, "ISO 8601 text, or whole microseconds since 1970 UTC", value)
    if not _FIRST <= micros <= _LAST:
        raise wrong_type("_time", row, "a time between 1900 and 2262", value)
    return micros


def check_rows(rows: int, limit: int) -> None:
    """Refuse more rows than one request may have."""
    if rows > limit:
        raise TooLarge("too many rows in one request", expected=f"at most {limit}", got=str(rows))


def unknown_input(name: str, layout: Layout) -> RequestError:
    """Build the one message for an input that is no feature."""
    known = [*layout.features, "_id", "_time", *(f"_segment.{tag}" for tag in layout.tags)]
    close = nearest(name, known)
    return RequestError("unknown input", got=f'"{name[:100]}"', allowed=[close, *known] if close else known)
