"""Amounts as Stripe counts them; `recommender.billing.collectable` says where ISO 4217 counts otherwise."""

from fractions import Fraction
from typing import Final

from recommender.billing.collectable import STRIPE_DECIMALS
from recommender.billing.money import decimal_places, round_half_away_from_zero

_LAST_DIGIT_ZERO: Final = 3
"""Of three decimals the last must be zero: the payment networks behind Stripe know two."""


def stripe_amount(amount_cents: int, currency: str) -> int:
    """An amount in minor units of ISO 4217 as the whole number that Stripe takes.

    5,000.00 MGA are 5000 for Stripe, 5.124 KWD are 5120, 500 ISK are 50000; 190.00 EUR stay 19000.
    """
    decimals = STRIPE_DECIMALS.get(currency.upper(), 2)
    step = 10 if decimals == _LAST_DIGIT_ZERO else 1
    exact = Fraction(amount_cents) * Fraction(10) ** (decimals - decimal_places(currency))
    return step * round_half_away_from_zero(exact / step)


def minor_amount(amount: int, currency: str) -> int:
    """A whole number that Stripe says as an amount in minor units of ISO 4217; the inverse of `stripe_amount`."""
    decimals = STRIPE_DECIMALS.get(currency.upper(), 2)
    return round_half_away_from_zero(Fraction(amount) * Fraction(10) ** (decimal_places(currency) - decimals))
