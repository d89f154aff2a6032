from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.billing.catalogue import Window
from recommender.billing.discounts import (
    discount_cents,
    discount_shares,
    promotion_refusals,
    split_by_largest_remainder,
)
from tests.recommender.billing.builders import at, make_plan, make_promotion

NOW = at("2025-06-16")


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (1500, [1000, 1000], (750, 750)),  # B3.11
        (750, [300, 1200], (150, 600)),  # B3.11
        (100, [100, 200], (33, 67)),  # B3.11
        (67, [100, 100], (34, 33)),  # D11, the earlier line first
        (0, [0, 0], (0, 0)),
        (5, [0, 1], (0, 5)),
        (0, [], ()),
    ],
)
def test_a_discount_is_split_by_largest_remainder(total: int, weights: list[int], parts: tuple[int, ...]) -> None:
    assert split_by_largest_remainder(total, weights=weights) == parts


@pytest.mark.parametrize(("total", "weights"), [(1, [0, 0]), (1, []), (-1, [1]), (1, [2, -1])])
def test_what_cannot_be_shared_is_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot be shared"):
        split_by_largest_remainder(total, weights=weights)


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**9), min_size=1, max_size=20).filter(any))
def test_the_parts_add_up_and_are_within_one_of_exact(total: int, weights: list[int]) -> None:
    parts = split_by_largest_remainder(total, weights=weights)

    assert sum(parts) == total
    assert all(abs(part * sum(weights) - total * w) < sum(weights) for part, w in zip(parts, weights, strict=True))


def test_a_third_off_two_lines_adds_up_to_the_third_of_the_sum() -> None:  # D11: 66 elsewhere
    third = replace(make_promotion("basic"), percent=Fraction(3333, 100))

    assert sum(discount_shares(third, amounts_cents=[100, 100])) == 67


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
