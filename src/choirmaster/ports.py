"""What the services ask of the outside: the shapes adapters must have. Services get adapters as arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from choirmaster.layout import Layout, SeriesSpec
from choirmaster.overlay import Decision
from choirmaster.records import Batch, Outcome, Part, Receipt
from choirmaster.times import Grain, Window

if TYPE_CHECKING:  # the states load numba, which no entrance may pay for at its start
    from choirmaster.states.pack import States
    from choirmaster.states.reference import Reference


class Clock(Protocol):
    """Where the time comes from; the real one lives in ``app.py``."""

    def now(self) -> int:
        """Return the instant in microseconds UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back, for deadlines and latencies."""
        ...


class Member(Protocol):
    """One model, whatever runs it.

    Attributes
    ----------
    name, version : str
        ``version`` names the bytes that answer (the start of the file's sha256).
    classes : tuple of str or None
        Class names in the order of the answer's columns; None for a regressor.
    features : tuple of str
        The features it takes, by name.
    """

    name: str
    version: str
    classes: tuple[str, ...] | None
    features: tuple[str, ...]

    def predict(self, features: pa.Table) -> NDArray[np.float64]:
        """Answer for each row: (n, n_classes) probabilities, or (n,) numbers. Called from several threads."""
        ...


class Journal(Protocol):
    """The local, durable queue in front of every store."""

    identity: str

    def append(self, batch: Batch) -> Receipt:
        """Make a batch durable and return; thread-safe; concurrent appends share one commit."""
        ...

    def parts(self, after: int, limit: int = 100) -> Iterator[Part]:
        """Yield parts with a sequence above ``after``, ascending."""
        ...

    def forget(self, through: int) -> None:
        """Drop parts up to a sequence, once the store holds them."""
        ...


# Of one row: its part, when that was received, and the largest live time that came by the same journal before the part.
ARRIVAL = pa.schema([("part", pa.int64()), ("received_at", pa.int64()), ("before", pa.int64())])
# Rows whose time lies in the minute that begins at ``time``: with the same content as the stored one, and with another.
AGAIN = pa.schema([("time", pa.int64()), ("same", pa.int64()), ("other", pa.int64())])


@dataclass(frozen=True, slots=True)
class Pending:
    """Rows that arrived since the last measuring, handed out by the store and given back with the new states.

    Attributes
    ----------
    predictions : pyarrow.Table
        New prediction rows: the columns of ``Layout.arrow(label=True)``; ``label`` is the current winner or null.
    changes : pyarrow.Table
        Rows measured before whose label changed since: the same columns but those features that are no segment, with
        ``label`` (the new winner) and ``label_before`` (the one the states hold now); either may be null.
    parts : tuple of str
        The parts this covers; ``commit`` marks them merged in the same transaction as the states.
    token : object
        The store's own.
    more : bool
        Whether there was more than was handed out.
    arrival : pyarrow.Table
        How each of ``predictions`` came (``ARRIVAL``), in the same order; empty where that is not known.
    again : pyarrow.Table
        Live rows of these parts that are not among ``predictions``, because their id is in the store (``AGAIN``).
    """

    ensemble: str
    predictions: pa.Table
    changes: pa.Table
    parts: tuple[str, ...]
    token: Any = None
    more: bool = True
    arrival: pa.Table = field(default_factory=ARRIVAL.empty_table)
    again: pa.Table = field(default_factory=AGAIN.empty_table)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.parts and not self.changes.num_rows


@dataclass(frozen=True, slots=True)
class StatePack:
    """All states of one window and segment, packed (``states/pack.py``)."""

    window: Window
    segment: str
    reference: str
    revision: int
    payload: bytes
    updated_at: int = 0


ALWAYS = -(1 << 62)  # before every window


@dataclass(frozen=True, slots=True)
class Epoch:
    """From which window on a reference is measured with, and where it comes from.

    Attributes
    ----------
    reference : str
        The id of the reference, a hash of its content.
    since : int
        Start of the first window that is measured with it; ``ALWAYS`` for the first reference.
    at : int
        When it was set.
    source, who : str
        Where its rows come from, and who set it, in words.
    """

    reference: str
    since: int = ALWAYS
    at: int = 0
    source: str = ""
    who: str = ""


@dataclass(frozen=True, slots=True)
class ValueQuery:
    """Which values to read; an empty tuple means all. Of ``versions`` ``*`` is all together, None each."""

    ensemble: str = ""
    start: int | None = None
    end: int | None = None
    series: tuple[str, ...] = ()
    segments: tuple[str, ...] | None = ("",)
    features: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    versions: tuple[str, ...] | None = ("*",)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One write that is not an event: who, when, what, cause, before, after."""

    at: int
    who: str
    action: str
    subject: str
    cause: str = ""
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class LabelShare:
    """How many predictions of a span have a label."""

    predictions: int
    labelled: int


class Decisions(Protocol):
    """The append-only table of what was decided about running ensembles; a part of every store."""

    def add_decision(self, decision: Decision, audit: AuditEntry) -> bool:
        """In one transaction: append a decision and its audit entry; False where its number is not the next one."""
        ...

    def decisions(self, ensemble: str = "") -> list[Decision]:
        """Return the decisions about one ensemble, or all of them, in their order."""
        ...

    def last_decision(self) -> int:
        """Return the number of the newest decision of all, 0 where there is none; asked four times a second."""
        ...


class Store(Decisions, Protocol):
    """Everything that lasts. One protocol for the embedded store and the database servers."""

    def open_ensemble(self, ensemble: str, layout: Layout) -> None:
        """Make (or widen by new columns) what one ensemble needs; raises SchemaError on a retyped column."""
        ...

    def lease(self, name: str, holder: str, *, now: int, seconds: float) -> bool:
        """Take or renew a lease; False while another holder's has not run out."""
        ...

    def release(self, name: str, holder: str) -> None:
        """Give a lease back."""
        ...

    # -- events -------------------------------------------------------------------------------------------------
    def drained(self, journal: str) -> int:
        """Return the last sequence of a journal that is in the store; 0 for an unknown one."""
        ...

    def write_parts(self, parts: Sequence[Part]) -> list[Outcome]:
        """Store parts of one journal in ascending order, each exactly once; returns their final counts."""
        ...

    def outcome(self, part: str) -> Outcome | None:
        """Return the final counts of a drained part."""
        ...

    def rows(
        self, ensemble: str, *, window: Window | None = None, columns: Sequence[str] | None = None,
        as_of: int | None = None, measured: bool = False,
    ) -> pa.Table:  # fmt: skip
        """Return predictions with their current ``label`` (null where none).

        With ``as_of`` the label that held at that instant (D5 among the events known by then). ``measured`` gives the
        rows that the states hold, each with the label they hold it with.
        """
        ...

    def find(self, ensemble: str, identity: str) -> Mapping[str, Any] | None:
        """Return one prediction with its label history, or None."""
        ...

    # -- measuring ----------------------------------------------------------------------------------------------
    def pending(self, ensemble: str, *, max_rows: int = 500_000) -> Pending:
        """Return what arrived since the last commit, oldest parts first."""
        ...

    def commit(self, pending: Pending, packs: Sequence[StatePack]) -> None:
        """In one transaction: replace the states of these windows, mark the parts merged and the labels measured."""
        ...

    def packs(self, ensemble: str, windows: Iterable[Window] | None = None) -> list[StatePack]:
        """Return stored states, all segments of the windows asked for."""
        ...

    def put_values(
        self, ensemble: str, windows: Sequence[Window], values: pa.Table, *, among: Mapping[Window, int] | None = None,
        metrics: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Replace all values of these windows (columns ``VALUE_SCHEMA``).

        Of the windows ``among``, which have that revision now, only the values of these ``metrics`` are replaced; the
        others stay, under the new revision.
        """
        ...

    def values(self, query: ValueQuery) -> pa.Table:
        """Return values in the order of D2."""
        ...

    def watermark(self, ensemble: str) -> int | None:
        """Return the largest live ``time`` or label ``known_at`` stored, in microseconds UTC."""
        ...

    def newest(self, ensemble: str) -> Mapping[str, int]:
        """Return the newest event of each source in microseconds UTC; one that lay after its receipt counts as then.

        The sources are ``predictions``, ``labels`` (of no named source) and ``labels:<source>``.
        """
        ...

    # -- small tables -------------------------------------------------------------------------------------------
    def put_reference(self, ensemble: str, reference: str, payload: bytes, *, at: int, source: str) -> None:
        """Keep a reference for ever; the latest becomes the current one."""
        ...

    def begin_epoch(
        self, ensemble: str, epoch: Epoch, payload: bytes, packs: Sequence[StatePack],
        *, seen: Mapping[Window, int], audit: AuditEntry | None = None,
    ) -> None:  # fmt: skip
        """In one transaction: keep a reference, and replace the states of all windows from its start on.

        ``seen`` is the revision of each of those windows when ``packs`` were made; raises StoreError where a window
        was measured since.
        """
        ...

    def epochs(self, ensemble: str) -> list[Epoch]:
        """Return the epochs in the order they were set."""
        ...

    def reference(self, ensemble: str, reference: str | None = None) -> tuple[str, bytes] | None:
        """Return id and bytes of a reference, the current one by default."""
        ...

    def put_document(self, kind: str, key: str, document: Mapping[str, Any], *, at: int) -> None:
        """Insert or replace a small document (alerts, members, weights, choices, notification log ...)."""
        ...

    def documents(self, kind: str, prefix: str = "") -> dict[str, dict[str, Any]]:
        """Return the documents of a kind whose key starts with ``prefix``, by key."""
        ...

    def add_audit(self, entry: AuditEntry) -> None:
        """Append to the audit table; nothing ever changes or removes a row there."""
        ...

    def audit(self, *, limit: int = 200, subject: str = "") -> list[AuditEntry]:
        """Return the newest entries first."""
        ...

    def maintain(self) -> int:
        """Do what keeps the store fast, such as joining small files; returns how much was done."""
        ...

    def close(self) -> None:
        """Release what is open."""
        ...


@dataclass(frozen=True, slots=True)
class Notification:
    """A message for people, with what a machine needs to drop a repeat."""

    fingerprint: str
    status: str  # firing | resolved
    severity: str
    title: str
    text: str
    link: str = ""
    at: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)


class Sink(Protocol):
    """One way to reach people."""

    name: str

    def send(self, notification: Notification) -> None:
        """Deliver or raise SinkError, which says whether to try again."""
        ...


class Measures(Protocol):
    """The engine as the monitor sees it."""

    def states(
        self, table: pa.Table, reference: Reference, grain: Grain | int | None, *, calls: bool, label: str = "label"
    ) -> Mapping[tuple[Window, str], States]:
        """Return the states of every window and segment of canonical rows."""
        ...

    def reference(
        self,
        table: pa.Table,
        layout: Layout,
        *,
        cutoff: float | str | Mapping[str, float | str] | None,
        source: str,
        row_scores: bool = False,
    ) -> Reference:
        """Fix bins, units and cutoffs from canonical rows; with ``row_scores`` also a model of all features."""
        ...

    def extended(
        self, reference: Reference, table: pa.Table, series: tuple[SeriesSpec, ...],
        *, cutoff: float | str | Mapping[str, float | str] | None,
    ) -> Reference:  # fmt: skip
        """Return a reference with parts for series that it does not know; parts of single series and features stay."""
        ...


class Progress(Protocol):
    """Shows how far long work is."""

    def __call__(self, stage: str, done: float, total: float, text: str = "") -> None:
        """Report ``done`` of ``total``."""
        ...
