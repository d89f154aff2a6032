"""The suite of `integrations`: one row per connection or disconnection of an integration."""

from datetime import datetime
from typing import Any

from data_contracts.expectations import rules
from data_contracts.raw.tables import RAW_TABLES


def expectations(*, now: datetime, reference: datetime) -> list[Any]:
    """What the table promises, in the order in which a broken row is told why."""
    table = RAW_TABLES["integrations"]
    return [
        *rules.column_rules(table, now=now),
        rules.recorded_after("occurred_at"),
        *rules.references(table),
        rules.first_of_its_key(table),
        *rules.fresh(table, reference=reference),
    ]
