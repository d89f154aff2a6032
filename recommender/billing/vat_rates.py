"""Standard rates of value added tax in the European Union, each with the day from which it holds.

Source: European Commission, "VAT rates applied in the Member States of the European Union" and its database Taxes in
Europe; the changes since 2012. A rate holds until the next line of its country; before its first line, the first rate
holds. Territories that are French but have rates of their own, or none, stand in a table of their own (articles 294
and 296 of the French tax code); other member states' territories outside the tax area (Åland, the Canary Islands,
Büsingen …) are outside the scope where ISO 3166 gives them a code, and count as their country where it does not.
Northern Ireland (XI) is in the area for goods only, and we sell services.
"""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Final

_RATES: Final = """
AT 20    2012-01-01
BE 21    2012-01-01
BG 20    2012-01-01
CY 15    2012-01-01
CY 17    2012-03-01
CY 18    2013-01-14
CY 19    2014-01-13
CZ 20    2012-01-01
CZ 21    2013-01-01
DE 19    2012-01-01
DE 16    2020-07-01
DE 19    2021-01-01
DK 25    2012-01-01
EE 20    2012-01-01
EE 22    2024-01-01
EE 24    2025-07-01
ES 18    2012-01-01
ES 21    2012-09-01
FI 23    2012-01-01
FI 24    2013-01-01
FI 25.5  2024-09-01
FR 19.6  2012-01-01
FR 20    2014-01-01
GR 23    2012-01-01
GR 24    2016-06-01
HR 25    2013-07-01
HU 27    2012-01-01
IE 23    2012-01-01
IE 21    2020-09-01
IE 23    2021-03-01
IT 21    2012-01-01
IT 22    2013-10-01
LT 21    2012-01-01
LU 15    2012-01-01
LU 17    2015-01-01
LU 16    2023-01-01
LU 17    2024-01-01
LV 22    2012-01-01
LV 21    2012-07-01
MT 18    2012-01-01
NL 19    2012-01-01
NL 21    2012-10-01
PL 23    2012-01-01
PT 23    2012-01-01
RO 24    2012-01-01
RO 20    2016-01-01
RO 19    2017-01-01
RO 21    2025-08-01
SE 25    2012-01-01
SI 20    2012-01-01
SI 22    2013-07-01
SK 20    2012-01-01
SK 23    2025-01-01
"""
"""Country, percent, first day. Croatia's line begins with its membership."""


def _read(text: str) -> dict[str, tuple[tuple[date, Fraction], ...]]:
    read: dict[str, tuple[tuple[date, Fraction], ...]] = {}
    for country, percent, since in (line.split() for line in text.strip().splitlines()):
        read[country] = (*read.get(country, ()), (date.fromisoformat(since), Fraction(percent)))
    return read


RATES: Final[Mapping[str, tuple[tuple[date, Fraction], ...]]] = _read(_RATES)
"""Member state → its rates in percent, the earliest first."""

FRENCH_TERRITORIES: Final[Mapping[str, Fraction | None]] = {
    "GP": Fraction("8.5"),
    "MQ": Fraction("8.5"),
    "RE": Fraction("8.5"),
    "GF": None,
    "YT": None,
}
"""Overseas department → its rate in percent; `None` where the tax is not applied."""

JOINED: Final[Mapping[str, date]] = {"HR": date(2013, 7, 1)}
"""Member states that joined while our table runs."""


def is_member(country: str, *, on: date) -> bool:
    """Whether the country is a member state on that day."""
    return country in RATES and on >= JOINED.get(country, date.min)


def standard_rate(country: str, *, on: date) -> Fraction:
    """The standard rate of value added tax of a member state on a day.

    Args:
        country: An ISO 3166 code of a member state.
        on: The day of supply.

    Returns:
        Percent, exact.

    Raises:
        KeyError: The country is no member state.

    Examples:
        >>> standard_rate("FI", on=date(2024, 8, 31)), standard_rate("FI", on=date(2024, 9, 1))
        (Fraction(24, 1), Fraction(51, 2))
    """
    rates = RATES[country]
    return next((rate for since, rate in reversed(rates) if since <= on), rates[0][1])
