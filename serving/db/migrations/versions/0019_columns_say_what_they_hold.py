"""Columns of the migrations 0013 to 0018 say on PostgreSQL what they hold, as all others do; SQLite has no comments."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_HOLD = (
    ("call_counts.name", "which limit, and a digest of whose calls are counted"),
    ("charges.settled_cents", "of the total: paid or forgiven"),
    ("job_runs.failures", "runs that failed since the last success"),
    ("ledger_entries.kind", "charge, payment, unapplied, refund, reversal, …"),
    ("ledger_postings.account", "an account of recommender.billing.ledger"),
    ("outcomes.event_id", "organisation/id of the caller"),
    ("payment_attempts.unapplied_cents", "owed back: it paid nothing"),
    ("payment_methods.chosen_at", "when it last became the default"),
    ("payment_methods.refused_because", "failure code of its last payment; NULL: it paid, or was not tried"),
    ("payment_refunds.status", "due, done, failed"),
    ("payment_reversals.reversal_id", "the provider's id of a dispute, or what was sent back"),
    ("payment_reversals.kind", "dispute, refund, return"),
    ("payment_reversals.status", "open, lost, won"),
    ("sandbox_refunds.key", "of the payment"),
    ("sandbox_refunds.reference", "of the refund"),
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for column, comment in _HOLD:
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")


def downgrade() -> None:
    """The comments stay: they are as true of the version before."""
