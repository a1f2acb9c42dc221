"""How a computed value came about, and how often operations have failed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add what is new; every value so far was brought."""
    with op.batch_alter_table("objects") as table:
        table.add_column(sa.Column("op", sa.Text(), server_default="", nullable=False))
        table.add_column(sa.Column("inputs", sa.Text(), server_default="[]", nullable=False))
        table.add_column(sa.Column("sources", sa.Text(), server_default="[]", nullable=False))
    op.create_table(
        "failed_operations",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("user_uid", sa.Text(), nullable=False),
        sa.Column("object_uid", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_failed_operations_uid", "failed_operations", ["uid"], unique=True)
    op.create_index(
        "uq_failed_operations_user_uid_object_uid",
        "failed_operations",
        ["user_uid", "object_uid"],
        unique=True,
    )
    op.create_index("ix_failed_operations_object_uid", "failed_operations", ["object_uid"], unique=False)
