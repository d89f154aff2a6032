from fractions import Fraction
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.billing.overage import excess_units, overage_cents, overages_on
from tests.recommender.billing.builders import UNLIMITED, make_plan


def test_units_beyond_the_allowance_are_priced_and_rounded_once() -> None:
    # 1001 units at a third of a cent: 333.67 cents, not 1001 times nothing
    assert overage_cents(used=51_001, allowance=50_000, price_cents=Fraction(1, 3)) == 334


def test_usage_within_the_allowance_costs_nothing() -> None:
    assert overage_cents(used=50_000, allowance=50_000, price_cents=Fraction(5)) == 0


def test_an_unlimited_allowance_is_never_exceeded() -> None:
    assert excess_units(used=10**12, allowance=inf) == 0


@pytest.mark.parametrize("used", [-1, nan, inf])
def test_usage_that_is_no_amount_is_refused(used: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        excess_units(used=used, allowance=10)


def test_a_plan_lists_only_the_renewable_limits_that_are_exceeded() -> None:
    plan = make_plan(
        limits={"conversations": 50_000, "ai_tokens": 100, "documents": 1000},
        overage={"conversations": Fraction(1, 2)},
    )

    found = overages_on(plan, usage={"conversations": 50_010, "ai_tokens": 90, "documents": 5000})

    assert [(o.metric, o.excess, o.amount_cents) for o in found] == [("conversations", Fraction(10), 5)]


def test_overage_that_is_not_sold_has_no_amount() -> None:
    plan = make_plan(limits={"conversations": 10, "ai_tokens": UNLIMITED})

    (overage,) = overages_on(plan, usage={"conversations": 12, "ai_tokens": 10**9})

    assert (overage.excess, overage.amount_cents) == (Fraction(2), None)


@given(
    used=st.integers(0, 10**9),
    more=st.integers(0, 10**6),
    allowance=st.fractions(0, 10**9),
    price=st.fractions(0, 100, max_denominator=10**6),
)
def test_using_more_never_costs_less(used: int, more: int, allowance: Fraction, price: Fraction) -> None:
    less = overage_cents(used=used, allowance=allowance, price_cents=price)

    assert 0 <= less <= overage_cents(used=used + more, allowance=allowance, price_cents=price)
