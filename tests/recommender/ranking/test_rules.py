from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.catalogue import reference_texts
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.features import feature_cube, feature_rows
from recommender.ranking.plan_table import plan_table
from recommender.ranking.ranker import rank
from recommender.ranking.rules import RuleRanker
from recommender.ranking.situation import PlanTable, Situations
from tests.recommender.ranking.builders import make_plan, make_situations, make_table, random_situations, scaled

TABLE = make_table()
"""A higher tier limits tokens that the lower ones leave open, so these families are no chains."""
REFERENCE = plan_table(load_catalogue(*reference_texts()), "month")
KNOWN = {"documents": 500.0, "assistants": 2.0, "seats": 2.0}


def ranked(situations: Situations, plans: PlanTable = TABLE) -> list[str]:
    """The first decision's candidates, best first."""
    rows, sizes = feature_rows(feature_cube(situations, plans, RuleRanker.feature_names), situations.eligible)
    utilities = RuleRanker().utilities(rows, sizes)[: sizes[0]]
    codes = tuple(c for c, open_to in zip(plans.codes, situations.eligible[0], strict=True) if open_to)
    return [plan.plan for plan in rank(codes, utilities)]


def conversations(per_month: float, plans: PlanTable = TABLE, **others: object) -> Situations:
    return make_situations(plans, per_day={"conversations": per_month / 30}, **others)  # type: ignore[arg-type]


def recommended_tiers(plans: PlanTable, situations: Situations, factors: Sequence[float]) -> np.ndarray:
    """The recommended tier of every decision at every factor: shape (decisions, factors)."""
    tiers = []
    for factor in factors:
        busier = scaled(situations, factor)
        rows, sizes = feature_rows(feature_cube(busier, plans, RuleRanker.feature_names), busier.eligible)
        utilities = np.split(RuleRanker().utilities(rows, sizes), np.cumsum(sizes)[:-1])
        offered = [np.flatnonzero(row) for row in busier.eligible]
        tiers.append([plans.tier[o[np.argmax(u)]] for o, u in zip(offered, utilities, strict=True)])
    return np.array(tiers).T


def test_the_template_decides_on_the_family_and_usage_on_the_tier() -> None:
    assert ranked(conversations(20_000, templates=("support",)))[0] == "support-basic"
    assert ranked(conversations(70_000, templates=("support",)))[0] == "support-scale"
    assert ranked(conversations(300_000, templates=("support",)))[0] == "support-enterprise"


def reference_conversations(per_month: float, **others: object) -> Situations:
    """Of customer service in the reference catalogue: 190 € and 7 € per 1,000 beyond 50k, 490 € and 5 € beyond 100k."""
    return conversations(per_month, REFERENCE, templates=("support",), **others)


def test_on_a_chain_the_lowest_projected_bill_decides() -> None:
    assert ranked(reference_conversations(90_000), REFERENCE)[0] == "support-basic"  # 190 + 280 < 490
    assert ranked(reference_conversations(95_000), REFERENCE)[0] == "support-scale"  # 190 + 315 > 490
    assert ranked(reference_conversations(104_000), REFERENCE)[0] == "support-scale"  # 510 < 1890
    assert ranked(reference_conversations(400_000), REFERENCE)[0] == "support-enterprise"  # 490 + 1500 > 1890


def test_of_equal_bills_the_higher_tier_comes_first() -> None:
    plans = make_table(make_plan("a", limits={"seats": 2}), make_plan("b", tier=2, limits={"seats": 9}))

    assert ranked(make_situations(plans, levels={"seats": 1}), plans)[0] == "b"


def test_a_full_store_outweighs_the_bill() -> None:
    full = reference_conversations(20_000, levels=KNOWN | {"seats": 4.0})

    assert ranked(full, REFERENCE)[0] == "support-scale"


def test_what_is_not_sold_beyond_its_limit_must_be_held() -> None:
    plans = make_table(
        make_plan("a", price_cents=1_000, limits={"conversations": 1_000}),
        make_plan("b", tier=2, price_cents=9_000, limits={"conversations": 5_000}),
    )

    assert ranked(conversations(900, plans), plans)[0] == "a"
    assert ranked(conversations(1_200, plans), plans)[0] == "b"


def test_a_dearer_tier_is_left_only_for_one_that_has_room_to_spare() -> None:
    assert ranked(reference_conversations(40_000, current="support-scale", levels=KNOWN), REFERENCE)[0] == (
        "support-scale"
    )
    assert ranked(reference_conversations(20_000, current="support-scale", levels=KNOWN), REFERENCE)[0] == (
        "support-basic"
    )


def test_the_whole_family_comes_before_any_other() -> None:
    best_three = ranked(conversations(70_000, templates=("lead_generation",)))[:3]

    assert best_three == ["leads-scale", "leads-enterprise", "leads-basic"]


def test_a_margin_of_a_tenth_must_remain() -> None:
    assert ranked(conversations(45_000, templates=("ecommerce",)))[0] == "ecommerce-basic"
    assert ranked(conversations(46_000, templates=("ecommerce",)))[0] == "ecommerce-scale"


def test_a_stock_limit_may_be_used_up() -> None:
    full, over = (make_situations(TABLE, levels={"seats": n}, templates=("ecommerce",)) for n in (3, 4))

    assert ranked(full)[0] == "ecommerce-basic"
    assert ranked(over)[0] == "ecommerce-scale"


