"""What operators decided about running ensembles, and the triggers that keep it as it is."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the append-only table of decisions."""
    op.create_table(
        "decisions",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ensemble", sa.String(100), nullable=False),
        sa.Column("verb", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("member", sa.String(100), nullable=False),
        sa.Column("role", sa.String(32), nullable=True),
        sa.Column("share", sa.Double(), nullable=True),
        sa.Column("weights", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("takes_back", sa.BigInteger(), nullable=True),
        sa.Column("automatic", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("decisions_by_ensemble", "decisions", ["ensemble", "number"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for deed in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER decisions_refuse_{deed.lower()} BEFORE {deed} ON decisions "
                "BEGIN SELECT RAISE(ABORT, 'the table of decisions is append-only'); END"
            )
