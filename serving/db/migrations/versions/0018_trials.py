"""Trials have an end that the operator may move, and know which mails were sent."""

import sqlalchemy as sa
from alembic import op

from serving.db.tables import Instant

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trials",
        sa.Column("organization_id", sa.String(128), nullable=False),
        sa.Column("ends_at", Instant(), nullable=True, comment="where the operator moved the end; NULL: as it is sold"),
        sa.Column("told", sa.Integer(), nullable=False, comment="how many mails about the end were sent"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_trials_organization_id_organizations")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_trials")),
    )


def downgrade() -> None:
    op.drop_table("trials")
