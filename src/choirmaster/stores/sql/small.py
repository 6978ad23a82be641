"""The small tables: leases, states, references, documents, audit, decisions. The same statements for every dialect."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from choirmaster.errors import StoreError
from choirmaster.ports import AuditEntry, Epoch, StatePack
from choirmaster.stores.sql import index, schema
from choirmaster.stores.sql.database import Database
from choirmaster.stores.sql.decisions import DecisionTable
from choirmaster.times import SECOND, Window

_PACK = ("segment", "reference", "revision", "payload", "updated_at")


class SmallTables(DecisionTable):
    """What every store keeps in the same way.

    Parameters
    ----------
    database : Database
    fault : callable
        Called with ``rebuilt``, ``emptied``, ``refilled`` and ``begun`` where a crash may come.
    """

    def __init__(self, database: Database, fault: Callable[[str], None] = lambda _: None) -> None:
        super().__init__(database)
        self._fault = fault

    # -- leases -------------------------------------------------------------------------------------------------
    def lease(self, name: str, holder: str, *, now: int, seconds: float) -> bool:
        """Take or renew a lease; False while another holder's has not run out."""
        table, until = schema.leases, now + round(seconds * SECOND)
        with self._database.write() as link:
            row = link.execute(sa.select(table.c.holder, table.c.until).where(table.c.name == name)).first()
            if row is None:
                link.execute(table.insert().values(name=name, holder=holder, until=until))
            elif row.holder != holder and row.until > now:
                return False
            else:
                link.execute(table.update().where(table.c.name == name).values(holder=holder, until=until))
        return True

    def release(self, name: str, holder: str) -> None:
        """Give a lease back."""
        self._give_back(name, holder)

    def _give_back(self, name: str, holder: str | None) -> bool:
        """Remove a lease, of whomever where no holder is named; returns whether there was one."""
        table = schema.leases
        query = table.delete().where(table.c.name == name)
        with self._database.write() as link:
            done = link.execute(query if holder is None else query.where(table.c.holder == holder))
        return bool(done.rowcount)

    # -- arrival ------------------------------------------------------------------------------------------------
    def newest(self, ensemble: str) -> Mapping[str, int]:
        """Return the newest event of each source in microseconds UTC; one that lay after its receipt counts as then."""
        with self._database.read() as link:
            return index.newest(link, ensemble)

    # -- states -------------------------------------------------------------------------------------------------
    def packs(self, ensemble: str, windows: Iterable[Window] | None = None) -> list[StatePack]:
        """Return stored states, all segments of the windows asked for, by window and segment."""
        table = schema.packs
        about = [table.c[name] for name in ("window_start", "window_end", *_PACK)]
        query = sa.select(*about).where(table.c.ensemble == ensemble)
        query = query.order_by(table.c.window_start, table.c.window_end, table.c.segment)
        wanted = None if windows is None else {(one.start, one.end) for one in windows}
        if wanted is not None:
            if not wanted:
                return []
            query = query.where(table.c.window_start >= min(wanted)[0], table.c.window_start <= max(wanted)[0])
        with self._database.read() as link:
            rows = link.execute(query).all()
        return [
            StatePack(Window(start, end), *others)
            for start, end, *others in rows
            if wanted is None or (start, end) in wanted
        ]

    # -- references ---------------------------------------------------------------------------------------------
    def put_reference(self, ensemble: str, reference: str, payload: bytes, *, at: int, source: str) -> None:
        """Keep a reference for ever; the latest becomes the current one."""
        with self._database.write() as link:
            _put_epoch(link, ensemble, Epoch(reference, at=at, source=source), payload)

    def begin_epoch(
        self, ensemble: str, epoch: Epoch, payload: bytes, packs: Sequence[StatePack],
        *, seen: Mapping[Window, int], audit: AuditEntry | None = None,
    ) -> None:  # fmt: skip
        """In one transaction: keep a reference, and replace the states of all windows from its start on."""
        table = schema.packs
        later = (table.c.ensemble == ensemble, table.c.window_start >= epoch.since)
        self._fault("rebuilt")
        with self._database.write() as link:
            query = sa.select(table.c.window_start, table.c.window_end, sa.func.max(table.c.revision)).where(*later)
            rows = link.execute(query.group_by(table.c.window_start, table.c.window_end)).all()
            if {Window(start, end): revision for start, end, revision in rows} != dict(seen):
                raise StoreError("a window was measured while it was measured again", fix="set the reference again")
            _put_epoch(link, ensemble, epoch, payload)
            link.execute(table.delete().where(*later))
            self._fault("emptied")
            replace_packs(link, ensemble, packs)
            if audit is not None:
                link.execute(schema.audit.insert().values({name: getattr(audit, name) for name in _AUDIT}))
            self._fault("refilled")
        self._fault("begun")

    def epochs(self, ensemble: str) -> list[Epoch]:
        """Return the epochs in the order they were set."""
        table = schema.references
        query = sa.select(*(table.c[name] for name in _EPOCH)).where(table.c.ensemble == ensemble)
        with self._database.read() as link:
            return [Epoch(*row) for row in link.execute(query.order_by(table.c.number))]

    def reference(self, ensemble: str, reference: str | None = None) -> tuple[str, bytes] | None:
        """Return id and bytes of a reference, the current one by default."""
        table = schema.references
        query = sa.select(table.c.reference, table.c.payload).where(table.c.ensemble == ensemble)
        if reference is not None:
            query = query.where(table.c.reference == reference)
        with self._database.read() as link:
            row = link.execute(query.order_by(table.c.number.desc()).limit(1)).first()
        return None if row is None else (row.reference, row.payload)

    # -- documents ----------------------------------------------------------------------------------------------
    def put_document(self, kind: str, key: str, document: Mapping[str, Any], *, at: int) -> None:
        """Insert or replace a small document."""
        table = schema.documents
        text = json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False)
        with self._database.write() as link:
            link.execute(table.delete().where(table.c.kind == kind, table.c.key == key))
            link.execute(table.insert().values(kind=kind, key=key, document=text, at=at))

    def documents(self, kind: str, prefix: str = "") -> dict[str, dict[str, Any]]:
        """Return the documents of a kind whose key starts with ``prefix``, by key."""
        table = schema.documents
        query = sa.select(table.c.key, table.c.document).where(table.c.kind == kind).order_by(table.c.key)
        if prefix:
            query = query.where(sa.func.substr(table.c.key, 1, len(prefix)) == prefix)
        with self._database.read() as link:
            return {row.key: json.loads(row.document) for row in link.execute(query)}

    # -- audit --------------------------------------------------------------------------------------------------
    def add_audit(self, entry: AuditEntry) -> None:
        """Append to the audit table; triggers refuse to change or remove a row there."""
        with self._database.write() as link:
            link.execute(schema.audit.insert().values({name: getattr(entry, name) for name in _AUDIT}))

    def audit(self, *, limit: int = 200, subject: str = "") -> list[AuditEntry]:
        """Return the newest entries first."""
        table = schema.audit
        query = sa.select(*(table.c[name] for name in _AUDIT)).order_by(table.c.number.desc()).limit(limit)
        if subject:
            query = query.where(table.c.subject == subject)
        with self._database.read() as link:
            return [AuditEntry(*row) for row in link.execute(query)]


