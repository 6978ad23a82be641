"""Labels that the states do not hold yet, in a small table of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Put beside each changed label its row's place and the label measured; the index of ids needs neither."""
    op.rename_table("changed", "changed_before")
    op.create_table(
        "changed",
        sa.Column("ensemble", sa.String(100), nullable=False),
        sa.Column("hash", sa.LargeBinary(16), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("part", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("measured", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("ensemble", "hash"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO changed (ensemble, hash, day, part, line, label, measured) "
        "SELECT i.ensemble, i.hash, i.day, i.part, i.line, i.label, i.measured "
        "FROM changed_before c JOIN id_index i ON i.ensemble = c.ensemble AND i.hash = c.hash"
    )
    op.drop_table("changed_before")
    op.drop_column("id_index", "measured")
