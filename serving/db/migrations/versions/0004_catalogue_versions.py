"""Catalogue versions: the texts of every catalogue that was on sale."""

import sqlalchemy as sa
from alembic import op

from serving.db.tables import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "catalogue_versions",
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("catalogue", sa.Text(), nullable=False, comment="the Pricing2Yaml text, as it was read"),
        sa.Column("offers", sa.Text(), nullable=True, comment="the offers beside it, if there were any"),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_catalogue_versions")),
    )


def downgrade() -> None:
    op.drop_table("catalogue_versions")
