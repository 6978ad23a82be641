"""An opened relational database: transactions that read, and transactions that write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from choirmaster.errors import StoreError

_BUSY_SECONDS = 60


class Database:
    """One engine and its two kinds of transaction.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Of any dialect; see :func:`sqlite`.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection that sees one moment of the database."""
        with self._errors(), self.engine.connect() as link, link.begin():
            yield link

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a connection that holds the right to write until the block ends; an exception undoes everything."""
        with self._errors(), self.engine.connect() as plain:
            link = plain.execution_options(writes=True)
            with link.begin():
                yield link

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            where = self.engine.url.render_as_string(hide_password=True)
            raise StoreError("the database refused a statement", where=where, got=str(error.orig)) from error

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def sqlite(path: Path) -> Database:
    """Open a SQLite file in WAL mode, for several threads and processes."""
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _connect(link: Any, _: Any) -> None:
        link.isolation_level = None  # transactions begin where we say, below
        link.execute("PRAGMA journal_mode=WAL")
        link.execute("PRAGMA synchronous=FULL")
        link.execute("PRAGMA cache_size=-65536")

    @event.listens_for(engine, "begin")
    def _begin(link: sa.Connection) -> None:
        link.exec_driver_sql("BEGIN IMMEDIATE" if link.get_execution_options().get("writes") else "BEGIN")

    return Database(engine)


def many(link: sa.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Run one statement (``?`` marks) for many rows on the driver; returns how many rows it touched."""
    if not rows:
        return 0
    return int(link.exec_driver_sql(_marks(link, statement), list(rows)).rowcount)


def fetch(link: sa.Connection, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Run one query (``?`` marks) on the driver and return plain tuples."""
    cursor = link.exec_driver_sql(_marks(link, statement), values).cursor
    return [] if cursor is None else list(cursor.fetchall())


def _marks(link: sa.Connection, statement: str) -> str:
    return statement if link.dialect.paramstyle == "qmark" else statement.replace("?", "%s")


def chunks(items: Sequence[Any], size: int = 900) -> Iterator[Sequence[Any]]:
    """Cut a list for ``IN (...)``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
