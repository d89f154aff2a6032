"""Whom a promotion is for, and when it ends: the same answer on the card and in the preview."""

from dataclasses import replace

import pytest

from recommender.billing.availability import offer_refusals, selection
from recommender.billing.catalogue import Audience
from recommender.billing.eligibility import Applicant
from recommender.billing.promotion_end import PromotionEnd, promotion_end_of
from recommender.billing.subscription import RunningDiscount, Subscription, Wish
from tests.recommender.billing.builders import (
    ANYONE,
    at,
    carried_out,
    choose,
    make_plan,
    make_promotion,
    paying,
    span,
    trial,
)

NOW = at("2025-06-16")
JUNE = span("2025-06-01", "2025-07-01")
BASIC, SCALE = make_plan("basic", year=100_000), make_plan("scale", tier=2, month=20_000, year=200_000)
WELCOME = replace(make_promotion("basic", "scale", percent=10), audience=Audience(new_customers=True))
SHOPS = replace(
    make_promotion("basic", percent=10),
    audience=Audience(families=frozenset({"shops"}), templates=frozenset({"ecommerce"})),
)
FRENCH = replace(make_promotion("basic", percent=10), audience=Audience(countries=frozenset({"FR"})))

ENDED = replace(trial(), status="ended")


def refused(subscription: Subscription | None, promotion: object = WELCOME, **applicant: object) -> list[str]:
    known = replace(ANYONE.applicant, **applicant)  # type: ignore[arg-type]
    account = replace(ANYONE, subscription=subscription, applicant=known)
    found = offer_refusals(account, promotion, plan=BASIC, interval="month", now=NOW)  # type: ignore[arg-type]
    return [blocker.code for blocker in found]


@pytest.mark.parametrize(
    ("subscription", "codes"),
    [
        (trial(), []),
        (paying(SCALE, period=JUNE), ["promotion_new_customers_only"]),
        (ENDED, ["promotion_new_customers_only"]),
        (None, ["promotion_new_customers_only"]),  # it pays for a plan that we do not know
    ],
)
def test_a_new_customer_never_paid_for_a_plan(subscription: Subscription | None, codes: list[str]) -> None:
    assert refused(subscription) == codes


@pytest.mark.parametrize(
    ("templates", "family", "codes"),
    [
        ({"ecommerce"}, None, []),
        ({"support"}, "shops", []),
        ({"support"}, "help", ["promotion_other_family"]),
        (set(), None, ["promotion_other_family"]),
    ],
)
def test_a_family_is_that_of_a_template_or_of_the_plan_held(
    templates: set[str], family: str | None, codes: list[str]
) -> None:
    held = trial() if family is None else paying(replace(SCALE, family=family), period=JUNE)

    assert refused(held, SHOPS, templates=frozenset(templates)) == codes


@pytest.mark.parametrize(("country", "codes"), [("FR", []), ("fr", []), ("DE", ["promotion_other_country"])])
def test_a_country_is_where_the_organisation_is(country: str, codes: list[str]) -> None:
    assert refused(trial(), FRENCH, country=country) == codes


def test_a_plan_with_somebody_elses_promotion_cannot_be_taken() -> None:
    account = replace(ANYONE, subscription=paying(SCALE, period=JUNE), applicant=Applicant("DE"))

    found = selection(account=account, wish=Wish(BASIC, "month", "v1", "EUR", WELCOME), now=NOW)

    assert (found.state, [blocker.code for blocker in found.blockers]) == (
        "unavailable",
        ["promotion_new_customers_only"],
    )


def test_a_promotion_of_three_months_ends_with_the_third() -> None:
    started = carried_out(choose(trial(), BASIC, at("2025-01-31"), promotion=replace(WELCOME, cycles=3)))

    # 31 January, 28 February, 31 March at the lower price; 30 April at the full one.
    assert promotion_end_of(started) == PromotionEnd(at("2025-04-30"), BASIC.price_cents["month"])


def test_a_promotion_under_way_ends_after_the_cycles_that_are_left() -> None:
    second_month = replace(
        paying(BASIC, period=span("2025-07-01", "2025-08-01")),
        anchor=at("2025-06-01"),
        discount=RunningDiscount(WELCOME, cycles_left=2),
    )

    assert promotion_end_of(second_month) == PromotionEnd(at("2025-09-01"), BASIC.price_cents["month"])


def test_a_promotion_that_comes_with_a_waiting_plan_is_counted_from_its_start() -> None:
    offer = replace(make_promotion("basic", percent=10), cycles=2)

    waits = carried_out(choose(paying(SCALE, period=JUNE), BASIC, NOW, promotion=offer))

    assert promotion_end_of(waits) == PromotionEnd(at("2025-09-01"), BASIC.price_cents["month"])


@pytest.mark.parametrize(
    "subscription",
    [
        trial(),
        paying(BASIC, period=JUNE),
        replace(paying(BASIC, period=JUNE), discount=RunningDiscount(WELCOME, cycles_left=None)),
    ],
)
def test_without_a_promotion_that_ends_there_is_no_end(subscription: Subscription) -> None:
    assert promotion_end_of(subscription) is None
