"""The tidy table of values (D2): texts once in ``value_keys``, numbers by key and window in ``window_values``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from choirmaster.ports import ValueQuery
from choirmaster.records import VALUE_SCHEMA
from choirmaster.stores.sql import schema
from choirmaster.stores.sql.database import Database, chunks, fetch, many
from choirmaster.times import Window
from choirmaster.values import VALUE_ORDER

_KEYS = ("ensemble", "series", "version", "segment", "feature", "target", "metric", "kind", "reference")
_NUMBERS = ("window_start", "window_end", "revision", "value", "lower", "upper", "resolution", "n", "reason")
_TYPES = [*[pa.int64()] * 3, *[pa.float64()] * 4, pa.int64(), pa.string()]
_INSERT = (
    "INSERT INTO window_values (key_number, ensemble, window_start, window_end, revision, value, lower, upper, "
    "resolution, n, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_DELETE = "DELETE FROM window_values WHERE ensemble = ? AND window_start = ? AND window_end = ?"
_REVISE = "UPDATE window_values SET revision = ? WHERE ensemble = ? AND window_start = ? AND window_end = ?"


class ValueTable:
    """Writes and reads values.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(
        self, ensemble: str, windows: Sequence[Window], values: pa.Table, among: Mapping[Window, int],
        metrics: Sequence[str],
    ) -> None:  # fmt: skip
        """Replace all values of these windows, of those ``among`` only the values of ``metrics``."""
        values = values.select(VALUE_SCHEMA.names).cast(VALUE_SCHEMA)
        with self._database.write() as link:
            many(link, _DELETE, [(ensemble, one.start, one.end) for one in windows if one not in among])
            numbers = [row[0] for row in _select_keys(link, ensemble) if row[7] in metrics] if among else []
            for one, revision in among.items():
                place = (ensemble, one.start, one.end)
                for some in chunks(numbers):
                    marks = ", ".join("?" * len(some))
                    many(link, f"{_DELETE} AND key_number IN ({marks})", [(*place, *some)])
                many(link, _REVISE, [(revision, *place)])
            many(link, _INSERT, _rows(ensemble, values, self._keys(link, values)))

    def _keys(self, link: sa.Connection, values: pa.Table) -> list[int]:
        """Return the key of each row, making those that are new."""
        texts = [pc.fill_null(values.column(name), "").combine_chunks() for name in _KEYS]
        names = list(zip(*(column.to_pylist() for column in texts), strict=True))
        wanted = dict.fromkeys(names)
        known: dict[tuple[str, ...], int] = {}
        for ensemble in {name[0] for name in wanted}:
            known |= {row[1:]: row[0] for row in _select_keys(link, ensemble)}
        missing = [name for name in wanted if name not in known]
        if missing:
            top = fetch(link, "SELECT coalesce(max(number), 0) FROM value_keys")[0][0]
            known |= {name: top + 1 + number for number, name in enumerate(missing)}
            link.execute(
                schema.value_keys.insert(),
                [{"number": known[one]} | dict(zip(_KEYS, one, strict=True)) for one in missing],
            )
        return [known[name] for name in names]

    def get(self, query: ValueQuery) -> pa.Table:
        """Return values in the order of D2."""
        with self._database.read() as link:
            keys = [row for row in _select_keys(link, query.ensemble) if _wanted(row, query)]
            rows = _select_rows(link, [row[0] for row in keys], query)
        return _table(keys, rows)


def _select_keys(link: sa.Connection, ensemble: str) -> list[tuple[Any, ...]]:
    statement = f"SELECT number, {', '.join(_KEYS)} FROM value_keys"  # noqa: S608 - constant names
    return fetch(link, f"{statement} WHERE ensemble = ?", (ensemble,)) if ensemble else fetch(link, statement)


def _wanted(row: tuple[object, ...], query: ValueQuery) -> bool:
    _, _, series, version, segment, feature, _, metric, _, _ = row
    return (
        (not query.series or series in query.series)
        and (query.segments is None or segment in query.segments)
        and (not query.features or feature in query.features)
        and (not query.metrics or metric in query.metrics)
        and (query.versions is None or version in query.versions)
    )


def _select_rows(link: sa.Connection, keys: list[int], query: ValueQuery) -> list[tuple[Any, ...]]:
    span = ""
    limits: list[int] = []
    if query.start is not None:
        span, limits = span + " AND window_start >= ?", [*limits, query.start]
    if query.end is not None:
        span, limits = span + " AND window_end <= ?", [*limits, query.end]
    rows: list[tuple[object, ...]] = []
    for some in chunks(keys):
        marks = ", ".join("?" * len(some))
        statement = f"SELECT key_number, {', '.join(_NUMBERS)} FROM window_values WHERE key_number IN ({marks}){span}"  # noqa: S608
        rows += fetch(link, statement, (*some, *limits))
    return rows


def _rows(ensemble: str, values: pa.Table, keys: list[int]) -> list[tuple[Any, ...]]:
    columns = []
    for name, kind in zip(_NUMBERS, _TYPES, strict=True):
        column = values.column(name).cast(kind)
        if pa.types.is_floating(kind):  # what is not finite is undefined here, never a number
            column = pc.if_else(pc.is_finite(column), column, None)
        columns.append(column.to_pylist())
    return list(zip(keys, [ensemble] * len(keys), *columns, strict=True))


def _table(keys: list[tuple[object, ...]], rows: list[tuple[object, ...]]) -> pa.Table:
    if not rows:
        return VALUE_SCHEMA.empty_table()
    order = [1 + _KEYS.index(name) for name in VALUE_ORDER[:-1]]
    keys = sorted(keys, key=lambda row: (*(row[place] for place in order), row[8], row[9]))
    place = {row[0]: number for number, row in enumerate(keys)}
    columns = list(zip(*rows, strict=True))
    rank = np.fromiter((place[key] for key in columns[0]), np.int64, len(rows))
    numbers = [pa.array(column, kind) for column, kind in zip(columns[1:], _TYPES, strict=True)]
    by_window = np.lexsort((numbers[1].to_numpy(), numbers[0].to_numpy(), rank))
    took, texts = pa.array(by_window), pa.array(rank[by_window])
    data = dict(zip(_NUMBERS, (one.take(took) for one in numbers), strict=True))
    data |= {name: pa.array([row[1 + at] for row in keys]).take(texts) for at, name in enumerate(_KEYS)}
    return pa.table([data[name] for name in VALUE_SCHEMA.names], names=VALUE_SCHEMA.names).cast(VALUE_SCHEMA)
