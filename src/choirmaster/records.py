"""The shapes that cross floors: events on the way in, parts of the journal, receipts on the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa

from choirmaster.schema import TIMESTAMP
from choirmaster.values import VALUE_COLUMNS

LABEL_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("value", pa.string()),  # class name, or the shortest text of a number; null withdraws the label
        pa.field("known_at", TIMESTAMP),  # null: the time of receipt
        pa.field("source", pa.string()),
        pa.field("revision", pa.int64()),
    ]
)

_TEXT_VALUES = {
    "ensemble",
    "series",
    "version",
    "segment",
    "feature",
    "target",
    "metric",
    "kind",
    "reason",
    "reference",
}


def _value_type(name: str) -> pa.DataType:
    if name in ("window_start", "window_end"):
        return TIMESTAMP
    if name in ("revision", "n"):
        return pa.int64()
    return pa.string() if name in _TEXT_VALUES else pa.float64()


VALUE_SCHEMA = pa.schema([pa.field(name, _value_type(name)) for name in VALUE_COLUMNS])


class EventKind(StrEnum):
    """What a journal batch holds."""

    PREDICTION = "prediction"
    LABEL = "label"


class RowFate(StrEnum):
    """What became of one row on the way in."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICTING = "conflicting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Batch:
    """One Arrow batch of events of one ensemble, with canonical columns.

    Attributes
    ----------
    kind : EventKind
    ensemble : str
        Name, or ``*`` for labels of every ensemble that scored the id.
    rows : pyarrow.RecordBatch
        Predictions have the columns of ``Layout.arrow()``, labels those of ``LABEL_SCHEMA``.
    """

    kind: EventKind
    ensemble: str
    rows: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Part:
    """One journal batch, named so that it is drained and merged exactly once (D7).

    Attributes
    ----------
    journal : str
        Identity of the journal file (a UUID's hex).
    sequence : int
        Ascending within the journal, from 1.
    received_at : int
        Microseconds UTC.
    batch : Batch
    """

    journal: str
    sequence: int
    received_at: int
    batch: Batch

    @property
    def id(self) -> str:
        """``<journal>:<sequence>``, unique for ever."""
        return f"{self.journal}:{self.sequence}"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The acknowledgement of a batch that is durable in the journal."""

    id: str
    accepted: int
    refused: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The final counts of one drained part."""

    part: str
    accepted: int = 0
    duplicate: int = 0
    conflicting: int = 0
    refused: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
