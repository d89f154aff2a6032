from datetime import UTC, datetime
from fractions import Fraction

import pytest

from data_contracts.catalogue.offer_values import EVERYBODY, AudienceOffer, ConditionOffer
from data_contracts.catalogue.offers import read_offers
from data_contracts.catalogue.pricing2yaml import read_pricing
from data_contracts.intervals import MONTHS_OF
from data_contracts.yaml_reading.places import CatalogueFaults
from tests.data_contracts.catalogues import SMALL

PRICING = read_pricing(SMALL)

OFFERS = """\
annual_discount_percent: 20
families:
  shops:
    templates: [ecommerce]
    tiers: [BASIC, PRO]
plans:
  BASIC:
    name: Shop Basic
    overage:
      conversations: {price: '8.00', per: 1000}
    countries: [FR, NO]
    available: {from: 2026-01-01, until: '2027-01-01T00:00:00+01:00'}
    conditions:
    - requires_template: ecommerce
    - excludes_integration: zendesk
promotions:
  welcome:
    plans: [BASIC]
    intervals: [month]
    percent: 12.5
    cycles: 3
    available: {until: 2026-12-31}
    texts: {de: Willkommen}
  all-year:
    amount: '5.50'
metrics:
  seats: seats
texts:
  chat: {de: Gespräche, en: Chats, fr: Discussions}
"""


def faults_of(text: str) -> list[str]:
    """Every fault as `line:column path message`."""
    with pytest.raises(CatalogueFaults) as refused:
        read_offers(text, pricing=PRICING)
    return [f"{fault.line}:{fault.column} {fault.path} {fault.message}" for fault in refused.value.faults]


def test_everything_that_offers_say_is_read() -> None:
    offers = read_offers(OFFERS, pricing=PRICING)

    assert offers.families["shops"].tiers == ("BASIC", "PRO")
    assert offers.families["shops"].templates == {"ecommerce"}
    assert offers.annual_discount_percent == 20
    basic = offers.plans["BASIC"]
    assert basic.name == "Shop Basic"
    assert basic.overage == {"conversations": Fraction(8, 1000)}
    assert basic.countries == frozenset({"FR", "NO"})
    assert basic.available == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC))
    assert basic.conditions == (
        ConditionOffer("template", "ecommerce", required=True),
        ConditionOffer("integration", "zendesk", required=False),
    )
    welcome, all_year = offers.promotions["welcome"], offers.promotions["all-year"]
    assert (welcome.percent, welcome.amount, welcome.cycles) == (Fraction(25, 2), None, 3)
    assert (welcome.plans, welcome.intervals, welcome.texts) == (
        ("BASIC",),
        frozenset({"month"}),
        {"de": "Willkommen"},
    )
    assert (all_year.percent, all_year.amount, all_year.cycles) == (None, Fraction(11, 2), None)
    assert (all_year.plans, all_year.intervals) == (None, frozenset(MONTHS_OF))
    assert offers.metrics == {"seats": "seats"}
    assert offers.texts["chat"] == {"de": "Gespräche", "en": "Chats", "fr": "Discussions"}


def test_a_promotion_may_say_whom_it_is_for() -> None:
    for_some = "cycles: 3\n    for: {new_customers: true, families: [shops], countries: [FR]}"

    promotions = read_offers(OFFERS.replace("cycles: 3", for_some), pricing=PRICING).promotions

    assert promotions["welcome"].audience == AudienceOffer(
        new_customers=True, families=frozenset({"shops"}), countries=frozenset({"FR"})
    )
    assert promotions["all-year"].audience == EVERYBODY


