"""Amounts as Stripe counts them; the cases are Stripe's own and those of public bug reports."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.currencies import MINOR_DIGITS
from recommender.billing.collectable import STRIPE_DECIMALS, payable_step
from recommender.billing.money import decimal_places, minor_units
from serving.payments.stripe_amounts import stripe_amount


@pytest.mark.parametrize(
    ("major", "currency", "sent"),
    [
        ("10", "USD", 1000),
        ("500", "JPY", 500),
        ("5000", "MGA", 5000),
        ("5", "ISK", 500),
        ("5", "UGX", 500),
        ("5.120", "KWD", 5120),
    ],
)
def test_an_amount_is_sent_in_the_units_of_stripe(major: str, currency: str, sent: int) -> None:
    assert stripe_amount(minor_units(Decimal(major), currency=currency), currency) == sent


@pytest.mark.parametrize(("fils", "sent"), [(5124, 5120), (5125, 5130), (-5125, -5130), (5126, 5130)])
def test_the_last_of_three_decimals_is_zero(fils: int, sent: int) -> None:
    assert stripe_amount(fils, "KWD") == sent


@pytest.mark.parametrize("currency", sorted(MINOR_DIGITS))
def test_whole_amounts_are_the_same_money_in_every_currency(currency: str) -> None:
    decimals = STRIPE_DECIMALS.get(currency, 2)

    assert stripe_amount(minor_units(190, currency=currency), currency) == 190 * 10**decimals


@given(st.sampled_from(sorted(MINOR_DIGITS)), st.integers(0, 10**9))
def test_what_is_rounded_to_be_payable_is_charged_as_it_is(currency: str, cents: int) -> None:
    payable = payable_step(currency) * cents

    assert Fraction(stripe_amount(payable, currency), 10 ** STRIPE_DECIMALS.get(currency, 2)) == Fraction(
        payable, 10 ** decimal_places(currency)
    )
