"""Closed windows: what was billed of each, so that usage reported later can be billed too."""

import sqlalchemy as sa
from alembic import op

from serving.db.migrate import NoWayBack
from serving.db.tables import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "closed_windows",
        sa.Column("organization_id", sa.String(length=128), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column(
            "content", sa.Text(), nullable=False, comment="JSON: what was held when, and the units that were billed"
        ),
        sa.Column("billed_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_closed_windows_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "starts_at", name=op.f("pk_closed_windows")),
    )


def downgrade() -> None:
    raise NoWayBack("usage that was billed late would be billed again")
