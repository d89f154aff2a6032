"""Money that moves: attempts to collect, the ledger in double entry, and what customers are to be told."""

import sqlalchemy as sa
from alembic import op

from serving.db.migrate import NoWayBack
from serving.db.tables import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column("entry_id", sa.String(length=128), nullable=False),
        sa.Column("organization_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="charge, payment, unapplied, refund"),
        sa.Column(
            "cause", sa.String(length=255), nullable=False, comment="what it records, so that it is recorded once"
        ),
        sa.Column("charge_id", sa.String(length=128), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("occurred_at", Instant(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_ledger_entries_organization_id")
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("cause", name=op.f("uq_ledger_entries_cause")),
    )
    op.create_index(op.f("ix_ledger_entries_charge_id"), "ledger_entries", ["charge_id"], unique=False)
    op.create_index(
        op.f("ix_ledger_entries_organization_id_occurred_at"),
        "ledger_entries",
        ["organization_id", "occurred_at"],
        unique=False,
    )
    op.create_table(
        "notifications",
        sa.Column("notification_id", sa.String(length=128), nullable=False),
        sa.Column("organization_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("cause", sa.String(length=400), nullable=False, comment="what it is about, so that it is told once"),
        sa.Column("payload", sa.Text(), nullable=False, comment="JSON object: the figures of the message"),
        sa.Column("locale", sa.String(length=8), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True, comment="NULL: still to be sent"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_notifications_organization_id")
        ),
        sa.PrimaryKeyConstraint("notification_id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("cause", name=op.f("uq_notifications_cause")),
    )
    op.create_index(
        op.f("ix_notifications_organization_id_created_at"),
        "notifications",
        ["organization_id", "created_at"],
        unique=False,
    )
    op.create_index(op.f("ix_notifications_sent_at"), "notifications", ["sent_at"], unique=False)
    op.create_table(
        "payment_attempts",
        sa.Column("key", sa.String(length=200), nullable=False, comment="the idempotency key given to the provider"),
        sa.Column("organization_id", sa.String(length=128), nullable=False),
        sa.Column(
            "charge_id",
            sa.String(length=128),
            nullable=True,
            comment="what it pays; NULL for money that arrived for nothing",
        ),
        sa.Column("payment_method_id", sa.String(length=128), nullable=True),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "status", sa.String(length=16), nullable=False, comment="started, pending, awaited, succeeded, failed"
        ),
        sa.Column("failure_code", sa.String(length=64), nullable=True),
        sa.Column("ask_at", Instant(), nullable=True, comment="when the provider is asked what became of it"),
        sa.Column("refund", sa.String(length=8), nullable=True, comment="due, done; NULL: the money is kept"),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_payment_attempts_organization_id")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_payment_attempts")),
    )
    op.create_index(op.f("ix_payment_attempts_ask_at"), "payment_attempts", ["ask_at"], unique=False)
    op.create_index(op.f("ix_payment_attempts_charge_id"), "payment_attempts", ["charge_id"], unique=False)
    op.create_index(
        op.f("ix_payment_attempts_organization_id_started_at"),
        "payment_attempts",
        ["organization_id", "started_at"],
        unique=False,
    )
    op.create_index(op.f("ix_payment_attempts_refund"), "payment_attempts", ["refund"], unique=False)
    op.create_index(
        "uq_payment_attempts_open",
        "payment_attempts",
        ["charge_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('started', 'pending')"),
        postgresql_where=sa.text("status IN ('started', 'pending')"),
    )
    op.create_table(
        "ledger_postings",
        sa.Column("entry_id", sa.String(length=128), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "account",
            sa.String(length=32),
            nullable=False,
            comment="receivable, cash, revenue, tax, customer_credit, unapplied",
        ),
        sa.Column("detail", sa.String(length=128), nullable=False, comment="revenue: the plan; tax: category and rate"),
        sa.Column(
            "amount_cents", sa.BigInteger(), nullable=False, comment="debit above 0, credit below; an entry sums to 0"
        ),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entries.entry_id"], name=op.f("fk_ledger_postings_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", "position", name=op.f("pk_ledger_postings")),
        sqlite_with_rowid=False,
    )
    op.add_column(
        "charges",
        sa.Column(
            "failing_since", Instant(), nullable=True, comment="when the first attempt failed, or the transfer was due"
        ),
    )
    op.add_column(
        "payment_methods",
        sa.Column("customer", sa.String(length=200), nullable=True, comment="the payment provider's name for who pays"),
    )
    op.add_column(
        "payment_methods",
        sa.Column(
            "warn_at", Instant(), nullable=True, comment="when its owner is warned that the card expires; NULL: warned"
        ),
    )
    op.create_index(op.f("ix_payment_methods_warn_at"), "payment_methods", ["warn_at"], unique=False)
    op.add_column(
        "plan_changes",
        sa.Column(
            "ask_at", Instant(), nullable=True, comment="when the provider is asked what became of an unknown payment"
        ),
    )
    op.add_column("sandbox_payments", sa.Column("refunded", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    raise NoWayBack("the ledger would be lost")
