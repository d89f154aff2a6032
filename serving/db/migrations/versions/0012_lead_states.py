"""Leads have a state, and know when sales was told."""

import sqlalchemy as sa
from alembic import op

from serving.db.tables import Instant

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "enterprise_leads",
        sa.Column("state", sa.String(16), nullable=False, server_default="new", comment="new, contacted or closed"),
    )
    op.add_column(
        "enterprise_leads", sa.Column("mailed_at", Instant(), nullable=True, comment="when sales was told by mail")
    )


def downgrade() -> None:
    op.drop_column("enterprise_leads", "mailed_at")
    op.drop_column("enterprise_leads", "state")
