"""The suite of `charges`: one row per charge; its lines add up to the net, net and tax to the total."""

from datetime import datetime
from typing import Any

from data_contracts.expectations import rules
from data_contracts.raw.tables import RAW_TABLES


def expectations(*, now: datetime, reference: datetime) -> list[Any]:
    """What the table promises, in the order in which a broken row is told why."""
    table = RAW_TABLES["charges"]
    return [
        *rules.column_rules(table, now=now),
        rules.between("total_cents", 0),
        rules.recorded_after("occurred_at"),
        rules.holds(
            "lines.add_up",
            rule="lines_do_not_add_up",
            reason="the lines do not add up to the net",
            columns=["net_cents", "lines"],
        ),
        rules.holds(
            "total.adds_up",
            rule="total_does_not_add_up",
            reason="the total is not the net (0 if it is below) and the tax",
            columns=["net_cents", "tax_cents", "total_cents"],
        ),
        *rules.references(table),
        rules.first_of_its_key(table),
        *rules.fresh(table, reference=reference),
    ]
