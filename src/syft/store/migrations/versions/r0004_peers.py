"""Other nodes that a node knows, and messages that wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "peers",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("node_uid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("verify_key", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="accepted", nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("address", sa.Text(), server_default="[null,null,null,null]", nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_peers_uid", "peers", ["uid"], unique=True)
    op.create_index("uq_peers_node_uid", "peers", ["node_uid"], unique=True)
    op.create_index("uq_peers_verify_key", "peers", ["verify_key"], unique=True)
    op.create_table(
        "letters",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("message_uid", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("next_node", sa.Text(), nullable=True),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("charged_to", sa.Text(), server_default="", nullable=False),
        sa.Column("known_sender", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_letters_uid", "letters", ["uid"], unique=True)
    op.create_index("uq_letters_sender_message_uid", "letters", ["sender", "message_uid"], unique=True)
    op.create_index("ix_letters_state", "letters", ["state"], unique=False)
