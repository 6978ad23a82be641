"""Labels that differ from those the states hold: a small table, so that measuring touches no index of all ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from choirmaster.errors import StoreError
from choirmaster.stores.sql.database import chunks, fetch, many

Change = tuple[bytes, int, int, int, str | None, str | None]  # hash, day, part, line, label, label before
Handed = tuple[bytes, str | None, str | None]  # hash, label before, label

# Which label the states hold of a row whose part is merged; the query goes on with WHERE.
MEASURED = (
    "CASE WHEN c.hash IS NULL THEN i.label ELSE c.measured END FROM id_index i JOIN parts p ON p.part = i.part "
    "LEFT JOIN changed c ON c.ensemble = i.ensemble AND c.hash = i.hash"
)
_WAITING = (
    "SELECT c.hash, c.day, c.part, c.line, c.label, c.measured FROM changed c JOIN parts p ON p.part = c.part "
    "WHERE c.ensemble = ? AND p.merged = 1 AND (c.label <> c.measured OR (c.label IS NULL) <> (c.measured IS NULL)) "
    "ORDER BY c.hash LIMIT ?"
)
_HELD = "(measured = ? OR (? IS NULL AND measured IS NULL))"
_SAID = "(label = ? OR (? IS NULL AND label IS NULL))"


def note(link: sa.Connection, ensemble: str, changes: Sequence[Change]) -> None:
    """Remember that these rows have other labels now; what the states hold is what was so before the first change."""
    known: set[bytes] = set()
    for some in chunks([one[0] for one in changes]):
        marks = ", ".join("?" * len(some))
        query = f"SELECT hash FROM changed WHERE ensemble = ? AND hash IN ({marks})"  # noqa: S608 - marks
        known |= {row[0] for row in fetch(link, query, (ensemble, *some))}
    many(link, "UPDATE changed SET label = ? WHERE ensemble = ? AND hash = ?",
         [(one[4], ensemble, one[0]) for one in changes if one[0] in known])  # fmt: skip
    many(link, "INSERT INTO changed (ensemble, hash, day, part, line, label, measured) VALUES (?, ?, ?, ?, ?, ?, ?)",
         [(ensemble, *one) for one in changes if one[0] not in known])  # fmt: skip


def waiting(link: sa.Connection, ensemble: str, at_most: int) -> list[Change]:
    """Return the rows of merged parts whose label the states do not hold, in order of hash."""
    found: list[Any] = fetch(link, _WAITING, (ensemble, at_most))
    return found


def take_in(link: sa.Connection, ensemble: str, parts: Sequence[int], labels: Mapping[bytes, str | None]) -> None:
    """Set what the states hold of parts merged just now: the labels that were handed out with their rows."""
    for some in chunks(parts):
        marks = ", ".join("?" * len(some))
        query = f"SELECT hash FROM changed WHERE ensemble = ? AND part IN ({marks})"  # noqa: S608 - marks
        rows = [(labels.get(row[0]), ensemble, row[0]) for row in fetch(link, query, (ensemble, *some))]
        many(link, "UPDATE changed SET measured = ? WHERE ensemble = ? AND hash = ?", rows)


def settle(link: sa.Connection, ensemble: str, handed: Sequence[Handed]) -> None:
    """Set what the states hold now; refuses when somebody else measured the same label change meanwhile."""
    rows = [(ensemble, identity, before, before, after, after) for identity, before, after in handed]
    done = many(link, f"DELETE FROM changed WHERE ensemble = ? AND hash = ? AND {_HELD} AND {_SAID}", rows)  # noqa: S608
    if done != len(rows):  # labels have changed again since they were handed out
        later = [(after, ensemble, identity, before, before) for identity, before, after in handed]
        done += many(link, f"UPDATE changed SET measured = ? WHERE ensemble = ? AND hash = ? AND {_HELD}", later)  # noqa: S608
    if done != len(rows):
        raise StoreError("these labels are measured already", fix="ask for what is pending again")
    many(link, "DELETE FROM changed WHERE ensemble = ? AND (label = measured OR (label IS NULL AND measured IS NULL)) "
               "AND part IN (SELECT part FROM parts WHERE merged = 1)", [(ensemble,)])  # fmt: skip
