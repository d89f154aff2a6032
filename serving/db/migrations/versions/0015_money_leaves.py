"""Money also leaves: parts of charges, money that is owed to customers, reversals, and refused payment methods."""

import sqlalchemy as sa
from alembic import op

from serving.db.migrate import NoWayBack
from serving.db.tables import ID_LENGTH, Instant

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payment_methods", sa.Column("refused_because", sa.String(64), nullable=True))
    op.add_column("payment_methods", sa.Column("chosen_at", Instant(), nullable=True))
    for table, column in (("charges", "settled_cents"), ("payment_attempts", "unapplied_cents")):
        op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE charges SET settled_cents = total_cents WHERE status = 'paid'")
    op.execute("UPDATE payment_methods SET chosen_at = recorded_at WHERE is_default")
    op.execute(
        "UPDATE payment_attempts SET unapplied_cents = amount_cents WHERE (refund IS NULL OR refund <> 'done')"
        " AND 'payment:' || key IN (SELECT cause FROM ledger_entries WHERE kind = 'unapplied')"
    )
    op.create_table(
        "payment_reversals",
        sa.Column("reversal_id", sa.String(255), primary_key=True),
        sa.Column(
            "organization_id", sa.String(ID_LENGTH), sa.ForeignKey("organizations.organization_id"), nullable=False
        ),
        sa.Column("key", sa.String(200), sa.ForeignKey("payment_attempts.key"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", Instant(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
    )
    op.create_index(op.f("ix_payment_reversals_organization_id"), "payment_reversals", ["organization_id"])
    op.create_index(op.f("ix_payment_reversals_key"), "payment_reversals", ["key"])
    op.create_table(
        "sandbox_refunds",
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("reference", sa.String(200), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "reference", name=op.f("pk_sandbox_refunds")),
    )
    op.create_table(
        "payment_refunds",
        sa.Column("refund_id", sa.String(255), primary_key=True),
        sa.Column(
            "organization_id", sa.String(ID_LENGTH), sa.ForeignKey("organizations.organization_id"), nullable=False
        ),
        sa.Column("key", sa.String(200), sa.ForeignKey("payment_attempts.key"), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
    )
    op.create_index(op.f("ix_payment_refunds_key"), "payment_refunds", ["key"])
    op.create_index(
        op.f("ix_payment_refunds_organization_id_requested_at"), "payment_refunds", ["organization_id", "requested_at"]
    )
    op.execute(
        "INSERT INTO payment_refunds (refund_id, organization_id, key, amount_cents, status, requested_at, settled_at)"
        " SELECT 'over:' || key || '/0', organization_id, key, amount_cents, 'done', started_at, settled_at"
        " FROM payment_attempts WHERE refund = 'done'"
    )


def downgrade() -> None:
    raise NoWayBack("refunds and reversals would be forgotten")
