"""Write parts exactly once: decide, note the intent, append to Delta, then mark all of it in one transaction (D8).

A crash anywhere is healed by the next drain: an intent whose rows are in Delta is finished, one whose rows are not is
dropped and its parts come again from the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from deltalake.exceptions import CommitFailedError

from choirmaster.errors import StoreError
from choirmaster.records import Outcome, Part
from choirmaster.stores.lake.decide import decide
from choirmaster.stores.lake.delta import DeltaTables
from choirmaster.stores.sql import columns as stored
from choirmaster.stores.sql import index
from choirmaster.stores.sql.columns import Columns
from choirmaster.stores.sql.database import Database
from choirmaster.stores.sql.locks import FileLock
from choirmaster.stores.sql.plan import Plan

_TRIES = 5
Fault = Callable[[str], None]


class Drain:
    """The one way rows get into the store.

    Parameters
    ----------
    folder : Path
        The store; holds the lock file of the drain.
    database : Database
    tables : DeltaTables
    fault : callable
        Called with the name of each point a crash may come at: ``decided``, ``intent``, ``delta:<table>``, ``marked``.
    """

    def __init__(self, folder: Path, database: Database, tables: DeltaTables, fault: Fault) -> None:
        self._lock_path = folder / "drain.lock"
        self._database, self._tables, self._fault = database, tables, fault

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only drainer on this store, in this and every other process; heals what a crash left."""
        with FileLock(self._lock_path):
            self._recover()
            yield

    def write(self, parts: Sequence[Part]) -> list[Outcome]:
        """Store parts of one journal in ascending order, each exactly once; returns their final counts."""
        if not parts:
            return []
        journal, sequences = parts[0].journal, [one.sequence for one in parts]
        if any(one.journal != journal for one in parts) or sequences != sorted(set(sequences)):
            raise StoreError(
                "parts to write must come from one journal, ascending", got=", ".join(one.id for one in parts[:5])
            )
        with self.alone():
            for _ in range(_TRIES):
                try:
                    return self._write(journal, sequences, parts)
                except CommitFailedError as error:  # somebody else wrote: read again, decide again
                    self._recover()
                    cause = error
            raise StoreError("another drainer keeps writing to the same table", got=str(cause)) from cause

    def _write(self, journal: str, sequences: list[int], parts: Sequence[Part]) -> list[Outcome]:
        with self._database.read() as link:
            done = index.outcomes(link, journal, sequences)
            known = stored.load(link)
            fresh = [one for one in parts if one.sequence not in done]
            plans = self._decide(link, fresh, known)
        self._fault("decided")
        if plans:
            with self._database.write() as link:
                index.save_intents(link, plans)
            self._fault("intent")
            for plan in plans:
                self._append(plan)
                self._fault(f"delta:{plan.table}")
        self._mark(plans, known, journal, sequences[-1])
        self._fault("marked")
        with self._database.read() as link:
            found = index.outcomes(link, journal, sequences)
        return [found[one] for one in sequences]

    def _decide(self, link: sa.Connection, parts: Sequence[Part], known: dict[str, Columns]) -> list[Plan]:
        groups: dict[tuple[str, str], list[Part]] = {}
        for one in parts:
            groups.setdefault((str(one.batch.kind), one.batch.ensemble), []).append(one)
        number, plans = index.next_part(link), []
        for (kind, ensemble), some in sorted(groups.items(), reverse=True):  # predictions before labels
            columns = known.get(ensemble, Columns())
            if kind == "prediction":
                columns = known[ensemble] = _widened(ensemble, columns, some)
            plans.append(decide(link, some, number, columns))
            number += len(some)
        return plans

    def _append(self, plan: Plan) -> None:
        """Write a plan's rows, unless Delta says that it holds them."""
        if plan.rows is None or not plan.rows.num_rows:
            return
        if self._tables.committed(plan.table, plan.journal) < plan.sequence:
            self._tables.append(plan.table, plan.rows, plan.journal, plan.sequence)

    def _mark(self, plans: Sequence[Plan], known: dict[str, Columns], journal: str, last: int) -> None:
        with self._database.write() as link:
            before = stored.load(link)
            for plan in plans:
                columns = known.get(plan.ensemble)
                if columns is not None and columns != before.get(plan.ensemble):
                    stored.save(link, plan.ensemble, columns)
                index.apply(link, plan, _fits(known))
            index.drop_intents(link)
            index.set_drained(link, journal, last)

    def _recover(self) -> None:
        with self._database.read() as link:
            plans = index.load_intents(link)
        if not plans:
            return
        landed = [
            one for one in plans
            if not one.entries.num_rows or self._tables.committed(one.table, one.journal) >= one.sequence
        ]  # fmt: skip
        with self._database.write() as link:
            known = stored.load(link)
            for plan in landed:
                if plan.ensemble not in known and plan.ensemble != index.ALL:
                    stored.save(link, plan.ensemble, Columns())
                index.apply(link, plan, _fits(known))
            index.drop_intents(link)


def _widened(ensemble: str, columns: Columns, parts: Sequence[Part]) -> Columns:
    """Add the columns that parts bring and the store has not got; one of another type is left to ``decide``."""
    out = Columns(dict(columns.types), columns.classes, columns.numeric)
    for part in parts:
        for field in part.batch.rows.schema:
            kind = stored.stored_type(field.type)
            if field.name not in out.types and field.name not in stored.PLACE and stored.storable(kind):
                out.widen(ensemble, {field.name: kind})
    return out


def _fits(known: dict[str, Columns]) -> index.Fits:
    def fits(ensemble: str, value: str | None) -> bool:
        columns = known.get(ensemble)
        return columns is None or columns.fits(value)

    return fits
