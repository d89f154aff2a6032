"""The suite of `subscriptions`: one row per change; an active one has a plan, an ended one has none."""

from datetime import datetime
from typing import Any

from data_contracts.expectations import rules
from data_contracts.raw.tables import RAW_TABLES


def expectations(*, now: datetime, reference: datetime) -> list[Any]:
    """What the table promises, in the order in which a broken row is told why."""
    table = RAW_TABLES["subscriptions"]
    return [
        *rules.column_rules(table, now=now),
        rules.recorded_after("occurred_at"),
        rules.holds(
            "active.has_plan",
            rule="active_without_plan",
            reason="an active subscription has a plan, an interval and a catalogue version",
            columns=["plan", "interval", "catalogue_version"],
        ),
        rules.holds(
            "ended.has_no_plan",
            rule="ended_with_plan",
            reason="an ended subscription has no plan",
            columns=["plan"],
        ),
        *rules.references(table),
        rules.first_of_its_key(table),
        *rules.fresh(table, reference=reference),
    ]
