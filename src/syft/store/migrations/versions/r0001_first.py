"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "code",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("owner_uid", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("submission", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_code_owner_uid_name", "code", ["owner_uid", "name"], unique=False)
    op.create_index("uq_code_owner_uid_digest", "code", ["owner_uid", "digest"], unique=True)
    op.create_index("uq_code_uid", "code", ["uid"], unique=True)
    op.create_table(
        "datasets",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner_uid", sa.Text(), nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("summary", sa.Text(), server_default="", nullable=False),
        sa.Column("citation", sa.Text(), server_default="", nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("contributors", sa.Text(), server_default="[]", nullable=False),
        sa.Column("assets", sa.Text(), server_default="[]", nullable=False),
        sa.Column("size", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_datasets_owner_uid", "datasets", ["owner_uid"], unique=False)
    op.create_index("uq_datasets_name", "datasets", ["name"], unique=True)
    op.create_index("uq_datasets_uid", "datasets", ["uid"], unique=True)
    op.create_table(
        "events",
        sa.Column("seq", row_number, nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("actor_uid", sa.Text(), nullable=True),
        sa.Column("actor_key", sa.Text(), nullable=False),
        sa.Column("subject_uid", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("message_uid", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("uq_events_message_uid", "events", ["message_uid"], unique=True)
    op.create_table(
        "events_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "grants",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("object_uid", sa.Text(), nullable=False),
        sa.Column("user_uid", sa.Text(), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_grants_object_uid_user_uid", "grants", ["object_uid", "user_uid"], unique=False)
    op.create_index("ix_grants_user_uid", "grants", ["user_uid"], unique=False)
    op.create_index("uq_grants_uid", "grants", ["uid"], unique=True)
    op.create_table(
        "job_logs",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("stdout", sa.Text(), server_default="", nullable=False),
        sa.Column("stderr", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_job_logs_uid", "job_logs", ["uid"], unique=True)
    op.create_table(
        "jobs",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("code_uid", sa.Text(), nullable=False),
        sa.Column("code_name", sa.Text(), nullable=False),
        sa.Column("requester_uid", sa.Text(), nullable=False),
        sa.Column("request_uid", sa.Text(), nullable=True),
        sa.Column("parent_uid", sa.Text(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("arguments", sa.Text(), server_default="{}", nullable=False),
        sa.Column("inputs_key", sa.Text(), server_default="", nullable=False),
        sa.Column("attempt", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("isolation", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("error_code", sa.Text(), server_default="", nullable=False),
        sa.Column("result_uid", sa.Text(), nullable=True),
        sa.Column("current_iter", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_iters", sa.BigInteger(), nullable=True),
        sa.Column(
            "resources",
            sa.Text(),
            server_default='{"wall_s":0.0,"cpu_s":0.0,"max_rss_bytes":0}',
            nullable=False,
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_jobs_code_uid", "jobs", ["code_uid"], unique=False)
    op.create_index("ix_jobs_parent_uid", "jobs", ["parent_uid"], unique=False)
    op.create_index("ix_jobs_requester_uid", "jobs", ["requester_uid"], unique=False)
    op.create_index("ix_jobs_state", "jobs", ["state"], unique=False)
    op.create_index("uq_jobs_uid", "jobs", ["uid"], unique=True)
    op.create_table(
        "objects",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner_uid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("private", sa.Text(), nullable=True),
        sa.Column("mock", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("private_digest", sa.Text(), nullable=True),
        sa.Column("mock_digest", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_objects_mock_digest", "objects", ["mock_digest"], unique=False)
    op.create_index("ix_objects_owner_uid", "objects", ["owner_uid"], unique=False)
    op.create_index("ix_objects_private_digest", "objects", ["private_digest"], unique=False)
    op.create_index("uq_objects_uid", "objects", ["uid"], unique=True)
    op.create_table(
        "releases",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("request_uid", sa.Text(), nullable=False),
        sa.Column("job_uid", sa.Text(), nullable=False),
        sa.Column("inputs_key", sa.Text(), nullable=False),
        sa.Column("result_uid", sa.Text(), nullable=False),
        sa.Column("user_uid", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_releases_request_uid", "releases", ["request_uid"], unique=False)
    op.create_index("uq_releases_uid", "releases", ["uid"], unique=True)
    op.create_table(
        "requests",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("code_uid", sa.Text(), nullable=False),
        sa.Column("requester_uid", sa.Text(), nullable=False),
        sa.Column("owners", sa.Text(), server_default="[]", nullable=False),
        sa.Column("state", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("approved_digest", sa.Text(), server_default="", nullable=False),
        sa.Column("nested", sa.Text(), server_default="[]", nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decision_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("failed_runs", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_requests_code_uid", "requests", ["code_uid"], unique=False)
    op.create_index("ix_requests_requester_uid", "requests", ["requester_uid"], unique=False)
    op.create_index("ix_requests_state", "requests", ["state"], unique=False)
    op.create_index("uq_requests_uid", "requests", ["uid"], unique=True)
    op.create_table(
        "session_keys",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("verify_key", sa.Text(), nullable=False),
        sa.Column("user_uid", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_session_keys_user_uid", "session_keys", ["user_uid"], unique=False)
    op.create_index("uq_session_keys_uid", "session_keys", ["uid"], unique=True)
    op.create_index("uq_session_keys_verify_key", "session_keys", ["verify_key"], unique=True)
    op.create_table(
        "settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "users",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Integer(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("institution", sa.Text(), server_default="", nullable=False),
        sa.Column("website", sa.Text(), server_default="", nullable=False),
        sa.Column("mock_execution", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_root", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_users_email_key", "users", ["email_key"], unique=True)
    op.create_index("uq_users_uid", "users", ["uid"], unique=True)
