"""The payment tables: attempts to collect, the ledger, and notifications."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, text

from serving.db.tables import ID_LENGTH, Instant, metadata


def _organization() -> Column[str]:
    return Column("organization_id", String(ID_LENGTH), ForeignKey("organizations.organization_id"), nullable=False)


payment_attempts = Table(
    "payment_attempts",
    metadata,
    Column("key", String(200), primary_key=True, comment="the idempotency key given to the provider"),
    _organization(),
    Column("charge_id", String(ID_LENGTH), index=True, comment="what it pays; NULL for money that arrived for nothing"),
    Column("payment_method_id", String(ID_LENGTH)),
    Column("amount_cents", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", String(16), nullable=False, comment="started, pending, awaited, succeeded, failed"),
    Column("failure_code", String(64)),
    Column("ask_at", Instant, index=True, comment="when the provider is asked what became of it"),
    Column("refund", String(8), index=True, comment="due, done; NULL: the money is kept"),
    Column("unapplied_cents", BigInteger, nullable=False, server_default="0", comment="owed back: it paid nothing"),
    Column("started_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Index(None, "organization_id", "started_at"),
    Index(
        "uq_payment_attempts_open",
        "charge_id",
        unique=True,
        sqlite_where=text("status IN ('started', 'pending')"),
        postgresql_where=text("status IN ('started', 'pending')"),
    ),
)

payment_reversals = Table(
    "payment_reversals",
    metadata,
    Column(
        "reversal_id", String(255), primary_key=True, comment="the provider's id of a dispute, or what was sent back"
    ),
    Column(
        "organization_id",
        String(ID_LENGTH),
        ForeignKey("organizations.organization_id"),
        nullable=False,
        index=True,
    ),
    Column("key", String(200), ForeignKey("payment_attempts.key"), nullable=False, index=True),
    Column("kind", String(16), nullable=False, comment="dispute, refund, return"),
    Column("status", String(16), nullable=False, comment="open, lost, won"),
    Column("amount_cents", BigInteger, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("settled_at", Instant),
)
"""Money that was collected and taken back by a customer's bank or at the provider."""

payment_refunds = Table(
    "payment_refunds",
    metadata,
    Column("refund_id", String(255), primary_key=True),
    _organization(),
    Column("key", String(200), ForeignKey("payment_attempts.key"), nullable=False, index=True),
    Column("amount_cents", BigInteger, nullable=False),
    Column("status", String(8), nullable=False, comment="due, done, failed"),
    Column("requested_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Index(None, "organization_id", "requested_at"),
    Index(None, "status", "requested_at"),
)
"""Refunds ordered by this service, of money that paid nothing or by an operator; and the provider's that failed."""

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("entry_id", String(ID_LENGTH), primary_key=True),
    _organization(),
    Column("kind", String(16), nullable=False, comment="charge, payment, unapplied, refund, reversal, …"),
    Column("cause", String(255), nullable=False, unique=True, comment="what it records, so that it is recorded once"),
    Column("charge_id", String(ID_LENGTH), index=True),
    Column("currency", String(3), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index(None, "organization_id", "occurred_at"),
)

ledger_postings = Table(
    "ledger_postings",
    metadata,
    Column("entry_id", String(ID_LENGTH), ForeignKey("ledger_entries.entry_id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("account", String(32), nullable=False, comment="an account of recommender.billing.ledger"),
    Column("detail", String(ID_LENGTH), nullable=False, comment="revenue: the plan; tax: category and rate"),
    Column("amount_cents", BigInteger, nullable=False, comment="debit above 0, credit below; an entry sums to 0"),
    sqlite_with_rowid=False,
)

notifications = Table(
    "notifications",
    metadata,
    Column("notification_id", String(ID_LENGTH), primary_key=True),
    _organization(),
    Column("kind", String(32), nullable=False),
    Column("cause", String(400), nullable=False, unique=True, comment="what it is about, so that it is told once"),
    Column("payload", Text, nullable=False, comment="JSON object: the figures of the message"),
    Column("locale", String(8), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant, comment="NULL: still to be sent"),
    Column("try_at", Instant, comment="not before; whoever sends it moves it on first"),
    Index(None, "organization_id", "created_at"),
    Index(None, "sent_at", "created_at"),
)
