"""Predictions and labels that wait in the journals for the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from choirmaster.ports import Store
from choirmaster.records import EventKind, Part
from choirmaster.stores.journal_file import JournalFolder

_AT_ONCE = 100


class Waiting:
    """Looks for one id among what is durable and not drained yet, of every process on a folder."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder, self._store = folder, store

    def __call__(self, ensemble: str, identity: str) -> tuple[Mapping[str, Any] | None, list[Mapping[str, Any]]]:
        """Return the first prediction of that id, or None, and its labels in the order they came."""
        row: Mapping[str, Any] | None = None
        labels: list[Mapping[str, Any]] = []
        for part in self._parts():
            if part.batch.kind is EventKind.PREDICTION and part.batch.ensemble == ensemble and row is None:
                row = next(iter(_found(part, identity)), None)
            elif part.batch.kind is EventKind.LABEL and part.batch.ensemble in (ensemble, "*"):
                labels += [{**one, "known_at": one["known_at"] or part.received_at, "recorded_at": part.received_at}
                           for one in _found(part, identity)]  # fmt: skip
        return row, labels

    def _parts(self) -> Iterator[Part]:
        folder = JournalFolder(self._folder)
        try:
            for journal in folder():
                at = self._store.drained(journal.identity)
                while found := list(journal.parts(at, _AT_ONCE)):
                    yield from found
                    at = found[-1].sequence
        finally:
            folder.close()


def _found(part: Part, identity: str) -> list[dict[str, Any]]:
    rows = part.batch.rows
    found: list[dict[str, Any]] = rows.filter(pc.equal(rows.column("id"), identity)).to_pylist()
    return found
