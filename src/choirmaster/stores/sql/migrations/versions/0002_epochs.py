"""From which instant on a reference is measured with, and who set it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Give each stored reference its epoch; those that are there hold from the beginning."""
    always = str(-(1 << 62))
    op.add_column("reference_parts", sa.Column("since", sa.BigInteger(), nullable=False, server_default=always))
    op.add_column("reference_parts", sa.Column("who", sa.String(255), nullable=False, server_default=""))
