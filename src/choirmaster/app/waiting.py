"""Predictions and labels that wait in the journals for the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import structlog

from choirmaster.ports import Store
from choirmaster.records import EventKind, Part
from choirmaster.stores.journal_file import journal_files, waiting_parts

_LOG = structlog.get_logger(__name__)


class Waiting:
    """Looks for one id among what is durable and not drained yet, of every process on a folder."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder, self._store = folder, store

    def __call__(self, ensemble: str, identity: str) -> tuple[Mapping[str, Any] | None, list[Mapping[str, Any]]]:
        """Return the first prediction of that id, or None, and its labels in the order they came."""
        row: Mapping[str, Any] | None = None
        labels: list[Mapping[str, Any]] = []
        for part in self._parts(ensemble):
            if part.batch.kind is EventKind.LABEL:
                labels += [{**one, "known_at": one["known_at"] or part.received_at, "recorded_at": part.received_at}
                           for one in _found(part, identity)]  # fmt: skip
            elif row is None:
                row = next(iter(_found(part, identity)), None)
        return row, labels

    def _parts(self, ensemble: str) -> Iterator[Part]:
        for path in journal_files(self._folder):
            try:
                yield from waiting_parts(path, ensemble, self._store.drained)
            except (sqlite3.Error, OSError) as error:  # one journal that cannot be read hides no other
                _LOG.warning("journal_unread", journal=path.name, error=str(error))


def _found(part: Part, identity: str) -> list[dict[str, Any]]:
    rows = part.batch.rows
    found: list[dict[str, Any]] = rows.filter(pc.equal(rows.column("id"), identity)).to_pylist()
    return found
