"""Bring a database's tables to the form this version knows, by Alembic."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from choirmaster.errors import StoreError
from choirmaster.stores.sql.database import Database

HEAD = "0005"
_VERSION = sa.table("alembic_version", sa.column("version_num"))


def current(link: sa.Connection) -> str | None:
    """Return the version of a database's tables; None for an empty one."""
    if not sa.inspect(link).has_table("alembic_version"):
        return None
    return link.execute(sa.select(_VERSION.c.version_num)).scalar()


def upgrade(database: Database) -> None:
    """Make or change the tables; does nothing where they are as they should be.

    Raises
    ------
    StoreError
        The database was written by a newer version.
    """
    with database.read() as link:
        found = current(link)
    if found == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreError("the store was written by a newer version", got=f'"{found}"', expected=f'at most "{HEAD}"',
                         fix="install a newer choirmaster")  # fmt: skip
    with database.write() as link:
        config.attributes["connection"] = link
        command.upgrade(config, "head")
