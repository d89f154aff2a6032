"""The plan table as one organisation is charged by it, its record, and what the guard makes of it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from data_contracts.catalogue import reference_texts
from recommender.billing.catalogue import Limit
from recommender.billing.catalogue_build import load_catalogue
from recommender.billing.charged import ChargedPrice, SoldPlan, charged_price
from recommender.ranking.charged_plans import ChargedTables, as_charged, charged_plans
from recommender.ranking.derived import Facts
from recommender.ranking.features import feature_cube, feature_rows
from recommender.ranking.guard import downgrade_blocked, guards
from recommender.ranking.plan_table import plan_table
from recommender.ranking.reasons import explain
from recommender.ranking.rules import RuleRanker
from tests.recommender.ranking.builders import make_situations, random_situations, scaled

CATALOGUE = load_catalogue(*reference_texts())
TABLE = plan_table(CATALOGUE, "month")
BASIC, SCALE = (TABLE.codes.index(code) for code in ("ecommerce-basic", "ecommerce-scale"))


def reduced(*percents: tuple[str, int, int | None]) -> dict[str, SoldPlan]:
    """Plans at so many percent less for so many months."""
    found = {}
    for code, percent, months in percents:
        plan = CATALOGUE.plan(code)
        full = Fraction(plan.price_cents["month"])
        found[code] = SoldPlan(plan, ChargedPrice(full * (100 - percent) / 100, full, months))
    return found


def test_what_is_charged_as_listed_is_not_written_down() -> None:
    sold = {plan.code: SoldPlan(plan, charged_price(plan, "month")) for plan in CATALOGUE.plans}

    assert charged_plans(TABLE, sold) == {}
    assert as_charged(TABLE, {}) is TABLE


def test_the_record_makes_the_table_again_to_the_last_bit() -> None:
    old = CATALOGUE.plan("ecommerce-basic")
    limits = tuple(replace(limit, value=30_000.0) if limit.metric == "conversations" else limit for limit in old.limits)
    kept = tuple(feature for feature in old.features if feature.kind != "integration")
    old = replace(old, limits=limits, features=kept, overage_cents={"ai_tokens": Fraction(1, 3)})
    sold = reduced(("ecommerce-scale", 70, 12), ("support-basic", 15, 3))
    sold["ecommerce-basic"] = SoldPlan(old, ChargedPrice(Fraction(17_000), Fraction(17_000)))

    charged = charged_plans(TABLE, sold)
    found, again = as_charged(TABLE, charged), as_charged(TABLE, json.loads(json.dumps(charged)))

    assert charged["support-basic"] == {
        "price_cents": 18_287.5, "now_cents": 16_150.0, "months": 3, "then_cents": 19_000.0
    }  # fmt: skip
    assert found.monthly_price_cents[[BASIC, SCALE]].tolist() == [17_000.0, 14_700.0]
    assert found.limits[BASIC, 0] == 30_000
    assert np.isnan(found.overage_cents[BASIC, 0])
    assert not found.covers[BASIC].any()
    for name in ("monthly_price_cents", "limits", "overage_cents", "covers"):
        np.testing.assert_array_equal(getattr(found, name), getattr(again, name))
    assert TABLE.monthly_price_cents[BASIC] == 19_000


def test_a_limit_that_was_sold_as_none_is_none() -> None:
    old = CATALOGUE.plan("ecommerce-basic")
    free = replace(old, limits=(Limit("c", float("inf"), "", True, "conversations"), *old.limits[2:]))

    charged = charged_plans(TABLE, {old.code: SoldPlan(free, charged_price(free, "month"))})

    assert charged[old.code]["limits"]["conversations"] is None
    assert as_charged(TABLE, json.loads(json.dumps(charged))).limits[BASIC, 0] == np.inf


def test_a_promotion_of_a_year_makes_the_larger_plan_the_cheapest_and_the_reason_says_its_price() -> None:
    """`ecommerce-scale` at −70 % for twelve months: 147 € against 190 €."""
    plans = as_charged(TABLE, charged_plans(TABLE, reduced(("ecommerce-scale", 70, 12))))
    shop = make_situations(plans, per_day={"conversations": 500}, templates=("ecommerce",))
    facts = Facts(shop, plans)
    utilities = RuleRanker().utilities(
        *feature_rows(feature_cube(shop, plans, RuleRanker.feature_names), shop.eligible)
    )
    guard = guards(facts, utilities=utilities[None], blocked=downgrade_blocked(facts))[0]

    first = guard.instead_of(int(np.argmax(utilities)))
    told = explain(facts, ranker=RuleRanker(), plan=plans.codes[first.plan])

    assert plans.codes[first.plan] == "ecommerce-scale"
    money = next(reason for reason in told.reasons if reason.code == "cheapest_bill")
    assert (money.params["amount_cents"], money.params["other_amount_cents"]) == (14_700, 19_000)


def test_a_promotion_of_three_months_does_not_make_a_dearer_year() -> None:
    plans = as_charged(TABLE, charged_plans(TABLE, reduced(("ecommerce-scale", 70, 3))))
    facts = Facts(make_situations(plans, templates=("ecommerce",)), plans)
    wanted = np.where(np.arange(len(plans.codes)) == SCALE, 1.0, 0.0)[None]

    found = guards(facts, utilities=wanted, blocked=downgrade_blocked(facts))[0].instead_of(SCALE)

    assert (found.plan, found.why) == (BASIC, "no_need")  # 404,25 € in the mean of twelve months


PROMOTIONS = [
    [("ecommerce-scale", 70, 12)],
    [("ecommerce-basic", 15, 3), ("ecommerce-enterprise", 95, None)],
    [("ecommerce-scale", 100, 1), ("support-enterprise", 80, 6), ("knowledge-basic", 15, 3)],
]


@pytest.mark.parametrize("percents", PROMOTIONS)
def test_whatever_is_charged_more_usage_never_leads_to_a_smaller_plan(
    percents: Sequence[tuple[str, int, int | None]],
) -> None:
    plans = as_charged(TABLE, charged_plans(TABLE, reduced(*percents)))
    situations = random_situations(plans, n=150, seed=5)
    wishes = np.random.default_rng(3).normal(size=situations.eligible.shape)
    before = [
        guards(facts, utilities=wishes, blocked=downgrade_blocked(facts))
        for facts in (Facts(scaled(situations, factor), plans) for factor in (1.0, 2.0, 6.0))
    ]
    rose = 0
    for less, more in pairwise(before):
        for i in range(len(situations)):
            for wanted in np.flatnonzero(situations.eligible[i]).tolist():
                tiers = [plans.tier[guard[i].instead_of(wanted).plan] for guard in (less, more)]
                assert tiers[0] <= tiers[1]
                rose += tiers[0] < tiers[1]
    assert rose > 20


def test_who_is_charged_alike_has_the_same_table() -> None:
    tables = ChargedTables(kept=2)
    some, other = (charged_plans(TABLE, reduced(("ecommerce-scale", percent, 3))) for percent in (70, 60))
    found = tables.table(TABLE, some)
    assert tables.table(TABLE, dict(some)) is found is not tables.table(TABLE, other)
    assert found.monthly_price_cents.tolist() == as_charged(TABLE, some).monthly_price_cents.tolist()
    assert tables.table(TABLE, {}) is TABLE
    for percent in (50, 40):
        tables.table(TABLE, charged_plans(TABLE, reduced(("ecommerce-scale", percent, 3))))
    assert tables.table(TABLE, some) is not found
