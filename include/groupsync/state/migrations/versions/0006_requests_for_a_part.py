"""What a request is about: the part of its term that the asking run was for"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("approval", sa.Column("extent", sa.JSON(none_as_null=True), nullable=True))
