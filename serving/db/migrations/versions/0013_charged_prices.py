"""The decision log says what an organisation is charged for a plan, where that is not the list price."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "decisions",
        sa.Column(
            "charged",
            sa.Text(),
            nullable=True,
            comment="JSON: plan, what is charged for it where that is not the list price; NULL: nowhere",
        ),
    )


def downgrade() -> None:
    op.drop_column("decisions", "charged")
