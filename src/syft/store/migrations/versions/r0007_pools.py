"""Pools with engines, levels and environments; workers elsewhere; where a job runs, how urgent it is, who ran it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add what is new; every job so far was to run in the default pool, or in one whose name its code has."""
    for table, column in (
        ("pools", sa.Column("workers", sa.BigInteger(), server_default=sa.text("0"), nullable=False)),
        ("pools", sa.Column("engine", sa.Text(), server_default='{"type":"embedded"}', nullable=False)),
        ("pools", sa.Column("isolation", sa.Text(), server_default="", nullable=False)),
        ("pools", sa.Column("image_uid", sa.Text(), nullable=True)),
        ("requests", sa.Column("pool", sa.Text(), nullable=True)),
        ("jobs", sa.Column("pool", sa.Text(), server_default="default-pool", nullable=False)),
        ("jobs", sa.Column("priority", sa.BigInteger(), server_default=sa.text("0"), nullable=False)),
        ("jobs", sa.Column("worker", sa.Text(), server_default="", nullable=False)),
        ("jobs", sa.Column("repeats", sa.Text(), nullable=True)),
    ):
        op.add_column(table, column)
    op.create_table(
        "workers",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("verify_key", sa.Text(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="admitted", nullable=False),
        sa.Column("admitted_by", sa.Text(), nullable=False),
        sa.Column("admitted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_workers_uid", "workers", ["uid"], unique=True)
    op.create_index("uq_workers_verify_key", "workers", ["verify_key"], unique=True)
    op.create_table(
        "join_tokens",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_join_tokens_uid", "join_tokens", ["uid"], unique=True)
    op.create_index("uq_join_tokens_token_hash", "join_tokens", ["token_hash"], unique=True)
    op.create_table(
        "worker_images",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="submitted", nullable=False),
        sa.Column("lock", sa.Text(), server_default="", nullable=False),
        sa.Column("digest", sa.Text(), server_default="", nullable=False),
        sa.Column("tree", sa.Text(), server_default="", nullable=False),
        sa.Column("log", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("built_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_worker_images_uid", "worker_images", ["uid"], unique=True)
    op.create_index("uq_worker_images_tag", "worker_images", ["tag"], unique=True)
    for name in ("digest", "state"):
        op.create_index(f"ix_worker_images_{name}", "worker_images", [name], unique=False)
