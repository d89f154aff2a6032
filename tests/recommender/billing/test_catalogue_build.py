import math
from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

import pytest

from data_contracts.catalogue import reference_texts
from data_contracts.currencies import MINOR_DIGITS
from data_contracts.usage import METRICS
from data_contracts.yaml_reading.places import CatalogueFaults
from recommender.billing.catalogue import Catalogue, Condition, Interval, QuantityNotSold, UnknownPlan, Window
from recommender.billing.catalogue_build import load_catalogue, load_with_warnings, readable
from recommender.billing.money import decimal_places
from tests.data_contracts.catalogues import ANCHORS, EXPRESSIONS, ONLY_ADD_ONS, SMALL

REFERENCE = load_catalogue(*reference_texts())


def prices(catalogue: Catalogue) -> dict[str, Mapping[Interval, int]]:
    return {plan.code: plan.price_cents for plan in catalogue.plans}


def test_the_reference_catalogue_sells_three_tiers_in_each_of_four_families() -> None:
    assert REFERENCE.currency == "EUR"
    assert REFERENCE.families == ("ecommerce", "support", "leads", "knowledge")
    for family in REFERENCE.families:
        tiers = [plan for plan in REFERENCE.plans if plan.family == family]
        assert [plan.code for plan in tiers] == [f"{family}-basic", f"{family}-scale", f"{family}-enterprise"]
        assert [plan.tier for plan in tiers] == [1, 2, 3]
        assert [plan.price_cents["month"] for plan in tiers] == [190_00, 490_00, 1890_00]
        assert [plan.price_cents["year"] for plan in tiers] == [1824_00, 4704_00, 18144_00]
        assert [plan.limit_of("conversations") for plan in tiers] == [50_000, 100_000, math.inf]
        assert [plan.limit_of("documents") for plan in tiers] == [1_000, 10_000, 100_000]
        assert [plan.limit_of("assistants") for plan in tiers] == [3, 3, 5]
        assert [plan.limit_of("seats") for plan in tiers] == [3, 5, 10]
        assert tiers[2].limit_of("ai_tokens") == 200_000_000


def test_a_higher_reference_tier_never_holds_less_nor_costs_more_beyond_its_allowance() -> None:
    for family in REFERENCE.families:
        for lower, higher in pairwise(plan for plan in REFERENCE.plans if plan.family == family):
            for metric in METRICS:
                assert (lower.limit_of(metric) or 0) <= (higher.limit_of(metric) or 0)
            for exceeded, cents in higher.overage_cents.items():
                assert cents <= lower.overage_cents[exceeded]
            assert lower.integrations <= higher.integrations
            assert {f.code for f in lower.features if f.included} < {f.code for f in higher.features if f.included}


def test_the_highest_reference_tier_connects_everything() -> None:
    everything = {"shopify", "prestashop", "woocommerce", "wordpress", "whatsapp", "zendesk", "hubspot", "slack"}

    assert all(plan.integrations == everything for plan in REFERENCE.plans if plan.tier == 3)
    assert len({plan.integrations for plan in REFERENCE.plans if plan.tier == 1}) == 4


def test_stock_limits_of_the_reference_cannot_be_exceeded_for_money() -> None:
    assert {metric for plan in REFERENCE.plans for metric in plan.overage_cents} == {"conversations", "ai_tokens"}
    assert REFERENCE.plan("ecommerce-basic").overage_cents["conversations"] == Fraction(8, 10)


def test_the_reference_offer_on_request_has_no_limits() -> None:
    (offer,) = REFERENCE.enterprise

    assert offer.price_text == "Contact sales"
    assert {limit.metric: limit.value for limit in offer.limits} == dict.fromkeys(METRICS, math.inf)
    included = {feature.code for feature in offer.features if feature.included}
    assert included >= {"dedicated_support", "custom_integrations", "sla", "on_premises"}
    assert not any(f.included for f in REFERENCE.plan("leads-enterprise").features if f.code == "on_premises")


def test_everything_of_the_reference_has_words_in_three_languages() -> None:
    plan = REFERENCE.plans[0]
    codes = {
        *(feature.code for feature in plan.features),
        *(limit.code for limit in plan.limits),
        *(other.code for other in REFERENCE.plans),
        *(offer.code for offer in REFERENCE.enterprise),
        *REFERENCE.families,
    }

    assert {code for code in codes if set(REFERENCE.texts.get(code, {})) != {"de", "en", "fr"}} == set()
    assert all(set(promotion.texts) == {"de", "en", "fr"} for promotion in REFERENCE.promotions)


