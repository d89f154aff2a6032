"""Plan changes: what is held now, changes asked for, charges, payment methods and answered requests."""

import sqlalchemy as sa
from alembic import op

from serving.db.tables import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sandbox_payments",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False, comment="pending, succeeded, failed"),
        sa.Column("failure_code", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sandbox_payments")),
    )
    op.create_table(
        "charges",
        sa.Column("charge_id", sa.String(length=128), nullable=False),
        sa.Column("organization_id", sa.String(length=128), nullable=False),
        sa.Column(
            "cause", sa.String(length=200), nullable=False, comment="what is charged, so that it is charged once"
        ),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="change, renewal"),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("net_cents", sa.BigInteger(), nullable=False),
        sa.Column("tax_cents", sa.BigInteger(), nullable=False),
        sa.Column(
            "total_cents", sa.BigInteger(), nullable=False, comment="never below 0: a net below 0 is a credit balance"
        ),
        sa.Column("lines", sa.Text(), nullable=False, comment="JSON list; they sum to the net"),
        sa.Column("tax", sa.Text(), nullable=False, comment="JSON list per rate; they sum to the tax"),
        sa.Column("status", sa.String(length=16), nullable=False, comment="open, paid"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=True),
        sa.Column("payment_method_id", sa.String(length=128), nullable=True),
        sa.Column("failure_code", sa.String(length=64), nullable=True),
        sa.Column("paid_at", Instant(), nullable=True),
        sa.Column("occurred_at", Instant(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_charges_organization_id")
        ),
        sa.PrimaryKeyConstraint("charge_id", name=op.f("pk_charges")),
        sa.UniqueConstraint("cause", name=op.f("uq_charges_cause")),
    )
    op.create_index(op.f("ix_charges_next_attempt_at"), "charges", ["next_attempt_at"], unique=False)
    op.create_index(
        op.f("ix_charges_organization_id_occurred_at"), "charges", ["organization_id", "occurred_at"], unique=False
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("organization_id", sa.String(length=128), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False, comment="of the request's body"),
        sa.Column("change_id", sa.String(length=128), nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True, comment="NULL while the first request is under way"),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_idempotency_keys_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_recorded_at"), "idempotency_keys", ["recorded_at"], unique=False)
    op.create_table(
        "payment_methods",
        sa.Column("payment_method_id", sa.String(length=128), nullable=False),
        sa.Column("organization_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="card, sepa, bank_transfer"),
        sa.Column("reference", sa.String(length=200), nullable=False, comment="the payment provider's name for it"),
        sa.Column("brand", sa.String(length=32), nullable=True),
        sa.Column("last4", sa.String(length=4), nullable=False),
        sa.Column("expires", sa.String(length=7), nullable=True, comment="YYYY-MM"),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_payment_methods_organization_id")
        ),
        sa.PrimaryKeyConstraint("payment_method_id", name=op.f("pk_payment_methods")),
    )
    op.create_index(
        "uq_payment_methods_default",
        "payment_methods",
        ["organization_id"],
        unique=True,
        sqlite_where=sa.text("is_default AND removed_at IS NULL"),
        postgresql_where=sa.text("is_default AND removed_at IS NULL"),
    )
    op.create_table(
        "plan_changes",
        sa.Column("change_id", sa.String(length=128), nullable=False),
        sa.Column("organization_id", sa.String(length=128), nullable=False),
        sa.Column("quote_id", sa.String(length=128), nullable=False),
        sa.Column(
            "status",
            sa.String(length=16),
            nullable=False,
            comment="paying, payment_pending, applied, scheduled, failed, …",
        ),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("plan", sa.String(length=128), nullable=False),
        sa.Column("interval", sa.String(length=8), nullable=False),
        sa.Column("effective_at", Instant(), nullable=False),
        sa.Column("decision_id", sa.String(length=128), nullable=True),
        sa.Column("payment_method_id", sa.String(length=128), nullable=True),
        sa.Column("subscription_version", sa.Integer(), nullable=False, comment="what it was decided on"),
        sa.Column(
            "content", sa.Text(), nullable=False, comment="JSON: the lines, the tax and the subscription that results"
        ),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=True,
            comment="JSON: the payment failure, or the blockers at the effective instant",
        ),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_plan_changes_organization_id")
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_plan_changes")),
    )
    op.create_index(
        op.f("ix_plan_changes_organization_id_requested_at"),
        "plan_changes",
        ["organization_id", "requested_at"],
        unique=False,
    )
    op.create_index(
        "uq_plan_changes_open",
        "plan_changes",
        ["organization_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('paying', 'payment_pending')"),
        postgresql_where=sa.text("status IN ('paying', 'payment_pending')"),
    )
    op.create_index(
        "uq_plan_changes_quote_id",
        "plan_changes",
        ["quote_id"],
        unique=True,
        sqlite_where=sa.text("status <> 'failed'"),
        postgresql_where=sa.text("status <> 'failed'"),
    )
    op.create_table(
        "subscription_states",
        sa.Column("organization_id", sa.String(length=128), nullable=False),
        sa.Column(
            "version",
            sa.Integer(),
            nullable=False,
            comment="goes up with every change; who writes names the one it read",
        ),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="JSON: the subscription with the plans as they were sold"
        ),
        sa.Column("due_at", Instant(), nullable=True, comment="when the open quota window closes"),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_subscription_states_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_subscription_states")),
    )
    op.create_index(op.f("ix_subscription_states_due_at"), "subscription_states", ["due_at"], unique=False)


def downgrade() -> None:
    for table in (
        "subscription_states",
        "plan_changes",
        "payment_methods",
        "idempotency_keys",
        "charges",
        "sandbox_payments",
    ):
        op.drop_table(table)
