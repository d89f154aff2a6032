"""The log of subscriptions says how many are held of a plan that is sold by number."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_COMMENT = "how many, of a plan that is sold by number; NULL: one"


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("quantity", sa.Integer(), nullable=True, comment=_COMMENT))


def downgrade() -> None:
    op.drop_column("subscriptions", "quantity")
