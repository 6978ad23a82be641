"""What draining a group will do to one table, decided before anything is written (D6, D8).

A plan is kept in the table ``intents`` while the rows are on their way to where rows live; after a crash it is
finished or thrown away, never half done.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from choirmaster.times import MINUTE

INDEX = pa.schema([("hash", pa.binary(16)), ("content", pa.binary(16)), ("day", pa.int32()), ("part", pa.int64()),
                   ("row", pa.int32())])  # fmt: skip
EVENTS = pa.schema([("hash", pa.binary(16)), ("order_key", pa.binary()), ("value", pa.string()),
                    ("known_at", pa.int64()), ("source", pa.string()), ("revision", pa.int64()),
                    ("recorded_at", pa.int64()), ("part", pa.int64())])  # fmt: skip


@dataclass(slots=True)
class PartCounts:
    """One part of a plan and what became of its rows.

    Attributes
    ----------
    before, latest : int or None
        Largest time of a live row kept from this journal before the part, and with it.
    again : dict
        Minute (since 1970, as text) of live rows that were not kept, because their id is there, to how many of them
        had the same content and how many another.
    """

    part: int
    journal: str
    sequence: int
    received_at: int
    accepted: int = 0
    duplicate: int = 0
    conflicting: int = 0
    refused: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    before: int | None = None
    latest: int | None = None
    again: dict[str, list[int]] = field(default_factory=dict)

    @property
    def to_measure(self) -> bool:
        """Whether there is anything for the states."""
        return bool(self.accepted or self.again)

    @property
    def arrival(self) -> str:
        """What measuring is told of how the rows came, as JSON."""
        return json.dumps({"before": self.before, "again": self.again}, sort_keys=True)

    def came_again(self, time: int, *, other: bool) -> None:
        """Count a live row whose id is there."""
        self.again.setdefault(str(time // MINUTE), [0, 0])[other] += 1

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count refused rows under a reason."""
        if count:
            self.refused += count
            self.reasons[reason] = self.reasons.get(reason, 0) + count


@dataclass(slots=True)
class Plan:
    """One table's share of a group.

    Attributes
    ----------
    kind, ensemble, table : str
    parts : list of PartCounts
        Ascending.
    entries : pyarrow.Table
        What goes into the index: ``INDEX`` for predictions, ``EVENTS`` for labels.
    rows : pyarrow.Table or None
        What goes to the bulk table; not kept with the intent.
    last : int or None
        Largest live time, or largest ``known_at``.
    newest : dict
        Source of events to its largest time, none after its receipt: ``predictions``, ``labels``, ``labels:<source>``.
    """

    kind: str
    ensemble: str
    table: str
    parts: list[PartCounts]
    entries: pa.Table
    rows: pa.Table | None = None
    last: int | None = None
    newest: dict[str, int] = field(default_factory=dict)

    @property
    def journal(self) -> str:
        """The journal all parts come from."""
        return self.parts[0].journal

    @property
    def sequence(self) -> int:
        """The last sequence of the plan."""
        return self.parts[-1].sequence

    def to_bytes(self) -> bytes:
        """Write all but the rows."""
        head: dict[str, Any] = {"kind": self.kind, "ensemble": self.ensemble, "table": self.table, "last": self.last,
                                "newest": self.newest}  # fmt: skip
        head["parts"] = [asdict(one) for one in self.parts]
        table = self.entries.replace_schema_metadata({"plan": json.dumps(head)})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        data: bytes = sink.getvalue().to_pybytes()
        return data


def table_of(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Make a table of tuples."""
    if not rows:
        return schema.empty_table()
    columns = zip(zip(*rows, strict=True), schema, strict=True)
    return pa.table([pa.array(one, kind.type) for one, kind in columns], schema=schema)


def plan_from_bytes(data: bytes) -> Plan:
    """Undo :meth:`Plan.to_bytes`."""
    with pa.ipc.open_stream(data) as reader:
        entries = reader.read_all()
    head = json.loads(entries.schema.metadata[b"plan"])
    parts = [PartCounts(**one) for one in head.pop("parts")]
    return Plan(parts=parts, entries=entries.replace_schema_metadata(None), **head)
