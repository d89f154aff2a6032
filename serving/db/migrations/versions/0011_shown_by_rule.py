"""The decision log says by which rule a card is shown, and what the guard made of the plan that was first."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "decisions",
        sa.Column(
            "guard",
            sa.Text(),
            nullable=True,
            comment="JSON: what would have been first, the alternative, and why it is not; NULL: it is",
        ),
    )
    op.add_column(
        "decision_plans", sa.Column("shown_as", sa.String(32), nullable=True, comment="the rule of the row of cards")
    )


def downgrade() -> None:
    op.drop_column("decision_plans", "shown_as")
    op.drop_column("decisions", "guard")
