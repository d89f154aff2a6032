"""Accounts are debited by mandates, whose references stand on invoices."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "payment_methods",
        sa.Column(
            "mandate",
            sa.String(64),
            nullable=True,
            comment="the reference of the mandate by which an account is debited",
        ),
    )


def downgrade() -> None:
    op.drop_column("payment_methods", "mandate")
