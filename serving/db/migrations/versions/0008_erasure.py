"""Erased organisations leave a row that carries their documents."""

import sqlalchemy as sa
from alembic import op

from serving.db.migrate import NoWayBack
from serving.db.tables import Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "organizations",
        sa.Column(
            "erased_at", Instant(), nullable=True, comment="only documents that the law wants kept are left of it"
        ),
    )


def downgrade() -> None:
    raise NoWayBack("organisations that were erased would come back")
