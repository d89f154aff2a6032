"""What falls due is found by an index, and documents without files by a list of them."""

import sqlalchemy as sa
from alembic import op

from serving.db.tables import Instant

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_plan_changes_status_requested_at", "plan_changes", ["status", "requested_at"]),
    ("ix_payment_refunds_status_requested_at", "payment_refunds", ["status", "requested_at"]),
    ("ix_notifications_sent_at_created_at", "notifications", ["sent_at", "created_at"]),
    ("ix_enterprise_leads_mailed_at_recorded_at", "enterprise_leads", ["mailed_at", "recorded_at"]),
    ("ix_trials_ends_at", "trials", ["ends_at"]),
    ("ix_organizations_trial_started_at", "organizations", ["trial_started_at"]),
    ("ix_call_counts_window_at", "call_counts", ["window_at"]),
    ("ix_revocations_revoked_at", "revocations", ["revoked_at"]),
)


def upgrade() -> None:
    op.create_table(
        "documents_due",
        sa.Column("number", sa.String(32), nullable=False, comment="of an invoice"),
        sa.Column("issued_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_documents_due")),
    )
    op.execute(
        "INSERT INTO documents_due (number, issued_at) SELECT number, issued_at FROM invoices"
        " WHERE NOT EXISTS (SELECT 1 FROM invoice_files WHERE invoice_files.number = invoices.number)"
    )
    for name, table, columns in INDEXES:
        op.create_index(op.f(name), table, columns)
    failing = sa.text("failing_since IS NOT NULL")
    op.create_index(
        "ix_charges_failing", "charges", ["status", "organization_id"], sqlite_where=failing, postgresql_where=failing
    )
    op.drop_index(op.f("ix_notifications_sent_at"), "notifications")


def downgrade() -> None:
    op.create_index(op.f("ix_notifications_sent_at"), "notifications", ["sent_at"])
    op.drop_index("ix_charges_failing", "charges")
    for name, table, _ in INDEXES:
        op.drop_index(op.f(name), table)
    op.drop_table("documents_due")
