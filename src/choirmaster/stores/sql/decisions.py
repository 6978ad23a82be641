"""The append-only table of what operators decided; each row stands in the audit table as well, or in neither."""

from __future__ import annotations

import json

import sqlalchemy as sa

from choirmaster.errors import StoreError
from choirmaster.overlay import Decision, Role, Verb
from choirmaster.ports import AuditEntry
from choirmaster.stores.sql import schema
from choirmaster.stores.sql.database import Database

_PLAIN = ("ensemble", "at", "who", "reason", "member", "share", "until", "takes_back", "number")
_AUDIT = ("at", "who", "action", "subject", "cause", "before", "after")


class DecisionTable:
    """What every store keeps of decisions in the same way.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_decision(self, decision: Decision, audit: AuditEntry) -> bool:
        """In one transaction: append a decision and its audit entry; False where its number is not the next one."""
        table = schema.decisions
        row = {name: getattr(decision, name) for name in _PLAIN} | {
            "verb": str(decision.verb), "role": None if decision.role is None else str(decision.role),
            "weights": json.dumps(dict(decision.weights), allow_nan=False), "automatic": int(decision.automatic),
        }  # fmt: skip
        try:
            with self._database.write() as link:
                if _newest(link) != decision.number - 1:
                    return False
                link.execute(table.insert().values(row))
                link.execute(schema.audit.insert().values({name: getattr(audit, name) for name in _AUDIT}))
        except StoreError as error:
            if isinstance(error.__cause__, sa.exc.IntegrityError):  # another took the number between look and write
                return False
            raise
        return True

    def decisions(self, ensemble: str = "") -> list[Decision]:
        """Return the decisions about one ensemble, or all of them, in their order."""
        table = schema.decisions
        query = sa.select(table).order_by(table.c.number)
        if ensemble:
            query = query.where(table.c.ensemble == ensemble)
        with self._database.read() as link:
            return [_decision(row) for row in link.execute(query)]

    def last_decision(self) -> int:
        """Return the number of the newest decision of all, 0 where there is none."""
        with self._database.read() as link:
            return _newest(link)


def _newest(link: sa.Connection) -> int:
    return link.execute(sa.select(sa.func.max(schema.decisions.c.number))).scalar() or 0


def _decision(row: sa.Row[tuple[object, ...]]) -> Decision:
    plain = {name: getattr(row, name) for name in _PLAIN}
    return Decision(
        **plain, verb=Verb(row.verb), role=None if row.role is None else Role(row.role),
        weights=json.loads(row.weights), automatic=bool(row.automatic),
    )  # fmt: skip
