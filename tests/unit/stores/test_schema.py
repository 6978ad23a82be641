"""The migrations make exactly the tables that the code names."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from choirmaster.errors import StoreError
from choirmaster.stores.sql.database import sqlite
from choirmaster.stores.sql.migrate import HEAD, current, upgrade
from choirmaster.stores.sql.schema import metadata


@pytest.fixture
def database(tmp_path):
    one = sqlite(tmp_path / "store.sqlite")
    yield one
    one.close()


def test_migrations_and_tables_agree(database):
    upgrade(database)
    upgrade(database)
    with database.read() as link:
        assert current(link) == HEAD
        assert compare_metadata(MigrationContext.configure(link), metadata) == []
        triggers = link.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
    assert sorted(triggers) == ["audit_refuses_delete", "audit_refuses_update"]


def test_a_newer_store_is_refused(database):
    upgrade(database)
    with database.write() as link:
        link.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer"):
        upgrade(database)


def test_a_failed_block_undoes_everything(database):
    upgrade(database)
    with pytest.raises(ZeroDivisionError), database.write() as link:
        link.execute(sa.text("INSERT INTO journals VALUES ('a', 1)"))
        raise ZeroDivisionError
    with database.read() as link:
        assert link.execute(sa.text("SELECT count(*) FROM journals")).scalar() == 0
