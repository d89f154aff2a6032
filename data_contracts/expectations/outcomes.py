"""The suite of `outcomes`: one row per outcome of a decision; whoever chooses names the plan."""

from datetime import datetime
from typing import Any

from data_contracts.expectations import rules
from data_contracts.raw.tables import RAW_TABLES


def expectations(*, now: datetime, reference: datetime) -> list[Any]:
    """What the table promises, in the order in which a broken row is told why."""
    table = RAW_TABLES["outcomes"]
    return [
        *rules.column_rules(table, now=now),
        rules.between("position", 1),
        rules.recorded_after("occurred_at"),
        rules.holds(
            "choice.has_plan",
            rule="choice_without_plan",
            reason="whoever selects, checks out or pays does so for a plan",
            columns=["kind", "plan"],
        ),
        *rules.references(table),
        rules.first_of_its_key(table),
        *rules.fresh(table, reference=reference),
    ]