def test_the_reference_gives_no_warning() -> None:
    assert load_with_warnings(*reference_texts())[1] == ()


def test_without_offers_tiers_follow_the_price_and_texts_become_offers_on_request() -> None:
    catalogue = load_catalogue(EXPRESSIONS, None)

    assert catalogue.families == ("formula",)
    assert [(plan.code, plan.tier) for plan in catalogue.plans] == [("LEGACY", 1), ("STARTER", 2), ("PRO", 3)]
    assert [plan.private for plan in catalogue.plans] == [True, False, False]
    small = load_catalogue(SMALL, None)
    assert [(offer.code, offer.name, offer.price_text) for offer in small.enterprise] == [
        ("ENTERPRISE", "Enterprise", "Contact sales")
    ]


def test_equal_prices_keep_the_declared_order_and_a_free_plan_is_a_plan() -> None:
    assert [plan.code for plan in load_catalogue(ANCHORS, None).plans] == ["FREE", "A", "B"]


def test_a_year_costs_twelve_months_at_its_share_rounded_half_away_from_zero() -> None:
    """29.26 × 0.8 × 12 = 280.896."""
    assert prices(load_catalogue(SMALL, None)) == {
        "BASIC": {"month": 10_00, "year": 96_00},
        "PRO": {"month": 29_26, "year": 280_90},
    }
    half = SMALL.replace("price: 10", "price: 0.125")
    assert prices(load_catalogue(half, None))["BASIC"]["month"] == 13


@pytest.mark.parametrize(
    ("billing", "sold"),
    [
        ("billing: null", {"month": 1000}),
        ("billing:\n  monthly: 1", {"month": 1000}),
        ("billing:\n  Annually: 0.7", {"year": 8400}),
        ("billing:\n  monthly: 0.9\n  yearly: 0.5", {"month": 900, "year": 6000}),
        ("billing:\n  semester: 0.9", {"halfyear": 5400}),
        ("billing:\n  monthly: 1\n  quarterly: 0.95", {"month": 1000, "quarter": 2850}),
        ("billing:\n  standard: 0.9", {"month": 1000}),
    ],
)
def test_an_interval_is_sold_when_the_file_has_a_share_for_it(billing: str, sold: dict[str, int]) -> None:
    text = SMALL.replace("billing:\n  monthly: 1.0\n  annual: 0.8", billing)

    assert prices(load_catalogue(text, None))["BASIC"] == sold


def test_the_annual_discount_of_the_offers_goes_before_the_share_of_the_file() -> None:
    assert prices(load_catalogue(SMALL, "annual_discount_percent: 50"))["BASIC"] == {"month": 1000, "year": 6000}


def test_minor_units_are_those_of_the_currency() -> None:
    yen = load_catalogue(SMALL.replace("currency: EUR", "currency: JPY"), None)

    assert prices(yen) == {"BASIC": {"month": 10, "year": 96}, "PRO": {"month": 29, "year": 281}}


def test_every_currency_that_a_catalogue_may_name_rounds_to_its_own_minor_unit() -> None:
    assert {code: decimal_places(code) for code in MINOR_DIGITS} == MINOR_DIGITS


def test_a_limit_counts_a_metric_when_it_is_named_after_it_or_the_offers_say_so() -> None:
    renamed = SMALL.replace("  seats:", "  host-places:").replace("      seats:", "      host-places:")
    daily = SMALL.replace("unit: conversation/month", "unit: conversation/day")

    def metrics(text: str, offers: str | None) -> list[str | None]:
        return [limit.metric for limit in load_catalogue(text, offers).plans[0].limits]

    assert metrics(SMALL, None) == ["conversations", "seats"]
    assert metrics(SMALL.replace("conversations:", "AI Tokens:"), None) == ["ai_tokens", "seats"]
    assert metrics(renamed, None) == ["conversations", None]
    assert metrics(renamed, "metrics: {host-places: seats}") == ["conversations", "seats"]
    assert metrics(daily, None) == [None, "seats"]
    assert metrics(SMALL, "metrics: {seats: assistants}") == ["conversations", "assistants"]


