from datetime import UTC, datetime
from fractions import Fraction
from math import inf

import pytest

from recommender.billing.account import Account
from recommender.billing.catalogue import Limit, Plan
from recommender.billing.charged import charged_price
from recommender.billing.eligibility import Applicant
from recommender.billing.periods import Period
from recommender.billing.subscription import Subscription, Wish
from recommender.cards import MonthlyUsage, key_limits, plan_card, projected_bill, projected_usage
from recommender.ranking.derived import Facts
from recommender.ranking.exploration import ShownPlan
from tests.recommender.ranking.builders import make_plan, make_situations, make_table

NOW = datetime(2026, 6, 16, tzinfo=UTC)
JUNE = Period(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
TRIAL = Account(Applicant("FR"), Subscription("trial", JUNE))

BASIC = make_plan(
    "basic",
    price_cents=19_000,
    limits={"conversations": 50_000, "assistants": 3},
    integrations=("shopify",),
    overage_cents={"conversations": Fraction(4, 5)},
)
SCALE = make_plan("scale", tier=2, price_cents=49_000, limits={"conversations": 100_000, "assistants": 5})


def steady(**units: int) -> MonthlyUsage:
    """Usage without any doubt."""
    return MonthlyUsage(units, units, units, units)


def test_the_bill_is_the_price_and_every_unit_beyond_the_allowance() -> None:
    bill = projected_bill(plan=BASIC, price=charged_price(BASIC, "month"), usage=steady(conversations=51_001), days=14)

    assert (bill.amount_cents, bill.overage_cents, bill.days) == (19_801, 801, 14)  # 1,001 × 0.8 = 800.8
    assert bill.exceeded == ()


def test_a_year_counts_a_twelfth_a_month_rounded_half_away_from_zero() -> None:
    plan = Plan("a", "a", "", "shop", 1, {"year": 100_006}, "/year", (), ())

    assert (
        projected_bill(plan=plan, price=charged_price(plan, "year"), usage=steady(), days=0).amount_cents == 8_334
    )  # 8,333.83


def test_an_allowance_that_cannot_be_extended_is_named_not_billed() -> None:
    bill = projected_bill(
        plan=SCALE, price=charged_price(SCALE, "month"), usage=steady(conversations=100_001, assistants=9), days=28
    )

    assert (bill.amount_cents, bill.exceeded) == (49_000, ("conversations",))


def test_only_known_metrics_are_usage() -> None:
    situations = make_situations(make_table(), per_day={"conversations": 10}, levels={"seats": 2})

    usage = projected_usage(Facts(situations, make_table()))

    assert usage.expected == {"conversations": 300, "ai_tokens": 0, "seats": 2}
    assert usage.low["conversations"] < 300 < usage.high["conversations"]
    assert usage.low["seats"] == usage.high["seats"] == 2


@pytest.mark.parametrize(("low", "ends"), [(50_100, (19_080, 27_000)), (40_000, (19_000, 23_800))])
def test_a_range_is_billed_at_both_of_its_ends_or_at_one_where_the_price_is_the_other(
    low: int, ends: tuple[int, int]
) -> None:
    usage = MonthlyUsage(*({"conversations": units} for units in (51_000, low, 60_000, 56_000)))

    bill = projected_bill(plan=BASIC, price=charged_price(BASIC, "month"), usage=usage, days=14)

    assert (bill.low_cents, bill.amount_cents, bill.high_cents) == (ends[0], 19_800, ends[1])


def test_the_card_and_the_features_agree_on_the_bill() -> None:
    table = make_table(BASIC, SCALE)
    facts = Facts(make_situations(table, per_day={"conversations": 2_000}), table)

    bills = [
        projected_bill(
            plan=plan, price=charged_price(plan, "month"), usage=projected_usage(facts), days=28
        ).amount_cents
        for plan in (BASIC, SCALE)
    ]

    assert bills == pytest.approx(facts.bill_cents[0], abs=0.5)


def test_key_figures_are_conversations_and_assistants() -> None:
    assert [limit.code for limit in key_limits(BASIC)] == ["conversations", "assistants"]


def test_a_plan_sold_by_tokens_shows_tokens() -> None:
    plan = make_plan("e", limits={"conversations": inf, "ai_tokens": 200_000_000, "documents": 5, "assistants": 5})

    assert [limit.code for limit in key_limits(plan)] == ["ai_tokens", "assistants"]


def test_a_foreign_plan_shows_the_limits_it_has() -> None:
    limits = tuple(Limit(code, 5.0, "", renewable=False, metric=None) for code in ("storage", "boards", "guests"))
    plan = Plan("a", "a", "", "shop", 1, {"month": 1}, "", limits, ())

    assert [limit.code for limit in key_limits(plan)] == ["storage", "boards"]


def test_a_card_has_everything_but_words() -> None:
    card = plan_card(
        wish=Wish(BASIC, "month", "v1", "EUR"),
        price=charged_price(BASIC, "month"),
        place=ShownPlan("basic", 1, 0.5, 0.6, 0.97),
        account=TRIAL,
        usage=steady(conversations=60_000),
        days=14,
        reasons=(),
        now=NOW,
    )

    assert card.recommended
    assert card.price_cents == 19_000
    assert [(figure.code, figure.value) for figure in card.metrics] == [("conversations", 50_000), ("assistants", 3)]
    assert card.included == ("shopify",)
    assert card.projected_bill.overage_cents == 8_000
    assert card.selection.state == "selectable"


def test_unlimited_is_no_number() -> None:
    plan = make_plan("a", limits={"conversations": inf})
    card = plan_card(
        wish=Wish(plan, "year", "v1", "EUR"),
        price=charged_price(plan, "year"),
        place=ShownPlan("a", 2, 0.0, 0.4, 0.03),
        account=TRIAL,
        usage=steady(),
        days=0,
        reasons=(),
        now=NOW,
    )

    assert card.limits[0].value is None
    assert not card.recommended
