"""Organisations keep what their customer enters for invoices."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("billing", sa.Text(), nullable=True, comment="JSON: what the customer entered for invoices")
    op.add_column("organizations", column)


def downgrade() -> None:
    op.drop_column("organizations", "billing")
