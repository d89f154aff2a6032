"""The rules that the rows of each raw table keep, and its Great Expectations suite."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial, reduce
from operator import and_
from typing import Any, Final
from zoneinfo import available_timezones

from data_contracts.expectations.rules import (
    Rule,
    between,
    column_rules,
    first_of_its_key,
    holds,
    one_of,
    recorded_after,
    references,
    table_expectations,
    within,
)
from data_contracts.raw.organizations import COUNTRIES, MAX_SOLD
from data_contracts.raw.outcomes import CHOICES
from data_contracts.raw.tables import RAW_TABLES
from data_contracts.usage import MAX_QUANTITY

TOLERANCE: Final = 1e-9
"""How far the sum of a decision's probabilities may be from 1."""


def suite(table: str, declared: Sequence[Rule], *, reference: datetime) -> Any:
    """The `ExpectationSuite` of a table and its rules, over the frame that `table_expectations` describes.

    `reference`: freshness is counted back from it.
    """
    from great_expectations import ExpectationSuite

    return ExpectationSuite(
        name=table, expectations=table_expectations(RAW_TABLES[table], declared, reference=reference)
    )


def rules(table: str, *, now: datetime) -> list[Rule]:
    """The rules of the rows of a table: those of every table, with its own between.

    A broken row is told the first rule that it breaks in this order. `now`: no instant may lie after it.
    """
    declared = RAW_TABLES[table]
    return [
        *column_rules(declared, now=now),
        *ROW_RULES[table](),
        *references(declared),
        first_of_its_key(declared),
        *(_whole_decisions() if table == "decisions" else ()),
    ]


def _recorded_later() -> list[Rule]:
    return [recorded_after("occurred_at")]


def _organizations() -> list[Rule]:
    return [one_of("country", sorted(COUNTRIES)), one_of("timezone", sorted(available_timezones()))]


def _usage_events() -> list[Rule]:
    return [between("quantity", 0, MAX_QUANTITY), recorded_after("occurred_at")]


def _subscriptions() -> list[Rule]:
    held = ("plan", "interval", "catalogue_version")
    return [
        between("quantity", 1, MAX_SOLD),
        recorded_after("occurred_at"),
        Rule(
            "active_without_plan",
            "an active subscription has a plan, an interval and a catalogue version",
            held,
            lambda rows: (rows.status != "active") | reduce(and_, (rows[name].notnull() for name in held)),
        ),
        Rule(
            "ended_with_plan",
            "an ended subscription has no plan",
            ("plan",),
            lambda rows: (rows.status != "ended") | rows.plan.isnull(),
        ),
    ]


def _decisions() -> list[Rule]:
    return [
        between("position", 1),
        Rule("utility_not_finite", "utility is infinite", ("utility",), lambda rows: ~rows.utility.isinf()),
        between("probability", 0, 1),
        between("propensity", 0, 1),
        Rule(
            "model_version_missing",
            "a decision of the model names its version",
            ("strategy", "model_version"),
            lambda rows: (rows.strategy != "model") | rows.model_version.notnull(),
        ),
        Rule(
            "arm_without_experiment",
            "experiment and arm are given together or not at all",
            ("experiment", "arm"),
            lambda rows: rows.arm.isnull() == rows.experiment.isnull(),
        ),
        Rule(
            "latency_out_of_range",
            "latency_ms is negative or infinite",
            ("latency_ms",),
            lambda rows: (rows.latency_ms >= 0) & ~rows.latency_ms.isinf(),
        ),
        recorded_after("occurred_at"),
    ]


def _outcomes() -> list[Rule]:
    return [
        between("position", 1),
        recorded_after("occurred_at"),
        Rule(
            "choice_without_plan",
            "a selection, checkout, preview, confirmation or payment names a plan",
            ("kind", "plan"),
            lambda rows: ~rows.kind.isin(CHOICES) | rows.plan.notnull(),
        ),
    ]


def _charges() -> list[Rule]:
    return [
        between("total_cents", 0),
        recorded_after("occurred_at"),
        Rule(
            "lines_do_not_add_up",
            "the lines do not add up to the net",
            ("net_cents", "lines"),
            lambda rows: (rows["lines.cents"] == rows.net_cents).fill_null(False),
        ),
        Rule(
            "total_does_not_add_up",
            "the total is not the net (0 if it is below) and the tax",
            ("net_cents", "tax_cents", "total_cents"),
            lambda rows: (rows.total_cents == (rows.net_cents + rows.tax_cents).clip(lower=0)).fill_null(False),
        ),
    ]


def _refunds() -> list[Rule]:
    return [between("amount_cents", 0), recorded_after("occurred_at")]


ROW_RULES: Final[Mapping[str, Callable[[], list[Rule]]]] = {
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


def _whole_decisions() -> list[Rule]:
    """The identities of a decision; all rows of a decision break them together."""
    return [
        _decision("complete", "sibling_set_aside", "another candidate of this decision was set aside"),
        _decision("uniform", "decision_not_uniform", "the candidates disagree about what they share"),
        _decision("positions", "positions_not_one_to_k", "positions are not 1…k once each"),
        _decision("recommended", "recommended_not_once", "not exactly one candidate is recommended"),
        _sums_to_one("probability", "probabilities_do_not_sum_to_one", "the decision's probabilities do not sum to 1"),
        _sums_to_one("propensity", "propensities_do_not_sum_to_one", "the decision's propensities do not sum to 1"),
    ]


def _decision(check: str, rule: str, reason: str) -> Rule:
    return holds(f"decision.{check}", rule=rule, reason=reason, columns=["decision_id"], stage="group")


def _sums_to_one(column: str, rule: str, reason: str) -> Rule:
    holding = partial(within, column=f"decision.{column}", minimum=1 - TOLERANCE, maximum=1 + TOLERANCE)
    return Rule(rule, reason, ("decision_id", column), holding, "group")
