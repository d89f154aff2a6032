"""The suite of `refunds`: one row per refund, never below 0."""

from datetime import datetime
from typing import Any

from data_contracts.expectations import rules
from data_contracts.raw.tables import RAW_TABLES


def expectations(*, now: datetime, reference: datetime) -> list[Any]:
    """What the table promises, in the order in which a broken row is told why."""
    table = RAW_TABLES["refunds"]
    return [
        *rules.column_rules(table, now=now),
        rules.between("amount_cents", 0),
        rules.recorded_after("occurred_at"),
        *rules.references(table),
        rules.first_of_its_key(table),
        *rules.fresh(table, reference=reference),
    ]
