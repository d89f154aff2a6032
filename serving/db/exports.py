"""The raw tables as the pipelines read them: one view `export_<table>` each, with exactly the agreed columns."""

from collections.abc import Mapping
from typing import Final

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
        " d.model_version, d.fallback_reason, p.position, p.shown, p.recommended, p.utility, p.probability,"
        " p.propensity, p.reasons, p.features, d.occurred_at, d.recorded_at"
        " FROM decisions d JOIN decision_plans p ON p.decision_id = d.decision_id"
    ),
    "outcomes": ("SELECT event_id, decision_id, kind, plan, position, occurred_at, recorded_at FROM outcomes"),
}
"""Raw table → the query behind its view. `interval` is quoted by nobody: both databases take it as a column name."""
