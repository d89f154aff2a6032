from dataclasses import replace

from recommender.billing.catalogue import Condition, EnterpriseOffer, Plan, Window
from recommender.billing.eligibility import Applicant, refusals_for
from tests.recommender.billing.builders import at, make_plan

SHOP = Applicant(country="DE", templates=frozenset({"ecommerce"}), integrations=frozenset({"shopify"}))
NOW = at("2025-06-16")
BASIC = make_plan("basic", month=19000)


def codes(plan: Plan, applicant: Applicant = SHOP) -> list[str]:
    return [refusal.code for refusal in refusals_for(offer=plan, interval="month", applicant=applicant, now=NOW)]


def test_a_plan_without_conditions_is_open_to_all() -> None:
    assert codes(BASIC) == []


def test_a_plan_is_refused_outside_its_countries() -> None:
    (refusal,) = refusals_for(
        offer=replace(BASIC, countries=frozenset({"FR"})), interval="month", applicant=SHOP, now=NOW
    )

    assert (refusal.code, refusal.subject, refusal.remedy) == ("country_not_served", "DE", "contact_support")


def test_the_country_may_be_written_small() -> None:
    assert codes(replace(BASIC, countries=frozenset({"DE"})), replace(SHOP, country="de")) == []


def test_a_window_is_half_open() -> None:
    assert codes(replace(BASIC, window=Window(start=NOW))) == []
    assert codes(replace(BASIC, window=Window(end=NOW))) == ["no_longer_available"]


def test_a_plan_of_the_future_says_when_it_opens() -> None:
    (refusal,) = refusals_for(
        offer=replace(BASIC, window=Window(start=at("2025-07-01"))), interval="month", applicant=SHOP, now=NOW
    )

    assert (refusal.code, refusal.clears_at) == ("not_yet_available", at("2025-07-01"))


def test_conditions_look_at_templates_and_integrations() -> None:
    conditions = (
        Condition("template", "ecommerce", required=True),
        Condition("template", "support", required=True),
        Condition("integration", "shopify", required=False),
        Condition("integration", "prestashop", required=False),
    )

    assert codes(replace(BASIC, conditions=conditions)) == ["template_missing", "integration_excluded"]


def test_an_interval_that_is_not_sold_is_refused() -> None:
    (refusal,) = refusals_for(offer=BASIC, interval="year", applicant=SHOP, now=NOW)

    assert (refusal.code, refusal.remedy) == ("interval_not_sold", "choose_other_interval")


def test_every_refusal_comes_at_once() -> None:
    plan = replace(
        BASIC,
        private=True,
        price_cents={},
        countries=frozenset({"FR"}),
        window=Window(end=NOW),
        conditions=(Condition("template", "support", required=True),),
    )

    assert codes(plan) == [
        "on_request",
        "interval_not_sold",
        "country_not_served",
        "no_longer_available",
        "template_missing",
    ]


def test_an_enterprise_offer_is_taken_through_sales() -> None:
    offer = EnterpriseOffer("custom", "Custom", "", "Contact sales", (), ())

    (refusal,) = refusals_for(offer=offer, interval="month", applicant=SHOP, now=NOW)

    assert (refusal.code, refusal.remedy) == ("on_request", "contact_sales")
