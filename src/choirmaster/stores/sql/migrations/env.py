"""Alembic's entry: runs the migrations on the connection that ``migrate.upgrade`` gives."""

from alembic import context

from choirmaster.stores.sql.schema import metadata

if (config := getattr(context, "config", None)) is not None:  # None where the file is only looked at
    context.configure(connection=config.attributes["connection"], target_metadata=metadata)
    context.run_migrations()
