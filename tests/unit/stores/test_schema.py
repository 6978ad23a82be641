"""The migrations make exactly the tables that the code names."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from choirmaster.errors import StoreError
from choirmaster.stores.sql import migrate
from choirmaster.stores.sql.changed import waiting
from choirmaster.stores.sql.database import sqlite
from choirmaster.stores.sql.index import labels_of_parts
from choirmaster.stores.sql.migrate import HEAD, current, upgrade
from choirmaster.stores.sql.schema import metadata

A, B, C = b"a" * 16, b"b" * 16, b"c" * 16


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
    assert sorted(triggers) == [
        "audit_refuses_delete", "audit_refuses_update", "decisions_refuse_delete", "decisions_refuse_update",
    ]  # fmt: skip


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


def test_labels_that_wait_to_be_measured_survive_the_change_of_their_table(database):
    with database.write() as link:
        config = Config()
        config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
        config.attributes["connection"] = link
        command.upgrade(config, "0002")
        for identity, label, measured in ((A, "yes", "no"), (B, "no", None), (C, "no", "no")):
            link.execute(sa.text("INSERT INTO id_index (ensemble, hash, content, day, part, line, label, measured) "
                                 "VALUES ('e', :h, x'00', 7, 1, 3, :l, :m)"),
                         {"h": identity, "l": label, "m": measured})  # fmt: skip
        link.execute(sa.text("INSERT INTO changed VALUES ('e', :a), ('e', :b)"), {"a": A, "b": B})
        link.execute(sa.text("INSERT INTO parts VALUES (1, 'j', 1, 'prediction', 'e', 0, 3, 0, 0, 0, '{}', 1)"))
    upgrade(database)
    with database.read() as link:
        assert waiting(link, "e", 10) == [(A, 7, 1, 3, "yes", "no"), (B, 7, 1, 3, "no", None)]
        held = labels_of_parts(link, [1], measured=True)
    assert held.column("label").to_pylist() == ["no", None, "no"]
