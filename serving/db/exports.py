"""The raw tables as the pipelines read them: one view `export_<table>` each, with the columns of the contract.

That of decisions has one row per decision, its candidates packed as `data_contracts.decision_log` reads them.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, inspect, text

from data_contracts.decision_log.exported import COLUMNS as PACKED

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
        "SELECT event_id, organization_id, plan, interval, status, catalogue_version, occurred_at, recorded_at,"
        " quantity FROM subscriptions"
    ),
    "decisions": (
        f"SELECT {', '.join('f.content AS frame' if name == 'frame' else f'd.{name}' for name in PACKED)}"  # noqa: S608
        " FROM decisions d JOIN decision_frames f ON f.frame_id = d.frame_id"
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
