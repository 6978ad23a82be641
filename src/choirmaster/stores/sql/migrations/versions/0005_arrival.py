"""How rows arrived: which came again, in which order, and how new the newest of each source is."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what is told of parts and sources; of those that are there nothing is known."""
    op.add_column("ensembles", sa.Column("newest", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("parts", sa.Column("latest", sa.BigInteger(), nullable=True))
    op.add_column("parts", sa.Column("arrival", sa.Text(), nullable=False, server_default="{}"))
