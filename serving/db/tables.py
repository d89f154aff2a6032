"""The core tables: append-only logs of facts, and the roll-ups that a decision reads."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ID_LENGTH: Final = 128


class Instant(TypeDecorator[datetime]):
    """An instant in UTC with microseconds; a naive datetime is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert to UTC; raises `ValueError` for a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC)

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        """Makes what the driver is given; for SQLite the text, which SQLAlchemy writes four times as slowly."""
        if dialect.name != "sqlite":
            return super().bind_processor(dialect)

        def text(value: datetime | None) -> str | None:
            instant = self.process_bind_param(value, dialect)
            return None if instant is None else instant.isoformat(" ", "microseconds")[:26]

        return text

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return UTC, whatever the database stores."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _id(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    return Column(name, String(ID_LENGTH), primary_key=primary_key, nullable=nullable)


def _organization() -> Column[str]:
    return Column("organization_id", String(ID_LENGTH), ForeignKey("organizations.organization_id"), nullable=False)


def _instants() -> tuple[Column[datetime], Column[datetime]]:
    return Column("occurred_at", Instant, nullable=False), Column("recorded_at", Instant, nullable=False)


organizations = Table(
    "organizations",
    metadata,
    _id("organization_id", primary_key=True),
    Column("name", String(300), nullable=False),
    Column("country", String(2), nullable=False),
    Column("vat_id", String(32)),
    Column("locale", String(8), nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("address", Text, comment="JSON"),
    Column("email", String(254), comment="where mails go; NULL: nowhere"),
    Column("billing", Text, comment="JSON: what the customer entered for invoices"),
    Column("trial_started_at", Instant, nullable=False, index=True),
    Column("templates", Text, nullable=False, comment="JSON list, what the log adds up to"),
    Column("integrations", Text, nullable=False, comment="JSON list, what the log adds up to"),
    Column("revision", BigInteger, nullable=False, comment="goes up with every fact that a decision reads"),
    Column("recorded_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("vat_check", String(16), comment="what the check of the VAT id found; NULL: there is none to check"),
    Column("vat_checked_at", Instant),
    Column("erased_at", Instant, comment="only documents that the law wants kept are left of it"),
)

template_installs = Table(
    "template_installs",
    metadata,
    _id("event_id", primary_key=True),
    _organization(),
    Column("template", String(ID_LENGTH), nullable=False),
    Column("change", String(16), nullable=False),
    *_instants(),
    Index(None, "organization_id", "recorded_at"),
)

integrations = Table(
    "integrations",
    metadata,
    _id("event_id", primary_key=True),
    _organization(),
    Column("integration", String(ID_LENGTH), nullable=False),
    Column("change", String(16), nullable=False),
    *_instants(),
    Index(None, "organization_id", "recorded_at"),
)

usage_events = Table(
    "usage_events",
    metadata,
    _id("event_id", primary_key=True),
    _organization(),
    Column("metric", String(32), nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("action", String(64)),
    *_instants(),
    Index(None, "organization_id", "occurred_at"),
)

usage_days = Table(
    "usage_days",
    metadata,
    Column("organization_id", String(ID_LENGTH), ForeignKey("organizations.organization_id"), primary_key=True),
    Column("metric", String(32), primary_key=True),
    Column("day", Date, primary_key=True, comment="UTC"),
    Column("total", BigInteger, nullable=False),
    Column("level", BigInteger, nullable=False, comment="of the latest event of the day; ties: the larger"),
    Column("level_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

subscriptions = Table(
    "subscriptions",
    metadata,
    _id("event_id", primary_key=True),
    _organization(),
    Column("plan", String(ID_LENGTH)),
    Column("interval", String(8), nullable=False),
    Column("status", String(16), nullable=False),
    Column("catalogue_version", String(ID_LENGTH), nullable=False),
    Column("quantity", Integer, comment="how many, of a plan that is sold by number; NULL: one"),
    *_instants(),
    Index(None, "organization_id", "recorded_at"),
)

decision_frames = Table(
    "decision_frames",
    metadata,
    Column("frame_id", String(16), primary_key=True, comment="the beginning of the content's SHA-256"),
    Column("content", Text, nullable=False, comment="JSON: features, plans, and a sample of figures, nobody's"),
)

decisions = Table(
    "decisions",
    metadata,
    _id("decision_id", primary_key=True),
    _organization(),
    Column("interval", String(8), nullable=False),
    Column("catalogue_version", String(ID_LENGTH), nullable=False),
    Column("strategy", String(32), nullable=False),
    Column("model_version", String(ID_LENGTH), nullable=False),
    Column("fallback_reason", String(32)),
    Column("experiment", String(64)),
    Column("arm", String(64), comment="as drawn, whoever answered"),
    Column("latency_ms", Float(53)),
    Column(
        "charged",
        LargeBinary,
        comment="packed JSON: plan, what is charged for it where that is not the list price; NULL: nowhere",
    ),
    Column("guard", Text, comment="JSON: what would have been first, the alternative, and why it is not; NULL: it is"),
    Column(
        "basis", String(512), nullable=False, comment="what it was decided on: revision, catalogue, champion, settings"
    ),
    Column("content", LargeBinary, comment="packed JSON: the answer without its words"),
    Column("expires_at", Instant, nullable=False),
    *_instants(),
    Column(
        "frame_id",
        String(16),
        ForeignKey("decision_frames.frame_id"),
        comment="what this decision is packed beside (data_contracts.decision_log)",
    ),
    Column("plans", Integer, comment="how many candidates"),
    Column("candidates", LargeBinary, comment="packed JSON: plans by position, which are shown and why, reasons"),
    Column("figures", LargeBinary, comment="packed: utility, probability, propensity and features of each candidate"),
    Index(None, "organization_id", "interval", "occurred_at"),
    Index(None, "experiment", "occurred_at"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column(
        "event_id",
        String(ID_LENGTH).with_variant(String(2 * ID_LENGTH + 1), "postgresql"),  # SQLite holds text of any length
        primary_key=True,
        comment="organisation/id of the caller",
    ),
    Column("decision_id", String(ID_LENGTH), ForeignKey("decisions.decision_id"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("plan", String(ID_LENGTH)),
    Column("position", Integer),
    *_instants(),
)

experiment_changes = Table(
    "experiment_changes",
    metadata,
    Column("event_id", String(ID_LENGTH), primary_key=True, comment="what changed, so that it changes once"),
    Column("experiment", String(64), nullable=False, index=True),
    Column("change", String(16), nullable=False, comment="advanced, stopped"),
    Column("stage_percent", Integer, nullable=False, comment="the stage that it has reached"),
    Column("reason", String(300), nullable=False, comment="a guardrail and its arm, or what the operator says"),
    Column("detail", Text, nullable=False, comment="JSON: the figures on which it rests"),
    *_instants(),
)

enterprise_leads = Table(
    "enterprise_leads",
    metadata,
    _id("lead_id", primary_key=True),
    _organization(),
    Column("name", String(300), nullable=False),
    Column("email", String(320), nullable=False),
    Column("message", Text),
    Column("needs", Text, nullable=False, comment="JSON list"),
    Column("recorded_at", Instant, nullable=False),
    Column("state", String(16), nullable=False, server_default="new", comment="new, contacted or closed"),
    Column("mailed_at", Instant, comment="when sales was told by mail"),
    Index(None, "mailed_at", "recorded_at"),
)
