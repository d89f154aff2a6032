"""Money is whole minor units, shares of it are exact fractions, and this is the one place that rounds."""

from decimal import Decimal
from fractions import Fraction

from data_contracts.currencies import MINOR_DIGITS


def round_half_away_from_zero(exact: Fraction) -> int:
    """The nearest whole number; a half goes away from zero, so that a credit rounds exactly as its charge did.

    Args:
        exact: An amount in minor units.

    Returns:
        Whole minor units.

    Examples:
        >>> round_half_away_from_zero(Fraction(5, 2)), round_half_away_from_zero(Fraction(-5, 2))
        (3, -3)
    """
    magnitude = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return magnitude if exact >= 0 else -magnitude


def decimal_places(currency: str) -> int:
    """The number of decimal places of a currency (ISO 4217): 2 for EUR and for currencies that are not listed.

    Args:
        currency: An ISO 4217 code, in any case.

    Returns:
        The number of decimal places.

    Examples:
        >>> decimal_places("EUR"), decimal_places("JPY"), decimal_places("TND")
        (2, 0, 3)
    """
    return MINOR_DIGITS.get(currency.upper(), 2)


def minor_units(amount: int | Decimal | Fraction, *, currency: str) -> int:
    """Convert an amount in major units to whole minor units.

    Args:
        amount: The amount in major units, exact.
        currency: An ISO 4217 code.

    Returns:
        Minor units, rounded half away from zero.

    Examples:
        >>> minor_units(190, currency="EUR"), minor_units(190, currency="JPY")
        (19000, 190)
    """
    return round_half_away_from_zero(Fraction(amount) * 10 ** decimal_places(currency))
