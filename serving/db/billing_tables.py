"""The billing tables: subscriptions, plan changes, charges, payment methods, answered requests."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
    text,
)

from serving.db.tables import ID_LENGTH, Instant, metadata


def _id(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    return Column(name, String(ID_LENGTH), primary_key=primary_key, nullable=nullable)


def _organization(*, primary_key: bool = False) -> Column[str]:
    return Column(
        "organization_id",
        String(ID_LENGTH),
        ForeignKey("organizations.organization_id"),
        primary_key=primary_key,
        nullable=False,
    )


def _unique_where(name: str, column: str, condition: str) -> Index:
    """A partial unique index, for both databases."""
    return Index(name, column, unique=True, sqlite_where=text(condition), postgresql_where=text(condition))


subscription_states = Table(
    "subscription_states",
    metadata,
    _organization(primary_key=True),
    Column("version", Integer, nullable=False, comment="goes up with every change; who writes names the one it read"),
    Column("state", Text, nullable=False, comment="JSON: the subscription with the plans as they were sold"),
    Column("due_at", Instant, index=True, comment="when the open quota window closes"),
    Column("renewed_plan", String(ID_LENGTH), index=True, comment="what is renewed, if no change of it is agreed"),
    Column("renewed_version", String(ID_LENGTH), comment="the catalogue version of that plan"),
    Column("announced", String(ID_LENGTH), index=True, comment="the campaign whose move waits for its renewal"),
    Column("updated_at", Instant, nullable=False),
)

version_campaigns = Table(
    "version_campaigns",
    metadata,
    _id("campaign_id", primary_key=True),
    Column("plan", String(ID_LENGTH), nullable=False),
    Column("from_versions", Text, comment="JSON list of catalogue versions; NULL: every other than the new one"),
    Column("to_version", String(ID_LENGTH), nullable=False),
    Column("notice_days", Integer, nullable=False, comment="at least so long before a move is announced"),
    Column("not_before", Instant, comment="no move is made before; NULL: the notice alone decides"),
    Column("started_at", Instant, nullable=False),
    Column("stopped_at", Instant),
)

campaign_moves = Table(
    "campaign_moves",
    metadata,
    Column("campaign_id", String(ID_LENGTH), ForeignKey("version_campaigns.campaign_id"), primary_key=True),
    _organization(primary_key=True),
    Column("from_version", String(ID_LENGTH), nullable=False),
    Column("interval", String(8), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("old_cents", BigInteger, nullable=False, comment="net price of the interval as it was sold"),
    Column("new_cents", BigInteger, comment="as announced; NULL: the new version cannot be held so"),
    Column("left_out", String(32), comment="why no move was announced"),
    Column("not_before", Instant, comment="the day that was told"),
    Column("announced_at", Instant, nullable=False),
    Column("moved_at", Instant),
    Column("withdrawn_at", Instant, comment="when the operator took the announcement back"),
)

closed_windows = Table(
    "closed_windows",
    metadata,
    _organization(primary_key=True),
    Column("starts_at", Instant, primary_key=True),
    Column("content", Text, nullable=False, comment="JSON: what was held when, and the units that were billed"),
    Column("billed_at", Instant, nullable=False),
)

plan_changes = Table(
    "plan_changes",
    metadata,
    _id("change_id", primary_key=True),
    _organization(),
    Column("quote_id", String(ID_LENGTH), nullable=False),
    Column("status", String(16), nullable=False, comment="paying, payment_pending, applied, scheduled, failed, …"),
    Column("direction", String(16), nullable=False),
    Column("plan", String(ID_LENGTH), nullable=False),
    Column("interval", String(8), nullable=False),
    Column("effective_at", Instant, nullable=False),
    _id("decision_id", nullable=True),
    _id("payment_method_id", nullable=True),
    Column("subscription_version", Integer, nullable=False, comment="what it was decided on"),
    Column("content", Text, nullable=False, comment="JSON: the lines, the tax and the subscription that results"),
    Column("reason", Text, comment="JSON: the payment failure, or the blockers at the effective instant"),
    Column("requested_at", Instant, nullable=False),
    Column("ask_at", Instant, comment="when the provider is asked what became of an unknown payment"),
    Column("settled_at", Instant),
    _unique_where("uq_plan_changes_quote_id", "quote_id", "status <> 'failed'"),
    _unique_where("uq_plan_changes_open", "organization_id", "status IN ('paying', 'payment_pending')"),
    Index(None, "organization_id", "requested_at"),
    Index(None, "status", "requested_at"),
)

cancellations = Table(
    "cancellations",
    metadata,
    _id("cancellation_id", primary_key=True),
    _organization(),
    _id("decision_id", nullable=True),
    Column("plan", String(ID_LENGTH), nullable=False),
    Column("interval", String(8), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("comment", Text),
    Column("asked_by", String(16), nullable=False, comment="customer, operator"),
    Column("offer", String(ID_LENGTH), comment="the save offer that was accepted"),
    Column("status", String(16), nullable=False, comment="waiting, withdrawn, offer_accepted, ended"),
    Column("effective_at", Instant, nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("settled_at", Instant),
    _unique_where("uq_cancellations_waiting", "organization_id", "status = 'waiting'"),
    Index(None, "organization_id", "requested_at"),
)

trials = Table(
    "trials",
    metadata,
    _organization(primary_key=True),
    Column("ends_at", Instant, index=True, comment="where the operator moved the end; NULL: as it is sold"),
    Column("told", Integer, nullable=False, comment="how many mails about the end were sent"),
)

charges = Table(
    "charges",
    metadata,
    _id("charge_id", primary_key=True),
    _organization(),
    Column("cause", String(200), nullable=False, unique=True, comment="what is charged, so that it is charged once"),
    Column("kind", String(16), nullable=False, comment="change, renewal"),
    Column("currency", String(3), nullable=False),
    Column("net_cents", BigInteger, nullable=False),
    Column("tax_cents", BigInteger, nullable=False),
    Column("total_cents", BigInteger, nullable=False, comment="never below 0: a net below 0 is a credit balance"),
    Column("lines", Text, nullable=False, comment="JSON list; they sum to the net"),
    Column("tax", Text, nullable=False, comment="JSON list per rate; they sum to the tax"),
    Column("settled_cents", BigInteger, nullable=False, server_default="0", comment="of the total: paid or forgiven"),
    Column("status", String(16), nullable=False, comment="open, paid"),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Instant, index=True),
    _id("payment_method_id", nullable=True),
    Column("failure_code", String(64)),
    Column("failing_since", Instant, comment="when the first attempt failed, or the transfer was due"),
    Column("paid_at", Instant),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index(None, "organization_id", "occurred_at"),
    Index(
        "ix_charges_failing",
        "status",
        "organization_id",
        sqlite_where=text("failing_since IS NOT NULL"),
        postgresql_where=text("failing_since IS NOT NULL"),
    ),
)

payment_methods = Table(
    "payment_methods",
    metadata,
    _id("payment_method_id", primary_key=True),
    _organization(),
    Column("kind", String(16), nullable=False, comment="card, sepa, bank_transfer"),
    Column("reference", String(200), nullable=False, comment="the payment provider's name for it"),
    Column("customer", String(200), comment="the payment provider's name for who pays"),
    Column("brand", String(32)),
    Column("last4", String(4), nullable=False),
    Column("expires", String(7), comment="YYYY-MM"),
    Column("mandate", String(64), comment="the reference of the mandate by which an account is debited"),
    Column("warn_at", Instant, index=True, comment="when its owner is warned that the card expires; NULL: warned"),
    Column("is_default", Boolean, nullable=False),
    Column("chosen_at", Instant, comment="when it last became the default"),
    Column("refused_because", String(64), comment="failure code of its last payment; NULL: it paid, or was not tried"),
    Column("recorded_at", Instant, nullable=False),
    Column("removed_at", Instant),
    _unique_where("uq_payment_methods_default", "organization_id", "is_default AND removed_at IS NULL"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    _organization(primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False, comment="of the request's body"),
    _id("change_id", nullable=True),
    Column("status_code", Integer, comment="NULL while the first request is under way"),
    Column("body", Text),
    Column("recorded_at", Instant, nullable=False, index=True),
)

catalogue_versions = Table(
    "catalogue_versions",
    metadata,
    Column("version", String(ID_LENGTH), primary_key=True),
    Column("catalogue", Text, nullable=False, comment="the Pricing2Yaml text, as it was read"),
    Column("offers", Text, comment="the offers beside it, if there were any"),
    Column("first_seen_at", Instant, nullable=False),
)

sandbox_payments = Table(
    "sandbox_payments",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("reference", String(200), nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", String(16), nullable=False, comment="pending, succeeded, failed"),
    Column("failure_code", String(64)),
    Column("refunded", Boolean, nullable=False, server_default=false()),
)

sandbox_refunds = Table(
    "sandbox_refunds",
    metadata,
    Column("key", String(200), primary_key=True, comment="of the payment"),
    Column("reference", String(200), primary_key=True, comment="of the refund"),
    Column("amount_cents", BigInteger, nullable=False),
)
