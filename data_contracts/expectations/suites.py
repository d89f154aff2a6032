"""One Great Expectations suite per raw table, whole or stage by stage."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import available_timezones

from data_contracts.expectations.rules import (
    Stage,
    between,
    column_rules,
    expectation,
    first_of_its_key,
    fresh,
    holds,
    one_of,
    recorded_after,
    references,
)
from data_contracts.raw.organizations import COUNTRIES
from data_contracts.raw.tables import RAW_TABLES
from data_contracts.usage import MAX_QUANTITY

TOLERANCE: Final = 1e-9
"""How far the sum of a decision's probabilities may be from 1."""


def suite(table: str, *, now: datetime, reference: datetime, stage: Stage | None = None) -> Any:
    """The `ExpectationSuite` of a table, or the part of it that belongs to one stage, in declared order.

    A broken row is told the first rule that it breaks in this order. `now`: no instant may lie after it. `reference`:
    freshness is counted back from it.
    """
    from great_expectations import ExpectationSuite

    every = expectations(table, now=now, reference=reference)
    chosen = [each for each in every if stage is None or each.meta["stage"] == stage]
    return ExpectationSuite(name=table if stage is None else f"{table} ({stage})", expectations=chosen)


def expectations(table: str, *, now: datetime, reference: datetime) -> list[Any]:
    """Everything that a table promises: first what every table does, with its own rules between."""
    declared = RAW_TABLES[table]
    return [
        *column_rules(declared, now=now),
        *ROW_RULES[table](),
        *references(declared),
        first_of_its_key(declared),
        *(_whole_decisions() if table == "decisions" else ()),
        *fresh(declared, reference=reference),
    ]


def _recorded_later() -> list[Any]:
    return [recorded_after("occurred_at")]


def _organizations() -> list[Any]:
    return [one_of("country", sorted(COUNTRIES)), one_of("timezone", sorted(available_timezones()))]


def _usage_events() -> list[Any]:
    return [between("quantity", 0, MAX_QUANTITY), recorded_after("occurred_at")]


def _subscriptions() -> list[Any]:
    return [
        recorded_after("occurred_at"),
        holds(
            "active.has_plan",
            rule="active_without_plan",
            reason="an active subscription has a plan, an interval and a catalogue version",
            columns=["plan", "interval", "catalogue_version"],
        ),
        holds(
            "ended.has_no_plan",
            rule="ended_with_plan",
            reason="an ended subscription has no plan",
            columns=["plan"],
        ),
    ]


def _decisions() -> list[Any]:
    return [
        between("position", 1),
        holds("utility.finite", rule="utility_not_finite", reason="utility is infinite", columns=["utility"]),
        between("probability", 0, 1),
        between("propensity", 0, 1),
        holds(
            "model.has_version",
            rule="model_version_missing",
            reason="a decision of the model names its version",
            columns=["strategy", "model_version"],
        ),
        holds(
            "arm.has_experiment",
            rule="arm_without_experiment",
            reason="experiment and arm are given together or not at all",
            columns=["experiment", "arm"],
        ),
        holds(
            "latency.sound",
            rule="latency_out_of_range",
            reason="latency_ms is negative or infinite",
            columns=["latency_ms"],
        ),
        recorded_after("occurred_at"),
    ]


def _outcomes() -> list[Any]:
    return [
        between("position", 1),
        recorded_after("occurred_at"),
        holds(
            "choice.has_plan",
            rule="choice_without_plan",
            reason="a selection, checkout, preview, confirmation or payment names a plan",
            columns=["kind", "plan"],
        ),
    ]


def _charges() -> list[Any]:
    return [
        between("total_cents", 0),
        recorded_after("occurred_at"),
        holds(
            "lines.add_up",
            rule="lines_do_not_add_up",
            reason="the lines do not add up to the net",
            columns=["net_cents", "lines"],
        ),
        holds(
            "total.adds_up",
            rule="total_does_not_add_up",
            reason="the total is not the net (0 if it is below) and the tax",
            columns=["net_cents", "tax_cents", "total_cents"],
        ),
    ]


def _refunds() -> list[Any]:
    return [between("amount_cents", 0), recorded_after("occurred_at")]


ROW_RULES: Final[Mapping[str, Callable[[], list[Any]]]] = {
    "organizations": _organizations,
    "template_installs": _recorded_later,
    "integrations": _recorded_later,
    "usage_events": _usage_events,
    "subscriptions": _subscriptions,
    "decisions": _decisions,
    "outcomes": _outcomes,
    "charges": _charges,
    "refunds": _refunds,
    "cancellations": _recorded_later,
}
"""The rules of single rows that a table has beyond those of its columns, references and key."""


def _whole_decisions() -> list[Any]:
    """The identities of a decision; all rows of a decision break them together."""
    return [
        _decision("complete", "sibling_set_aside", "another candidate of this decision was set aside"),
        _decision("uniform", "decision_not_uniform", "the candidates disagree about what they share"),
        _decision("positions", "positions_not_one_to_k", "positions are not 1…k once each"),
        _decision("recommended", "recommended_not_once", "not exactly one candidate is recommended"),
        _sums_to_one("probability", "probabilities_do_not_sum_to_one", "the decision's probabilities do not sum to 1"),
        _sums_to_one("propensity", "propensities_do_not_sum_to_one", "the decision's propensities do not sum to 1"),
    ]


def _decision(check: str, rule: str, reason: str) -> Any:
    return holds(f"decision.{check}", rule=rule, reason=reason, columns=["decision_id"], stage="group")


def _sums_to_one(column: str, rule: str, reason: str) -> Any:
    return expectation(
        "ExpectColumnValuesToBeBetween",
        rule=rule,
        reason=reason,
        columns=["decision_id", column],
        stage="group",
        column=f"decision.{column}",
        min_value=1 - TOLERANCE,
        max_value=1 + TOLERANCE,
    )
