"""Organisations have an address for mails; notifications know when they are tried again."""

import sqlalchemy as sa
from alembic import op

from serving.db.tables import Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "organizations", sa.Column("email", sa.String(254), nullable=True, comment="where mails go; NULL: nowhere")
    )
    op.add_column(
        "notifications",
        sa.Column("try_at", Instant(), nullable=True, comment="not before; whoever sends it moves it on first"),
    )


def downgrade() -> None:
    op.drop_column("notifications", "try_at")
    op.drop_column("organizations", "email")
