"""Which step of which protocol code is, which run a job belongs to, and values on their way between sites."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add what is new; no code so far was a step of a protocol."""
    with op.batch_alter_table("code") as table:
        table.add_column(sa.Column("protocol", sa.Text(), nullable=True))
        table.add_column(sa.Column("step", sa.BigInteger(), nullable=True))
        # What was kept before is not counted: it was no step of a protocol, and so is small.
        table.add_column(sa.Column("size", sa.BigInteger(), nullable=True))
    op.create_index("ix_code_protocol_step", "code", ["protocol", "step"], unique=False)
    with op.batch_alter_table("jobs") as table:
        table.add_column(sa.Column("run", sa.Text(), nullable=True))
    op.create_index("ix_jobs_run", "jobs", ["run"], unique=False)
    op.create_table(
        "in_transit",
        sa.Column("position", row_number, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("edge", sa.BigInteger(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("code_uid", sa.Text(), nullable=True),
        sa.Column("request_uid", sa.Text(), nullable=True),
        sa.Column("job_uid", sa.Text(), nullable=True),
        sa.Column("handed_over", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("blob", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("uq_in_transit_uid", "in_transit", ["uid"], unique=True)
    op.create_index("uq_in_transit_place", "in_transit", ["place"], unique=True)
    op.create_index("ix_in_transit_protocol_step", "in_transit", ["protocol", "step"], unique=False)
    for column in ("run", "blob", "request_uid", "lease_until"):
        op.create_index(f"ix_in_transit_{column}", "in_transit", [column], unique=False)
