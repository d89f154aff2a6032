"""Cancellations are recorded, with their reason and what came of them."""

import sqlalchemy as sa
from alembic import op

from serving.db.tables import Instant

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cancellations",
        sa.Column("cancellation_id", sa.String(128), nullable=False),
        sa.Column("organization_id", sa.String(128), nullable=False),
        sa.Column("decision_id", sa.String(128), nullable=True),
        sa.Column("plan", sa.String(128), nullable=False),
        sa.Column("interval", sa.String(8), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("asked_by", sa.String(16), nullable=False, comment="customer, operator"),
        sa.Column("offer", sa.String(128), nullable=True, comment="the save offer that was accepted"),
        sa.Column("status", sa.String(16), nullable=False, comment="waiting, withdrawn, offer_accepted, ended"),
        sa.Column("effective_at", Instant(), nullable=False),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.organization_id"],
            name=op.f("fk_cancellations_organization_id_organizations"),
        ),
        sa.PrimaryKeyConstraint("cancellation_id", name=op.f("pk_cancellations")),
    )
    op.create_index(
        op.f("ix_cancellations_organization_id_requested_at"),
        "cancellations",
        ["organization_id", "requested_at"],
        unique=False,
    )
    waits = sa.text("status = 'waiting'")
    op.create_index(
        "uq_cancellations_waiting",
        "cancellations",
        ["organization_id"],
        unique=True,
        sqlite_where=waits,
        postgresql_where=waits,
    )


def downgrade() -> None:
    op.drop_table("cancellations")
