"""Every change of a pin or an exclusion: who, when and why"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "member_exception_change",
        sa.Column("change", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("course", sa.String(length=255), nullable=False),
        sa.Column("group", sa.String(length=100), nullable=False),
        sa.Column("user", sa.String(length=255), nullable=False),
        sa.Column("what", sa.String(length=10), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("change"),
    )
    op.create_index(
        "ix_member_exception_change_member", "member_exception_change", ["course", "group", "user"], unique=False
    )
