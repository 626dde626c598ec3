"""What a person approved, what later runs compare themselves with, states of terms, where the ledger was made."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("stamp", sa.Column("place", sa.String(length=255), nullable=True))
    for column in (
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.Column("measures", sa.JSON(), nullable=True),
        sa.Column("settings_digest", sa.String(length=64), nullable=True),
        sa.Column("held_digest", sa.String(length=64), nullable=True),
    ):
        op.add_column("run", column)
    op.create_table(
        "approval",
        sa.Column("approval", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("term", sa.String(length=50), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("release_run_id", sa.String(length=250), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("trips", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("open_for", sa.String(length=50), nullable=True),
        sa.Column("who", sa.String(length=255), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("courses", sa.JSON(), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("approval"),
        sa.UniqueConstraint("open_for"),
        sa.UniqueConstraint("release_run_id"),
    )
    op.create_index(op.f("ix_approval_term"), "approval", ["term"], unique=False)
    op.create_table(
        "term_state",
        sa.Column("change", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("term", sa.String(length=50), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.String(length=255), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("change"),
    )
    op.create_index(op.f("ix_term_state_term"), "term_state", ["term"], unique=False)
