from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.billing.money import decimal_places, minor_units, round_half_away_from_zero


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [("1/2", 1), ("-1/2", -1), ("3/2", 2), ("5/2", 3), ("-5/2", -3), ("49/100", 0), ("-49/100", 0), ("7", 7), ("0", 0)],
)
def test_a_half_goes_away_from_zero(exact: str, rounded: int) -> None:
    assert round_half_away_from_zero(Fraction(exact)) == rounded


@given(st.fractions(max_denominator=10**9))
def test_rounding_is_symmetric_and_never_further_than_a_half(exact: Fraction) -> None:
    rounded = round_half_away_from_zero(exact)

    assert rounded == -round_half_away_from_zero(-exact)
    assert abs(rounded - exact) <= Fraction(1, 2)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4))
def test_rounding_agrees_with_the_decimal_module(amount: Decimal) -> None:
    assert round_half_away_from_zero(Fraction(amount)) == int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [("190", "EUR", 19000), ("190", "JPY", 190), ("1.5", "TND", 1500), ("0.0001", "CLF", 1), ("9.995", "usd", 1000)],
)
def test_a_currency_knows_its_minor_unit(amount: str, currency: str, expected: int) -> None:
    assert minor_units(Decimal(amount), currency=currency) == expected


def test_a_currency_without_an_entry_has_two_places() -> None:
    assert [decimal_places(code) for code in ("XXX", "JPY", "KWD", "CHF")] == [2, 0, 3, 2]
