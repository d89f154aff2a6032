"""The suite of a table by its name, whole or stage by stage."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from data_contracts.expectations import (
    charges,
    decisions,
    integrations,
    organizations,
    outcomes,
    refunds,
    subscriptions,
    template_installs,
    usage_events,
)
from data_contracts.expectations.rules import Stage

EXPECTATIONS: Final[Mapping[str, Callable[..., list[Any]]]] = {
    "organizations": organizations.expectations,
    "template_installs": template_installs.expectations,
    "integrations": integrations.expectations,
    "usage_events": usage_events.expectations,
    "subscriptions": subscriptions.expectations,
    "decisions": decisions.expectations,
    "outcomes": outcomes.expectations,
    "charges": charges.expectations,
    "refunds": refunds.expectations,
}


def suite(table: str, *, now: datetime, reference: datetime, stage: Stage | None = None) -> Any:
    """The table's `ExpectationSuite`, or the part of it that belongs to one stage.

    `now`: nothing may lie after it. `reference`: freshness is counted back from it. In declared order.
    """
    from great_expectations import ExpectationSuite

    every = EXPECTATIONS[table](now=now, reference=reference)
    chosen = [each for each in every if stage is None or each.meta["stage"] == stage]
    return ExpectationSuite(name=table if stage is None else f"{table} ({stage})", expectations=chosen)
