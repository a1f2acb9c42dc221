"""Objects that are found by tags, leased and asked for; standing rules; accounts that are keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add what is new; a dataset's assets, which everybody could see, are found by everybody."""
    with op.batch_alter_table("objects") as table:
        table.add_column(sa.Column("tags", sa.Text(), server_default="[]", nullable=False))
        table.add_column(sa.Column("description", sa.Text(), server_default="", nullable=False))
        table.add_column(sa.Column("findable", sa.Boolean(), server_default=sa.text("0"), nullable=False))
        table.add_column(sa.Column("made_by", sa.Text(), nullable=True))
        table.add_column(sa.Column("lease_until", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("tag_text", sa.Text(), nullable=True))
        table.add_column(sa.Column("size", sa.BigInteger(), nullable=True))
        table.create_index("ix_objects_made_by", ["made_by"])
        table.create_index("ix_objects_findable", ["findable"])
        table.create_index("ix_objects_lease_until", ["lease_until"])
    op.execute("UPDATE objects SET findable = 1 WHERE kind = 'asset'")
    op.execute(
        "UPDATE objects SET tag_text = '[]', "
        "size = coalesce(json_extract(private, '$.size'), 0) + coalesce(json_extract(mock, '$.size'), 0)"
    )
    with op.batch_alter_table("grants") as table:
        table.add_column(sa.Column("digest", sa.Text(), server_default="", nullable=False))
        table.add_column(sa.Column("request_uid", sa.Text(), nullable=True))
    with op.batch_alter_table("requests") as table:
        table.alter_column("code_uid", existing_type=sa.Text(), nullable=True)
        table.add_column(sa.Column("object_uid", sa.Text(), nullable=True))
        table.add_column(sa.Column("expires_at", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("handled_by", sa.Text(), nullable=True))
        table.create_index("ix_requests_object_uid", ["object_uid"])
        table.create_index("ix_requests_expires_at", ["expires_at"])
    with op.batch_alter_table("users") as table:
        table.add_column(sa.Column("is_key", sa.Boolean(), server_default=sa.text("0"), nullable=False))
    op.create_table(
        "request_handlers",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("owner_uid", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), server_default="[]", nullable=False),
        sa.Column("element_quota", sa.BigInteger(), nullable=True),
        sa.Column("elements_used", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("answered", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("print_local", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("log_local", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_request_handlers_uid", "request_handlers", ["uid"], unique=True)
    op.create_index("ix_request_handlers_owner_uid", "request_handlers", ["owner_uid"], unique=False)
    op.create_table(
        "retired_uids",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("retired_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_retired_uids_uid", "retired_uids", ["uid"], unique=True)
