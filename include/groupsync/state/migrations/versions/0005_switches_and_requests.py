"""Courses that people switch, and the queue of requested imports and removals"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "course_switch",
        sa.Column("change", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("term", sa.String(length=50), nullable=False),
        sa.Column("course", sa.String(length=255), nullable=False),
        sa.Column("switch", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.String(length=255), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("change"),
    )
    op.create_index("ix_course_switch_term_course", "course_switch", ["term", "course"], unique=False)
    op.create_table(
        "import_request",
        sa.Column("term", sa.String(length=50), nullable=False),
        sa.Column("request", sa.String(length=100), nullable=False),
        sa.Column("course", sa.String(length=255), nullable=False),
        sa.Column("module", sa.String(length=255), nullable=True),
        sa.Column("occurrence", sa.String(length=255), nullable=True),
        sa.Column("academic_year", sa.String(length=255), nullable=True),
        sa.Column("period", sa.String(length=255), nullable=True),
        sa.Column("action", sa.String(length=10), nullable=False),
        sa.Column("requested_at", sa.String(length=40), nullable=False),
        sa.Column("read_by", sa.String(length=250), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_by", sa.String(length=250), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("term", "request"),
    )
