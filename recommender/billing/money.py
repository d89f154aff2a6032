"""Money is whole minor units, shares of it are exact fractions, and this is the one place that rounds."""

from decimal import Decimal
from fractions import Fraction

from data_contracts.currencies import MINOR_DIGITS


def round_half_away_from_zero(exact: Fraction) -> int:
    """The nearest whole number; a half goes away from zero, so that a credit rounds exactly as its charge did."""
    magnitude = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return magnitude if exact >= 0 else -magnitude


def decimal_places(currency: str) -> int:
    """How many decimal places the currency has: 2 for EUR and unlisted ones, 0 for JPY, 3 for TND (ISO 4217)."""
    return MINOR_DIGITS.get(currency.upper(), 2)


def minor_units(amount: int | Decimal | Fraction, *, currency: str) -> int:
    """An amount in major units as whole minor units: 190 EUR are 19000 cents, 190 JPY are 190 yen."""
    return round_half_away_from_zero(Fraction(amount) * 10 ** decimal_places(currency))
