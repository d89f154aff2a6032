"""The suite of `usage_events`: one row per usage event, a whole quantity of a known metric."""

from datetime import datetime
from typing import Any

from data_contracts.expectations import rules
from data_contracts.raw.tables import RAW_TABLES
from data_contracts.usage import MAX_QUANTITY


def expectations(*, now: datetime, reference: datetime) -> list[Any]:
    """What the table promises, in the order in which a broken row is told why."""
    table = RAW_TABLES["usage_events"]
    return [
        *rules.column_rules(table, now=now),
        rules.between("quantity", 0, MAX_QUANTITY),
        rules.recorded_after("occurred_at"),
        *rules.references(table),
        rules.first_of_its_key(table),
        *rules.fresh(table, reference=reference),
    ]
