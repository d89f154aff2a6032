"""The raw tables as the pipelines read them: one view `export_<table>` each, with the columns of the contract."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, inspect, text

EXPORT_VIEWS: Final[Mapping[str, str]] = {
    "organizations": (
        "SELECT organization_id, country, locale, timezone, trial_started_at, recorded_at FROM organizations"
    ),
    "template_installs": (
        "SELECT event_id, organization_id, template, change, occurred_at, recorded_at FROM template_installs"
    ),
    "integrations": (
        "SELECT event_id, organization_id, integration, change, occurred_at, recorded_at FROM integrations"
    ),
    "usage_events": (
        "SELECT event_id, organization_id, metric, quantity, action, occurred_at, recorded_at FROM usage_events"
    ),
    "subscriptions": (
        "SELECT event_id, organization_id, plan, interval, status, catalogue_version, occurred_at, recorded_at"
        " FROM subscriptions"
    ),
    "decisions": (
        "SELECT d.decision_id, d.organization_id, p.plan, d.interval, d.catalogue_version, d.strategy,"
        " d.model_version, d.fallback_reason, d.experiment, d.arm, d.latency_ms, d.guard, d.charged, p.position,"
        " p.shown, p.shown_as, p.recommended,"
        " p.utility, p.probability, p.propensity, p.reasons, p.features, d.occurred_at, d.recorded_at"
        " FROM decisions d JOIN decision_plans p ON p.decision_id = d.decision_id"
    ),
    "outcomes": ("SELECT event_id, decision_id, kind, plan, position, occurred_at, recorded_at FROM outcomes"),
    "charges": (
        "SELECT c.charge_id, c.organization_id, p.decision_id, p.plan, c.kind, c.currency, c.net_cents, c.tax_cents,"
        " c.total_cents, c.lines, c.paid_at, c.occurred_at, c.recorded_at"
        " FROM charges c LEFT JOIN plan_changes p ON c.cause = 'change:' || p.change_id WHERE c.kind <> 'credit'"
    ),
    "refunds": (
        "SELECT e.entry_id AS refund_id, e.organization_id, e.charge_id, e.currency, p.amount_cents, e.occurred_at,"
        " e.recorded_at FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.entry_id"
        " WHERE e.kind = 'refund' AND p.account = 'unapplied'"
    ),
    "cancellations": (
        "SELECT cancellation_id, organization_id, decision_id, plan, interval, reason AS why, asked_by, offer, status,"
        " effective_at, requested_at AS occurred_at, requested_at AS recorded_at FROM cancellations"
    ),
}
"""Raw table → query of its view. Both databases accept `interval` as a column name without quotes."""


def drop_views(connection: Connection) -> None:
    """Drop every view, because migrations may change the tables below."""
    for name in inspect(connection).get_view_names():
        if name.startswith("export_"):
            connection.execute(text(f"DROP VIEW {name}"))


def create_views(connection: Connection) -> None:
    """Create every view as `EXPORT_VIEWS` defines it."""
    for table, query in EXPORT_VIEWS.items():
        connection.execute(text(f"CREATE VIEW export_{table} AS {query}"))
