"""A plan never stands below one that it dominates; only what the catalogue says in full counts as dominance."""

from dataclasses import replace

import numpy as np
import pytest

from data_contracts.catalogue import reference_texts
from models.judging.monotonicity import certify
from recommender.billing.catalogue import Feature, Plan
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.derived import Facts
from recommender.ranking.dominance import dominates, dominating_first
from recommender.ranking.plan_table import plan_table
from recommender.ranking.rules import RuleRanker
from recommender.ranking.situation import PlanTable
from tests.recommender.ranking.builders import make_plan, make_situations, make_table

SMALL = make_plan("small", price_cents=9_000, limits={"documents": 100})
LARGE = make_plan("large", tier=2, price_cents=9_000, limits={"documents": 500})


def flagged(plan: Plan, value: bool | str) -> Plan:
    return replace(plan, features=(*plan.features, Feature("sso", "domain", value, "")))


def pairs(plans: PlanTable) -> set[tuple[str, str]]:
    return {(plans.codes[a], plans.codes[b]) for a, b in np.argwhere(dominates(plans))}


def test_more_for_the_same_price_dominates() -> None:
    assert pairs(make_table(SMALL, LARGE)) == {("large", "small")}


def test_twins_dominate_neither() -> None:
    assert pairs(make_table(SMALL, replace(SMALL, code="twin"))) == set()


@pytest.mark.parametrize("beside", [True, "by mail"])
def test_what_the_smaller_alone_includes_is_worth_something(beside: bool | str) -> None:
    assert pairs(make_table(flagged(SMALL, beside), LARGE)) == set()
    assert pairs(make_table(flagged(SMALL, beside), flagged(LARGE, beside))) == {("large", "small")}


def test_no_plan_of_the_reference_catalogue_is_dominated() -> None:
    assert pairs(plan_table(load_catalogue(*reference_texts()), "month")) == set()


def test_the_better_plan_is_raised_above_the_one_that_it_dominates() -> None:
    plans = make_table(SMALL, LARGE, make_plan("other", tier=3, price_cents=90_000, limits={"documents": 9_000}))

    utilities = dominating_first(np.array([[3.0, 1.0, 2.0]]), Facts(make_situations(plans), plans))

    assert np.argsort(-utilities[0]).tolist() == [1, 0, 2]
    assert utilities[0, [0, 2]].tolist() == [3.0, 2.0]


def test_the_plan_held_and_what_is_no_candidate_push_nothing_and_are_not_pushed() -> None:
    plans, given = make_table(SMALL, LARGE), np.array([[3.0, 1.0]])

    held = dominating_first(given, Facts(make_situations(plans, current="small"), plans))
    closed = dominating_first(given, Facts(make_situations(plans, eligible=("large",)), plans))

    assert held.tolist() == closed.tolist() == given.tolist()


def test_more_usage_leads_to_no_smaller_plan_where_plans_dominate_others() -> None:
    middle = make_plan("middle", tier=2, price_cents=9_500, limits={"documents": 300, "seats": 5})
    plans = make_table(
        make_plan("least", price_cents=10_000, limits={"documents": 100, "seats": 5}),
        middle,
        make_plan("most", tier=3, price_cents=9_900, limits={"documents": 900, "seats": 9}),
    )

    assert {("most", "least"), ("middle", "least")} == pairs(plans)
    assert certify(RuleRanker(), plans=plans, organisations=100).holds