def test_a_plan_that_lacks_a_connected_integration_does_not_fit() -> None:
    assert ranked(make_situations(TABLE, templates=("ecommerce",), integrations=("slack",)))[0] == (
        "ecommerce-enterprise"
    )


def test_an_integration_that_no_plan_has_moves_nobody() -> None:
    plans = make_table(make_plan("a"), make_plan("b", tier=2), make_plan("z", family="other", integrations=("fax",)))
    plans_of_shop = ("a", "b")

    assert ranked(make_situations(plans, integrations=("fax",), eligible=plans_of_shop), plans) == ["a", "b"]


def test_the_highest_tier_comes_first_when_none_holds_the_usage() -> None:
    assert ranked(make_situations(TABLE, levels={"seats": 50}, templates=("ecommerce",)))[0] == "ecommerce-enterprise"


def test_the_plan_held_now_stays_first_while_it_fits() -> None:
    assert ranked(conversations(49_000, current="ecommerce-basic"))[0] == "ecommerce-basic"  # no margin needed
    assert ranked(conversations(51_000, current="ecommerce-basic"))[0] == "ecommerce-scale"
    assert ranked(conversations(30_000, current="ecommerce-scale", levels=KNOWN))[0] == "ecommerce-scale"


def test_going_down_is_suggested_when_half_of_the_lower_plan_would_do() -> None:
    assert ranked(conversations(20_000, current="ecommerce-scale", levels=KNOWN))[0] == "ecommerce-basic"


@pytest.mark.parametrize("doubt", ["a level is unknown", "too few days", "a stock limit is in the way"])
def test_going_down_needs_evidence(doubt: str) -> None:
    levels = {"a level is unknown": {"seats": 2.0}, "a stock limit is in the way": KNOWN | {"seats": 4.0}}
    situations = conversations(
        20_000,
        current="ecommerce-scale",
        levels=levels.get(doubt, KNOWN),
        days=13 if doubt == "too few days" else 28,
    )

    assert ranked(situations)[0] == "ecommerce-scale"


def test_without_template_the_family_held_now_comes_first_else_the_first_of_the_catalogue() -> None:
    assert ranked(make_situations(TABLE, current="leads-basic"))[0] == "leads-basic"
    assert ranked(make_situations(TABLE))[0] == "ecommerce-basic"


def test_an_installed_template_outweighs_the_family_held_now() -> None:
    assert ranked(make_situations(TABLE, current="leads-basic", templates=("support",)))[0] == "support-basic"


def test_without_limits_the_lowest_plan_that_costs_something_comes_first() -> None:
    plans = make_table(
        make_plan("free", price_cents=0),
        make_plan("pro", tier=2, price_cents=1_200),
        make_plan("business", tier=3, price_cents=3_000),
    )

    assert ranked(make_situations(plans), plans) == ["pro", "business", "free"]
    assert ranked(make_situations(plans, current="business"), plans)[0] == "business"


def test_a_free_plan_whose_limits_hold_the_usage_comes_first() -> None:
    plans = make_table(
        make_plan("free", price_cents=0, limits={"seats": 2}),
        make_plan("pro", tier=2, price_cents=1_200, limits={"seats": 10}),
    )

    assert ranked(make_situations(plans, levels={"seats": 1}), plans)[0] == "free"
    assert ranked(make_situations(plans, levels={"seats": 3}), plans)[0] == "pro"


def test_equal_plans_keep_catalogue_order() -> None:
    plans = make_table(make_plan("b"), make_plan("a"), make_plan("c"))

    assert ranked(make_situations(plans), plans) == ["b", "a", "c"]


def test_only_candidates_are_ranked() -> None:
    situations = conversations(20_000, templates=("ecommerce",), eligible=("ecommerce-scale", "support-basic"))

    assert ranked(situations) == ["ecommerce-scale", "support-basic"]


def test_more_usage_never_leads_to_a_lower_tier() -> None:
    situations = random_situations(TABLE, n=1500, seed=21)

    tiers = recommended_tiers(TABLE, situations, [1, 1.5, 2, 3, 4, 6, 9, 14, 20])

    assert (np.diff(tiers, axis=1) >= 0).all()
    assert tiers.min() < tiers.max()


@given(data=st.data())
def test_more_usage_never_leads_to_a_lower_tier_in_any_catalogue(data: st.DataObject) -> None:
    metrics = st.sampled_from(["conversations", "ai_tokens", "documents", "assistants", "seats"])
    limits = st.dictionaries(metrics, st.integers(0, 100_000), max_size=3)
    prices = st.builds(Fraction, st.integers(0, 50), st.sampled_from([1, 10, 1_000]))
    overage = st.dictionaries(st.sampled_from(["conversations", "ai_tokens"]), prices, max_size=2)
    plans = make_table(
        *(
            make_plan(
                f"{family}-{tier}",
                family=family,
                tier=tier,
                price_cents=data.draw(st.integers(0, 90_000)),
                limits=data.draw(limits),
                overage_cents=data.draw(overage),
                integrations=data.draw(st.sets(st.sampled_from(["slack", "shopify"]))),  # type: ignore[arg-type]
                templates=(family,) if data.draw(st.booleans()) else (),
            )
            for family in ("shop", "desk")
            for tier in (1, 2, 3)
        )
    )
    situations = random_situations(plans, n=20, seed=data.draw(st.integers(0, 10_000)))

    tiers = recommended_tiers(plans, situations, [1, 2, 5, 20])

    assert (np.diff(tiers, axis=1) >= 0).all()
