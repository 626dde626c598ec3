"""What a run needs to go on where another ended, who is writing, and what is missing since when."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("journal", sa.Column("term", sa.String(length=50), nullable=True))
    op.add_column("journal", sa.Column("module", sa.String(length=255), nullable=True))
    op.drop_index(op.f("ix_journal_run_id"), table_name="journal")
    op.create_index("ix_journal_run_id_course", "journal", ["run_id", "course"], unique=False)
    op.create_index(op.f("ix_journal_outcome"), "journal", ["outcome"], unique=False)
    op.create_index("ix_journal_rule", "journal", ["rule"], unique=False)
    op.create_table(
        "lease",
        sa.Column("site", sa.String(length=255), nullable=False),
        sa.Column("holder", sa.String(length=250), nullable=False),
        sa.Column("token", sa.String(length=36), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("site"),
    )
    op.create_table(
        "vanishing",
        sa.Column("term", sa.String(length=50), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("course", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("user", sa.String(length=255), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("term", "kind", "course", "key", "user"),
    )
