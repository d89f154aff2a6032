from dataclasses import replace

import pytest

from recommender.billing.catalogue import Window
from recommender.billing.discounts import discount_cents, promotion_refusals
from tests.recommender.billing.builders import at, make_plan, make_promotion

NOW = at("2025-06-16")


def test_a_percentage_is_taken_of_the_price_and_rounded_once() -> None:
    assert discount_cents(make_promotion("basic", percent=15), price_cents=19000) == 2850
    assert discount_cents(make_promotion("basic", percent=50), price_cents=1999) == 1000


def test_an_amount_never_takes_more_than_the_price() -> None:
    assert discount_cents(make_promotion("basic", amount=50000), price_cents=19000) == 19000


def test_a_promotion_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        discount_cents(make_promotion("basic"), price_cents=19000)


def test_a_promotion_is_refused_with_every_reason() -> None:
    ended = replace(make_promotion("scale", percent=10), window=Window(end=NOW))

    found = promotion_refusals(ended, plan=make_plan("basic"), interval="month", now=NOW, used=frozenset({"welcome"}))

    codes = [refusal.code for refusal in found]
    assert codes == ["promotion_already_used", "promotion_other_plan", "promotion_expired"]


def test_a_promotion_of_the_future_says_when_it_starts() -> None:
    coming = replace(make_promotion("basic", percent=10), window=Window(start=at("2025-07-01")))

    (refusal,) = promotion_refusals(coming, plan=make_plan("basic"), interval="month", now=NOW, used=frozenset())

    assert (refusal.code, refusal.clears_at) == ("promotion_not_yet_valid", at("2025-07-01"))


def test_a_promotion_in_its_window_on_its_plan_is_fine() -> None:
    promotion = make_promotion("basic", percent=10)

    assert promotion_refusals(promotion, plan=make_plan("basic"), interval="year", now=NOW, used=frozenset()) == ()
