"""Worker pools, and the limits of requests and jobs. The default pool itself is made when the node starts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table of pools; requests and jobs from before have no limits of their own."""
    op.create_table(
        "pools",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("limits", sa.Text(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_pools_name", "pools", ["name"], unique=True)
    op.create_index("uq_pools_uid", "pools", ["uid"], unique=True)
    for table in ("jobs", "requests"):
        op.add_column(table, sa.Column("limits", sa.Text(), server_default="{}", nullable=False))