_EPOCH = ("reference", "since", "at", "source", "who")
_AUDIT = ("at", "who", "action", "subject", "cause", "before", "after")


def _put_epoch(link: sa.Connection, ensemble: str, epoch: Epoch, payload: bytes) -> None:
    row = {name: getattr(epoch, name) for name in _EPOCH} | {"ensemble": ensemble, "payload": payload}
    link.execute(schema.references.insert().values(row))


def replace_packs(link: sa.Connection, ensemble: str, packs: Sequence[StatePack]) -> None:
    """Write states in place of those of the same window and segment, inside a caller's transaction."""
    table = schema.packs
    keys = [
        {"e": ensemble, "s": one.window.start, "t": one.window.end, "g": one.segment} for one in packs
    ]  # fmt: skip
    if not packs:
        return
    link.execute(
        table.delete().where(
            table.c.ensemble == sa.bindparam("e"), table.c.window_start == sa.bindparam("s"),
            table.c.window_end == sa.bindparam("t"), table.c.segment == sa.bindparam("g")), keys)  # fmt: skip
    rows = [
        {"ensemble": ensemble, "window_start": one.window.start, "window_end": one.window.end}
        | {name: getattr(one, name) for name in _PACK}
        for one in packs
    ]
    link.execute(table.insert(), rows)