@pytest.mark.parametrize(
    ("audience", "fault"),
    [
        ("{new_customer: true}", "22:11 promotions.welcome.for.new_customer is not a field known here"),
        ("{new_customers: perhaps}", "22:26 promotions.welcome.for.new_customers must be true or false"),
        (
            "{families: [shop]}",
            "22:22 promotions.welcome.for.families.0 there is no family 'shop', did you mean shops?",
        ),
        ("{families: []}", "22:11 promotions.welcome.for.families must name at least one family"),
        ("{countries: [XX]}", "22:23 promotions.welcome.for.countries.0 'XX' is not a country"),
    ],
)
def test_a_promotion_for_nobody_that_there_is_is_a_fault_at_its_place(audience: str, fault: str) -> None:
    found = faults_of(OFFERS.replace("cycles: 3", f"cycles: 3\n    for: {audience}"))

    assert [line for line in found if line.startswith(fault)], found


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("tiers: [BASIC, PRO]", "tiers: [BASIC, PORO]", "5:20 families.shops.tiers.1 the catalogue has no plan 'PORO'"),
        (
            "tiers: [BASIC, PRO]",
            "tiers: [PRO, PRO]",
            "5:18 families.shops.tiers.1 PRO stands twice; first in the family",
        ),
        ("tiers: [BASIC, PRO]", "tiers: []", "5:5 families.shops.tiers must name at least one plan"),
        ("    tiers: [BASIC, PRO]\n", "", "3:3 families.shops.tiers is missing"),
        ("tiers: [BASIC, PRO]", "tiers: [ENTERPRISE]", "5:13 families.shops.tiers.0 ENTERPRISE is priced as text"),
        ("  BASIC:\n", "  BASICS:\n", "7:3 plans.BASICS the catalogue has no plan 'BASICS', did you mean BASIC?"),
        ("conversations: {", "conversation: {", "10:7 plans.BASIC.overage.conversation is not a metric, did you mean"),
        ("conversations: {", "seats: {", "10:7 plans.BASIC.overage.seats is a stock limit, which cannot be exceeded"),
        ("'8.00'", "-8", "10:30 plans.BASIC.overage.conversations.price must be from 0 and at most"),
        ("'8.00'", ".nan", "10:30 plans.BASIC.overage.conversations.price must be a number, is '.nan'"),
        ("per: 1000", "per: 0", "10:43 plans.BASIC.overage.conversations.per must be a whole number from 1"),
        ("[FR, NO]", "[FR, XX]", "11:21 plans.BASIC.countries.1 'XX' is not a country"),
        ("[FR, NO]", "[]", "11:5 plans.BASIC.countries must name at least one country"),
        ("2026-01-01", "2028-01-01", "12:5 plans.BASIC.available ends before it begins"),
        ("2026-01-01", "soon", "12:23 plans.BASIC.available.from must be a date or an instant"),
        ("from: ", "form: ", "12:17 plans.BASIC.available.form is not a field known here"),
        (
            "excludes_integration: zendesk",
            "excludes_template: ecommerce",
            "15:26 plans.BASIC.conditions.1.excludes_template the template ecommerce cannot be both required",
        ),
        (
            "requires_template",
            "require_template",
            "14:7 plans.BASIC.conditions.0.require_template is not a field known",
        ),
        ("percent: 12.5", "percent: 12.5\n    amount: 3", "17:3 promotions.welcome takes exactly one of percent and"),
        ("    percent: 12.5\n", "", "17:3 promotions.welcome takes exactly one of percent and amount"),
        ("percent: 12.5", "percent: 101", "20:14 promotions.welcome.percent must be above 0 and at most 100, is '101'"),
        ("'5.50'", "'5.505'", "25:13 promotions.all-year.amount must have at most 2 decimals"),
        ("cycles: 3", "cycles: 1.5", "21:13 promotions.welcome.cycles must be a whole number from 1"),
        ("[month]", "[week]", "19:17 promotions.welcome.intervals.0 must be one of month, quarter, halfyear, year"),
        ("percent: 20", "percent: 100", "1:26 annual_discount_percent must be from 0 to below 100, is '100'"),
        ("  seats: seats", "  seat: seats", "27:3 metrics.seat the catalogue has no usage limit of this name, did you"),
        ("  seats: seats", "  seats: chairs", "27:10 metrics.seats must be one of conversations, ai_tokens, documents"),
        (
            "promotions:",
            "promotion:",
            "16:1 promotion is not a field known here and is not read, did you mean promotions?",
        ),
        ("  all-year:", "  welcome:", "24:3 promotions.welcome stands twice; first in line 17"),
    ],
)
def test_what_cannot_be_sold_is_a_fault_at_its_place(before: str, after: str, fault: str) -> None:
    assert OFFERS.count(before) >= 1
    found = faults_of(OFFERS.replace(before, after, 1))

    assert [line for line in found if line.startswith(fault)], found


def test_a_plan_priced_as_text_takes_a_name_only() -> None:
    found = faults_of("plans:\n  ENTERPRISE:\n    name: Tailored\n    countries: [FR]\n")

    assert found == ["4:5 plans.ENTERPRISE.countries does not go with a plan priced as text, which is only described"]


def test_words_for_something_unknown_are_a_warning() -> None:
    offers = read_offers("texts:\n  chatt: {de: Gespräche}\n", pricing=PRICING)

    assert [str(warning) for warning in offers.warnings] == [
        "offers:2:3: texts.chatt: is no feature, limit, plan or family of the catalogue, did you mean chat?"
    ]


def test_all_faults_of_offers_are_named_at_once() -> None:
    text = OFFERS.replace("'8.00'", "cheap").replace("[FR, NO]", "[fr]").replace("cycles: 3", "cycles: 0")

    assert len(faults_of(text)) == 3


def test_empty_offers_are_refused_as_empty() -> None:
    assert faults_of("# none") == ["1:1  is empty"]
    assert faults_of("[]") == ["1:1  are no offers: they must be a mapping"]