def test_offers_decide_family_tier_name_and_conditions_of_sale() -> None:
    offers = """
families:
  shops:
    templates: [ecommerce]
    tiers: [PRO]
plans:
  PRO:
    name: Shop
    overage: {conversations: {price: 7, per: 1000}}
    countries: [FR]
    available: {from: 2026-02-01}
    conditions: [{requires_template: ecommerce}]
promotions:
  spring: {percent: 10}
"""
    catalogue = load_catalogue(SMALL, offers)

    assert catalogue.families == ("shops", "chatty")
    shop = catalogue.plan("PRO")
    assert (shop.name, shop.family, shop.tier, shop.templates) == ("Shop", "shops", 1, frozenset({"ecommerce"}))
    assert shop.overage_cents == {"conversations": Fraction(7, 10)}
    assert shop.countries == frozenset({"FR"})
    assert shop.window == Window(datetime(2026, 2, 1, tzinfo=UTC), None)
    assert shop.conditions == (Condition("template", "ecommerce", required=True),)
    assert catalogue.promotions[0].plans == {"BASIC", "PRO"}
    assert catalogue.plan("BASIC").templates == frozenset()
    with pytest.raises(UnknownPlan):
        catalogue.plan("ENTERPRISE")


def test_features_in_words_are_kept_and_none_means_not_included() -> None:
    features = {f.code: f for f in load_catalogue(EXPRESSIONS, None).plan("STARTER").features}

    assert (features["payment"].value, features["payment"].included) == ("CARD, INVOICE", True)
    assert not features["contractReview"].included
    assert (features["support"].kind, features["support"].value) == ("usage_limit", "two days")


def test_add_ons_are_shown_with_their_plans() -> None:
    seats, setup = load_catalogue(EXPRESSIONS, None).add_ons

    assert (seats.price_cents, seats.price_text, seats.available_for) == (2000, None, frozenset({"PRO"}))
    assert (setup.price_cents, setup.price_text) == (None, "See rates")
    assert [add_on.name for add_on in load_catalogue(ONLY_ADD_ONS, None).add_ons] == ["Sso", "Adaptive Sso"]


def test_the_version_changes_with_every_change_of_either_text() -> None:
    versions = [
        load_catalogue(SMALL, None).version,
        load_catalogue(SMALL.replace("price: 10", "price: 11"), None).version,
        load_catalogue(SMALL, "annual_discount_percent: 20").version,
    ]

    assert len(set(versions)) == 3
    assert all(version.startswith("2026-") and len(version) == len("2026-") + 8 for version in versions)
    assert load_catalogue(SMALL, None).version == versions[0]


def test_faults_of_both_texts_are_named_together() -> None:
    with pytest.raises(CatalogueFaults) as refused:
        load_catalogue(SMALL.replace("price: 10", "price: -1"), "annual_discount_percent: 200")

    assert [(fault.source, fault.path) for fault in refused.value.faults] == [
        ("catalogue", "plans.BASIC.price"),
        ("offers", "annual_discount_percent"),
    ]


def test_a_code_becomes_a_name_for_people() -> None:
    assert readable("ENTERPRISE_PLUS") == "Enterprise Plus"
    assert readable("ecommerce-basic") == "Ecommerce Basic"
    assert readable("WorkSpace AI") == "WorkSpace AI"


def test_a_price_per_user_is_of_one_seat_and_what_is_stated_per_user_grows_with_them() -> None:
    text = SMALL.replace("unit: /month\n    features: null", "unit: user/month\n    features: null", 1)
    text = text.replace("unit: conversation/month", "unit: conversation/member/month")

    basic = load_catalogue(text, None).plan("BASIC")
    five = basic.of(2)

    assert (basic.per, basic.quantity, basic.most, basic.limit_of("seats")) == ("seat", 1, 2, None)
    assert (five.price_cents["month"], five.limit_of("conversations"), five.limit_of("seats")) == (2_000, 2_000, 2)
    assert five.of(1).price_cents == basic.price_cents
    with pytest.raises(QuantityNotSold):
        basic.of(3)


@pytest.mark.parametrize("unit", ["/month", "user/month"])
def test_what_costs_nothing_or_is_priced_whole_has_no_number(unit: str) -> None:
    text = SMALL.replace("price: 10\n", "price: 0\n").replace(
        "unit: /month\n    features", f"unit: {unit}\n    features", 1
    )

    basic = load_catalogue(text, None).plan("BASIC")

    assert (basic.per, basic.of(1)) == (None, basic)
    with pytest.raises(QuantityNotSold):
        basic.of(2)
