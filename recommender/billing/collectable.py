"""The part of an amount that can be collected: smallest steps, least amounts, and how Stripe counts decimals.

Source: Stripe, "Supported currencies", sections "Zero-decimal currencies", "Three-decimal currencies", "Special cases"
and "Minimum and maximum charge amounts" (docs.stripe.com/currencies).
Decided: the least amounts hold whichever provider or method pays, so that a quote need not know who will pay it.
"""

from typing import Final

from recommender.billing.money import decimal_places

STRIPE_DECIMALS: Final = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"), 0),
    **dict.fromkeys(("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("ISK", "UGX"), 2),  # have no decimals, and are still written with two that are zero
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 3),
}
"""Decimals by currency as Stripe counts them; every other one has two."""

LEAST_CENTS: Final = {
    **dict.fromkeys(("AUD", "BRL", "CAD", "CHF", "EUR", "INR", "JPY", "NZD", "SGD", "USD"), 50),
    **dict.fromkeys(("AED", "MYR", "PLN", "RON"), 200),
    **dict.fromkeys(("NOK", "SEK"), 300),
    **dict.fromkeys(("MXN", "THB"), 1000),
    "BGN": 100,
    "CZK": 1500,
    "DKK": 250,
    "GBP": 30,
    "HKD": 400,
    "HUF": 17500,
}
"""The least amount that is collected, in minor units of ISO 4217. For other currencies Stripe converts that of the
account it pays out to, so its answer decides (`amount_too_small`)."""


def payable_step(currency: str) -> int:
    """The smallest amount that can be paid, in minor units: 1, but 10 where a currency has three decimal places.

    Payment networks know two decimal places, and none of the ariary, whose unit has fifths.

    Examples:
        >>> payable_step("KWD"), payable_step("MGA"), payable_step("EUR")
        (10, 100, 1)
    """
    if currency.upper() == "MGA":
        return 100
    return int(10 ** max(decimal_places(currency) - 2, 0))


def least_cents(currency: str) -> int:
    """The least amount that is collected, in minor units; 0 where none is published.

    Examples:
        >>> least_cents("EUR"), least_cents("huf"), least_cents("KWD")
        (50, 17500, 0)
    """
    return LEAST_CENTS.get(currency.upper(), 0)


def is_too_small(amount_cents: int, currency: str | None) -> bool:
    """Whether an amount above 0 is less than what is collected; never where the currency is not known."""
    return 0 < amount_cents < least_cents(currency or "")
