"""The suite of `decisions`: one row per decision and candidate plan; a broken decision goes as a whole."""

from datetime import datetime
from typing import Any, Final

from data_contracts.expectations import rules
from data_contracts.raw.tables import RAW_TABLES

TOLERANCE: Final = 1e-9
"""How far the sum of a decision's probabilities may be from 1."""


def expectations(*, now: datetime, reference: datetime) -> list[Any]:
    """What the table promises, in the order in which a broken row is told why."""
    table = RAW_TABLES["decisions"]
    return [
        *rules.column_rules(table, now=now),
        rules.between("position", 1),
        rules.holds("utility.finite", rule="utility_not_finite", reason="utility is infinite", columns=["utility"]),
        rules.between("probability", 0, 1),
        rules.between("propensity", 0, 1),
        rules.holds(
            "model.has_version",
            rule="model_version_missing",
            reason="a decision of the model names its version",
            columns=["strategy", "model_version"],
        ),
        rules.holds(
            "arm.has_experiment",
            rule="arm_without_experiment",
            reason="experiment and arm are given together or not at all",
            columns=["experiment", "arm"],
        ),
        rules.holds(
            "latency.sound",
            rule="latency_out_of_range",
            reason="latency_ms is negative or infinite",
            columns=["latency_ms"],
        ),
        rules.recorded_after("occurred_at"),
        *rules.references(table),
        rules.first_of_its_key(table),
        *_of_whole_decisions(),
        *rules.fresh(table, reference=reference),
    ]


def _of_whole_decisions() -> list[Any]:
    """The identities of a decision; all its rows break them together."""
    return [
        _decision("complete", "sibling_set_aside", "another candidate of this decision was set aside"),
        _decision("uniform", "decision_not_uniform", "the candidates disagree about what they share"),
        _decision("positions", "positions_not_one_to_k", "positions are not 1…k once each"),
        _decision("recommended", "recommended_not_once", "not exactly one candidate is recommended"),
        _sums_to_one("probability", "probabilities_do_not_sum_to_one", "the decision's probabilities do not sum to 1"),
        _sums_to_one("propensity", "propensities_do_not_sum_to_one", "the decision's propensities do not sum to 1"),
    ]


def _decision(check: str, rule: str, reason: str) -> Any:
    columns = ["decision_id"]
    return rules.holds(f"decision.{check}", rule=rule, reason=reason, columns=columns, stage="group")


def _sums_to_one(column: str, rule: str, reason: str) -> Any:
    return rules.expectation(
        "ExpectColumnValuesToBeBetween",
        rule=rule,
        reason=reason,
        columns=["decision_id", column],
        stage="group",
        column=f"decision.{column}",
        min_value=1 - TOLERANCE,
        max_value=1 + TOLERANCE,
    )
