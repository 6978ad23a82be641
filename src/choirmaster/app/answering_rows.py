"""Rows of a file as they are asked: typed, each with an id, and what cannot be asked put aside with its reason."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from choirmaster.errors import ChoirmasterError, DataError, SchemaError
from choirmaster.layout import Layout
from choirmaster.serve.request import identities, instants
from choirmaster.sources.convert import as_identity, as_number, as_text, is_number, is_text, reads_as_number
from choirmaster.sources.faults import Faults
from choirmaster.sources.files import FileSource, open_files

T = TypeVar("T")
_IDS, _TIMES = ("_id", "id"), ("_time", "time")


@dataclass(frozen=True, slots=True)
class Taken:
    """What an ensemble takes and gives, as its layout says, or the metadata of a server."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    tags: tuple[str, ...] = ()
    value: bool = False
    classes: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """All features."""
        return (*self.numeric, *self.categorical)

    @classmethod
    def of_layout(cls, layout: Layout) -> Taken:
        """Read it off a layout."""
        return cls(layout.numeric, layout.categorical, layout.tags, layout.value, layout.classes)

    @classmethod
    def of_metadata(cls, found: Mapping[str, Any]) -> Taken:
        """Read it off a model's metadata (Open Inference Protocol)."""
        parameters = found.get("parameters", {})
        inputs = {one["name"]: one["datatype"] for one in found["inputs"]}
        optional = json.loads(parameters.get("optional_inputs", "[]"))
        return cls(
            tuple(name for name, kind in inputs.items() if kind != "BYTES"),
            tuple(name for name, kind in inputs.items() if kind == "BYTES"),
            tuple(one.removeprefix("_segment.") for one in optional if one.startswith("_segment.")),
            "_value" in optional, tuple(json.loads(parameters.get("classes", "[]"))),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reject:
    """What could not be asked: a row by its place among the rows, or a line that is no row."""

    reason: str
    row: int | None = None
    line: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows to be asked together.

    Attributes
    ----------
    number : int
        Of the piece, from 0.
    first, rows : int
        Place of its first row, and how many it was read from.
    table : pyarrow.Table
        The good ones: features, ``_id``, and ``_time``, ``_segment.<tag>``, ``_value`` where there are such.
    places : tuple of int
        The place of each good row.
    rejects : tuple of Reject
    """

    number: int
    first: int
    rows: int
    table: pa.Table
    places: tuple[int, ...]
    rejects: tuple[Reject, ...]


class Broken(Faults):
    """Keeps every line that is no row."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Reject] = []

    def add(self, column: str, reason: str, count: int = 1, *examples: object) -> None:
        """Count, and keep the line."""
        super().add(column, reason, count, *examples)
        if not column:
            self.found += [Reject(reason.removesuffix(", skipped"), line=str(one)) for one in examples]

    def taken(self) -> tuple[Reject, ...]:
        """Return what was found since the last call."""
        found, self.found = tuple(self.found), []
        return found


@dataclass
class AskedRows:
    """The rows of a path or glob.

    Raises
    ------
    SchemaError
        A feature, or a column named for ids or times, is not there.
    """

    data: str
    taken: Taken
    id: str = ""
    time: str = ""
    source: FileSource = field(init=False)
    broken: Broken = field(init=False)

    def __post_init__(self) -> None:
        self.broken = Broken()
        self.source = open_files(self.data, faults=self.broken, texts=self.taken.numeric)
        names = self.source.schema.names
        absent = [one for one in (*self.taken.features, self.id, self.time) if one and one not in names]
        if absent:
            raise SchemaError("the file lacks columns", where=self.data, got=", ".join(absent), allowed=names)
        self.id = self.id or self._usual(_IDS)
        self.time = self.time or self._usual(_TIMES)
        self.head = fingerprint(self.source.paths)

    def _usual(self, wanted: Sequence[str]) -> str:
        return next((one for one in wanted if one in self.source.schema.names and one not in self.taken.features), "")

    @property
    def total(self) -> int:
        """How many rows there are; 0 where the files do not say."""
        rows = [one.rows for one in self.source.splits()]
        return sum(one or 0 for one in rows) if all(one is not None for one in rows) else 0

    def pieces(self, size: int, *, after: int = -1) -> Iterator[Piece]:
        """Yield pieces of at most ``size`` rows behind the piece numbered ``after``, in the order of the rows."""
        tags = [one for one in self.taken.tags if one in self.source.schema.names]
        extra = [one for one in (self.id, self.time, "value" if self._has_value() else "") if one]
        columns = list(dict.fromkeys([*self.taken.features, *tags, *extra]))
        number = first = 0
        for split in self.source.splits():
            for batch in split.batches(columns, size):
                if number > after:
                    yield self._piece(number, first, batch, tags)
                number, first = number + 1, first + batch.num_rows

    def _has_value(self) -> bool:
        return self.taken.value and "value" in self.source.schema.names and "value" not in self.taken.features

    def _piece(self, number: int, first: int, batch: pa.RecordBatch, tags: Sequence[str]) -> Piece:
        bad: dict[int, str] = {}
        columns: dict[str, Any] = {one: _numbers(batch.column(one), one, bad) for one in self.taken.numeric}
        for one in self.taken.categorical:
            columns[one] = as_text(batch.column(one), name=one, faults=Faults())
        for one in tags:
            columns[f"_segment.{one}"] = as_text(batch.column(one), name=one, faults=Faults())
        if self._has_value():
            columns["_value"] = _numbers(batch.column("value"), "value", bad)
        ids = [one or f"{self.head}/{first + row}" for row, one in enumerate(self._ids(batch, bad))]
        columns["_id"] = pa.array(ids, pa.string())
        if self.time:
            columns["_time"] = pa.array(_times(batch.column(self.time), bad), pa.int64())
        good = [row for row in range(batch.num_rows) if row not in bad]
        table = pa.table(columns)
        return Piece(
            number, first, batch.num_rows, table if not bad else table.take(pa.array(good, pa.int64())),
            tuple(first + row for row in good),
            tuple(Reject(bad[row], first + row, id=ids[row]) for row in sorted(bad)),
        )  # fmt: skip

    def _ids(self, batch: pa.RecordBatch, bad: dict[int, str]) -> list[str | None]:
        if not self.id:
            return [None] * batch.num_rows
        given = as_identity(batch.column(self.id)).to_pylist()
        try:
            return list(identities(given))
        except ChoirmasterError:
            return [_one(_identity, one, row, bad) for row, one in enumerate(given)]


def _identity(value: Any) -> str | None:
    return identities([value])[0]


def _instant(value: Any) -> int | None:
    return instants([int(value) if isinstance(value, float) and value.is_integer() else value], now=0)[0]


def _one(read: Callable[[Any], T], value: Any, row: int, bad: dict[int, str]) -> T | None:
    """Read one cell; what cannot be read puts its row aside."""
    try:
        return read(value)
    except ChoirmasterError as error:
        bad.setdefault(row, f"{error.what}: expected {error.expected}, got {error.got}")
        return None


def _numbers(column: pa.Array, name: str, bad: dict[int, str]) -> pa.Array:
    """Return a column as float64; the rows of cells that are no number are put aside."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (is_number(kind) or is_text(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        raise DataError(f'column "{name}" holds no numbers', got=str(kind))
    if is_text(kind):
        texts = pc.utf8_trim_whitespace(pa.array(column.to_pylist(), pa.string()))
        wrong = pc.and_(pc.invert(reads_as_number(texts)), pc.not_equal(texts, ""))
        for row in pc.indices_nonzero(pc.fill_null(wrong, False)).to_pylist():
            bad.setdefault(row, f'column "{name}": expected a number, got "{str(texts[row])[:60]}"')
    return as_number(column, name=name, faults=Faults())


def _times(column: pa.Array, bad: dict[int, str]) -> list[int | None]:
    """Return microseconds UTC, null where there is no time: it is then the time of asking."""
    if pa.types.is_timestamp(column.type):
        whole: list[int | None] = column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64()).to_pylist()
        return whole
    given = column.to_pylist()
    return [None if one in (None, "") else _one(_instant, one, row, bad) for row, one in enumerate(given)]


def fingerprint(paths: Sequence[Path]) -> str:
    """Return the head of the ids made for these files: the same for the same names, sizes, beginnings and ends."""
    digest = hashlib.blake2b(digest_size=8)
    for path in paths:
        size = path.stat().st_size
        digest.update(f"{path.name}|{size}|".encode())
        with path.open("rb") as file:
            digest.update(file.read(1 << 16))
            file.seek(max(0, size - (1 << 16)))
            digest.update(file.read(1 << 16))
    return digest.hexdigest()
