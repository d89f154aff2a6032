"""Value added tax on what a French seller charges a business.

Decided: tax is taken once on the document's net, not line by line. Prices are net. At home the domestic rate; another
EU country with a VAT id of its own form: reverse charge (Directive 2006/112/EC, articles 44 and 196); without one, that
country's standard rate; elsewhere outside the scope. Categories are those of EN 16931 (UNTDID 5305).
Rates: standard rates of the member states as in force in 2026. Monaco belongs to the French area.
Not implemented: the French overseas departments' own rates; asking VIES whether a VAT id is really registered.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from recommender.billing.money import round_half_away_from_zero

Category = Literal["S", "AE", "O"]
"""`S` standard rate, `AE` reverse charge, `O` outside the scope of tax."""
TaxReason = Literal["reverse_charge", "outside_eu"]

SELLER: Final = "FR"

STANDARD_RATES: Final[Mapping[str, Fraction]] = {
    country: Fraction(rate)
    for country, rate in {
        "AT": "20", "BE": "21", "BG": "20", "CY": "19", "CZ": "21", "DE": "19", "DK": "25", "EE": "24", "ES": "21",
        "FI": "25.5", "FR": "20", "GR": "24", "HR": "25", "HU": "27", "IE": "23", "IT": "22", "LT": "21", "LU": "17",
        "LV": "21", "MT": "18", "NL": "21", "PL": "23", "PT": "23", "RO": "21", "SE": "25", "SI": "22", "SK": "23",
    }.items()
}  # fmt: skip
"""Member state → percent."""

_VAT_PREFIX: Final = {"GR": "EL"}
_VAT_FORMS: Final[Mapping[str, str]] = {
    "AT": r"U\d{8}", "BE": r"[01]\d{9}", "BG": r"\d{9,10}", "CY": r"\d{8}[A-Z]", "CZ": r"\d{8,10}", "DE": r"\d{9}",
    "DK": r"\d{8}", "EE": r"\d{9}", "ES": r"[A-Z0-9]\d{7}[A-Z0-9]", "FI": r"\d{8}", "FR": r"[A-Z0-9]{2}\d{9}",
    "GR": r"\d{9}", "HR": r"\d{11}", "HU": r"\d{8}", "IE": r"\d[A-Z0-9]\d{5}[A-Z]{1,2}", "IT": r"\d{11}",
    "LT": r"(\d{9}|\d{12})", "LU": r"\d{8}", "LV": r"\d{11}", "MT": r"\d{8}", "NL": r"[A-Z0-9]{9}B\d{2}",
    "PL": r"\d{10}", "PT": r"\d{9}", "RO": r"\d{2,10}", "SE": r"\d{12}", "SI": r"\d{8}", "SK": r"\d{10}",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TaxLine:
    """The tax of one rate on a document."""

    category: Category
    rate_percent: Fraction
    base_cents: int
    amount_cents: int
    reason: TaxReason | None


def tax_on(*, net_cents: int, country: str, vat_id: str | None) -> tuple[TaxLine, ...]:
    """The tax on a document of this net for a customer in this country (ISO 3166), rounded once.

    A net in the customer's favour becomes a credit balance, which lowers later bases: it bears no tax now.
    """
    base = max(net_cents, 0)
    if country in (SELLER, "MC"):
        return (_standard(base, SELLER),)
    if country not in STANDARD_RATES:
        return (TaxLine("O", Fraction(0), base, 0, "outside_eu"),)
    if vat_id is not None and looks_valid(vat_id, country=country):
        return (TaxLine("AE", Fraction(0), base, 0, "reverse_charge"),)
    return (_standard(base, country),)


def looks_valid(vat_id: str, *, country: str) -> bool:
    """Whether a VAT id has the form of this member state's; says nothing about whether it is registered."""
    prefix = _VAT_PREFIX.get(country, country)
    form = _VAT_FORMS.get(country)
    return form is not None and re.fullmatch(prefix + form, vat_id) is not None


def _standard(base_cents: int, country: str) -> TaxLine:
    rate = STANDARD_RATES[country]
    return TaxLine("S", rate, base_cents, round_half_away_from_zero(base_cents * rate / 100), None)
