"""Value added tax on what a French seller charges a business: how a line is taxed, and the tax of one rate.

Decided: prices are net, and every line carries the treatment it was taxed with; tax is taken once per treatment on a
document. At home (Monaco belongs to it) the domestic rate, with a VAT id too; another member state with a valid VAT id
of its own: reverse charge (Directive 2006/112/EC, articles 44 and 196); without one, that country's standard rate;
elsewhere outside the scope. A charge in advance is taxed by the day it is made (article 65), usage by the last day of
its window (article 64); a credit returns what was charged, at the rate of then (article 90). Categories are those of
EN 16931 (UNTDID 5305).
Not implemented: asking VIES whether a VAT id is really registered.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Final, Literal
from zoneinfo import ZoneInfo

from recommender.billing.money import round_half_away_from_zero
from recommender.billing.vat_rates import FRENCH_TERRITORIES, is_member, standard_rate

Category = Literal["S", "AE", "O", "E"]
"""`S` standard rate, `AE` reverse charge, `O` outside the scope of tax, `E` an earlier credit note, net of tax."""
TaxReason = Literal["reverse_charge", "outside_eu", "french_territory", "net_of_tax"]

SELLER: Final = "FR"
SELLERS_TIME: Final = ZoneInfo("Europe/Paris")
"""The seller's time zone: tax rates change at midnight there, and documents carry its dates."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """How one line is taxed: pinned when it is sold, and the same when it is given back."""

    category: Category
    rate_percent: Fraction
    reason: TaxReason | None
    country: str
    """The country of the tax; without tax, that of the customer."""
    buyer_vat_id: str | None = None
    """The id that the customer was taxed under, with reverse charge."""


@dataclass(frozen=True, slots=True)
class TaxLine:
    """The tax of one rate on a document; base and amount below zero are in the customer's favour."""

    category: Category
    rate_percent: Fraction
    base_cents: int
    amount_cents: int
    reason: TaxReason | None
    country: str | None = None
    """As in `Treatment`; `None` in rows older than this field."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """The facts of a customer that decide on the tax."""

    country: str
    vat_id: str | None = None
    """A VAT id of that country that was checked and is valid."""
    timezone: str = "Europe/Paris"

    def at(self, instant: datetime) -> Treatment:
        """How a charge that is made at this instant is taxed."""
        return self.on(day_of(instant))

    def until(self, end: datetime) -> Treatment:
        """How usage of a window with this end is taxed: by its last day in the customer's calendar."""
        return self.on((end - timedelta(microseconds=1)).astimezone(ZoneInfo(self.timezone)).date())

    def on(self, day: date) -> Treatment:
        """How a supply of this day is taxed.

        Examples:
            A German shop without a VAT id pays the German rate, with one it accounts for the tax itself:

            >>> day = date(2025, 6, 1)
            >>> Buyer("DE").on(day).rate_percent
            Fraction(19, 1)
            >>> Buyer("DE", vat_id="DE136695976").on(day).reason
            'reverse_charge'
        """
        country, nothing = self.country, Fraction(0)
        if country in (SELLER, "MC"):
            return Treatment("S", standard_rate(SELLER, on=day), None, SELLER)
        if country in FRENCH_TERRITORIES:
            rate = FRENCH_TERRITORIES[country]
            if rate is None:
                return Treatment("O", nothing, "french_territory", country)
            return Treatment("S", rate, None, country)
        if not is_member(country, on=day):
            return Treatment("O", nothing, "outside_eu", country)
        if self.vat_id is not None:
            return Treatment("AE", nothing, "reverse_charge", country, self.vat_id)
        return Treatment("S", standard_rate(country, on=day), None, country)


def day_of(instant: datetime) -> date:
    """The seller's calendar day of an instant."""
    return instant.astimezone(SELLERS_TIME).date()


def tax_on(net_cents: int, treatment: Treatment) -> TaxLine:
    """The tax of one treatment on a net amount.

    Args:
        net_cents: Minor units; below zero where they are given back.
        treatment: How they are taxed, or were when they were charged.

    Returns:
        Base and tax, which is rounded once, half away from zero.

    Examples:
        >>> tax_on(-60_328, Buyer("DE").on(date(2024, 1, 1))).amount_cents
        -11462
    """
    rate = treatment.rate_percent
    amount = round_half_away_from_zero(net_cents * rate / 100)
    return TaxLine(treatment.category, rate, net_cents, amount, treatment.reason, treatment.country)
