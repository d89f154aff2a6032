"""Value added tax on what a French seller charges a business.

Decided: tax is taken once on the document's net, not line by line. Prices are net. At home (Monaco belongs to it) the
domestic rate, with a VAT id too; another member state with a valid VAT id of its own: reverse charge (Directive
2006/112/EC, articles 44 and 196); without one, that country's standard rate; elsewhere outside the scope. The rate is
the one in force on the day of supply. Categories are those of EN 16931 (UNTDID 5305).
A net in the customer's favour becomes a credit balance: its credit note is net of tax (article 272 of the French tax
code), and the tax is put right by the invoice that uses the balance, whose base it lowers.
Not implemented: asking VIES whether a VAT id is really registered.
"""

from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Final, Literal

from recommender.billing.money import round_half_away_from_zero
from recommender.billing.vat_rates import FRENCH_TERRITORIES, is_member, standard_rate

Category = Literal["S", "AE", "O", "E"]
"""`S` standard rate, `AE` reverse charge, `O` outside the scope of tax, `E` a credit note net of tax."""
TaxReason = Literal["reverse_charge", "outside_eu", "french_territory", "net_of_tax"]

SELLER: Final = "FR"


@dataclass(frozen=True, slots=True)
class TaxLine:
    """The tax of one rate on a document."""

    category: Category
    rate_percent: Fraction
    base_cents: int
    amount_cents: int
    reason: TaxReason | None


def tax_on(*, net_cents: int, country: str, has_vat_id: bool, on: date) -> tuple[TaxLine, ...]:
    """The value added tax on a document for a customer, rounded once.

    Args:
        net_cents: Net of the document, in minor units; a net in the customer's favour bears no tax now.
        country: The customer's country, an ISO 3166 code.
        has_vat_id: Whether a VAT id of that country was checked and is valid.
        on: The day of supply, whose rates apply.

    Returns:
        One line per rate.

    Examples:
        A German shop without a VAT id pays the German rate, with one it accounts for the tax itself:

        >>> day = date(2025, 6, 1)
        >>> tax_on(net_cents=19_000, country="DE", has_vat_id=False, on=day)[0].amount_cents
        3610
        >>> (line,) = tax_on(net_cents=19_000, country="DE", has_vat_id=True, on=day)
        >>> line.amount_cents, line.category, line.reason
        (0, 'AE', 'reverse_charge')
    """
    base = max(net_cents, 0)
    if country in (SELLER, "MC"):
        return (_standard(base, standard_rate(SELLER, on=on)),)
    if country in FRENCH_TERRITORIES:
        rate = FRENCH_TERRITORIES[country]
        return (_untaxed("O", base, "french_territory") if rate is None else _standard(base, rate),)
    if not is_member(country, on=on):
        return (_untaxed("O", base, "outside_eu"),)
    if has_vat_id:
        return (_untaxed("AE", base, "reverse_charge"),)
    return (_standard(base, standard_rate(country, on=on)),)


def credited(tax: tuple[TaxLine, ...], *, net_cents: int) -> tuple[TaxLine, ...]:
    """The breakdown of a credit note over this amount (positive), from the tax of the document that it stands for."""
    line = tax[0]
    if line.category == "S":
        line = _untaxed("E", 0, "net_of_tax")
    return (replace(line, base_cents=net_cents),)


def _untaxed(category: Category, base_cents: int, reason: TaxReason) -> TaxLine:
    return TaxLine(category, Fraction(0), base_cents, 0, reason)


def _standard(base_cents: int, rate: Fraction) -> TaxLine:
    return TaxLine("S", rate, base_cents, round_half_away_from_zero(base_cents * rate / 100), None)
