"""The suite of `experiment_changes`: one row per stage reached or stop."""

from datetime import datetime
from typing import Any

from data_contracts.expectations import rules
from data_contracts.raw_tables import RAW_TABLES


def expectations(*, now: datetime, reference: datetime) -> list[Any]:
    """What the table promises, in the order in which a broken row is told why."""
    table = RAW_TABLES["experiment_changes"]
    return [
        *rules.column_rules(table, now=now),
        rules.between("stage_percent", 1, 100),
        rules.recorded_after("occurred_at"),
        rules.first_of_its_key(table),
        *rules.fresh(table, reference=reference),
    ]
