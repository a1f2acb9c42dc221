"""Approvals with conditions, safeguards of objects, results that are held, policies of users' own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add what is new; what was approved before had no conditions."""
    for table, column in (
        ("requests", sa.Column("terms", sa.Text(), server_default="{}", nullable=False)),
        ("objects", sa.Column("safeguards", sa.Text(), server_default="{}", nullable=False)),
        ("objects", sa.Column("approver_text", sa.Text(), nullable=True)),
        ("requests", sa.Column("approved_parts", sa.Text(), server_default="{}", nullable=False)),
        ("jobs", sa.Column("rehearses", sa.Text(), nullable=True)),
        ("jobs", sa.Column("rehearsed", sa.Text(), server_default="", nullable=False)),
        ("users", sa.Column("made_by", sa.Text(), nullable=True)),
        ("requests", sa.Column("deposited", sa.Boolean(), server_default=sa.false(), nullable=False)),
        ("jobs", sa.Column("given_by", sa.Text(), nullable=True)),
    ):
        op.add_column(table, column)
    op.create_table(
        "policy_states",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("shown", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_policy_states_uid", "policy_states", ["uid"], unique=True)
    op.create_table(
        "held_results",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("request_uid", sa.Text(), nullable=False),
        sa.Column("code_uid", sa.Text(), nullable=False),
        sa.Column("requester_uid", sa.Text(), nullable=False),
        sa.Column("owners", sa.Text(), server_default="[]", nullable=False),
        sa.Column("inputs_key", sa.Text(), server_default="", nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("outputs", sa.Text(), server_default="[]", nullable=False),
        sa.Column("findings", sa.Text(), server_default="[]", nullable=False),
        sa.Column("environment", sa.Text(), server_default="", nullable=False),
        sa.Column("result_owner_uid", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("kept_back", sa.Text(), server_default="[]", nullable=False),
        sa.Column("blob", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_held_results_uid", "held_results", ["uid"], unique=True)
    for indexed in ("request_uid", "requester_uid", "state", "blob"):
        op.create_index(f"ix_held_results_{indexed}", "held_results", [indexed], unique=False)
    op.create_index("ix_jobs_request_uid", "jobs", ["request_uid"], unique=False)
    op.create_table(
        "approvals",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("request_uid", sa.Text(), nullable=False),
        sa.Column("approver_uid", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("by_office", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("speaks_for", sa.Text(), nullable=True),
        sa.Column("standing_uid", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_approvals_uid", "approvals", ["uid"], unique=True)
    op.create_index(
        "uq_approvals_request_uid_approver_uid", "approvals", ["request_uid", "approver_uid"], unique=True
    )
    op.create_table(
        "standing_approvals",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("approver_uid", sa.Text(), nullable=False),
        sa.Column("request_uid", sa.Text(), nullable=False),
        sa.Column("code_uid", sa.Text(), nullable=False),
        sa.Column("code_digest", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("limits", sa.Text(), server_default="{}", nullable=False),
        sa.Column("terms", sa.Text(), server_default="{}", nullable=False),
        sa.Column("users", sa.Text(), nullable=True),
        sa.Column("times", sa.BigInteger(), nullable=True),
        sa.Column("used", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_standing_approvals_uid", "standing_approvals", ["uid"], unique=True)
    for name in ("code_digest", "approver_uid", "digest"):
        op.create_index(f"ix_standing_approvals_{name}", "standing_approvals", [name], unique=False)
    op.create_index("ix_releases_user_uid", "releases", ["user_uid"])
