"""Charges as the lines of a document: quantities, unit prices and totals that add up by construction.

Decided: one charge is one document. As long as its total is not below 0 a credit for unused time stays a negative line
of the invoice; a total below 0 is a credit note over that amount, tax included, with every sign turned, which refers to
the invoice that charged the time. It becomes the credit balance, which pays the next invoices: it is no line of them,
but part of what was paid. Every line carries its tax category, rate and reason.
A quantity is the share of the period (0.5 months), times the number of seats where a seat is priced (2.5 months of
five seats), a price that of the whole period; both are written with as many
decimals as make quantity × price round to the line's amount. Where none does (a credit stopped at what was paid), the
line is one lump sum. Others: Stripe and Lago give prorated lines as lump sums throughout.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any, Final

from data_contracts.invoices import DocumentKind, InvoiceLine, LineUnit, Span, TaxShare
from recommender.billing.money import round_half_away_from_zero
from recommender.billing.proration import SETTLING, Line
from recommender.billing.tax import TaxLine, Treatment

_DECIMALS: Final = (0, 2, 4, 6, 8, 10)
_LONGEST: Final[Mapping[LineUnit, timedelta]] = {
    "month": timedelta(days=45),
    "quarter": timedelta(days=135),
    "halfyear": timedelta(days=270),
}
"""Unit of time → how long a period of it is at most, well above the longest one and below the next longer unit."""


@dataclass(frozen=True, slots=True)
class Document:
    """The figures of an invoice or a credit note; the total is from 0."""

    kind: DocumentKind
    lines: tuple[InvoiceLine, ...]
    tax: tuple[TaxShare, ...]
    balance_cents: int = 0
    """The part of the total that a credit balance pays."""
    rounding_cents: int = 0
    """Added to the rest so that it can be paid; below zero where it is rounded off."""
    carried_cents: int = 0
    """Carried into this document from earlier ones; below zero: carried to the next."""

    @property
    def net_cents(self) -> int:
        """The sum of the lines."""
        return sum(line.amount_cents for line in self.lines)

    @property
    def tax_cents(self) -> int:
        """The sum over the rates."""
        return sum(share.amount_cents for share in self.tax)

    @property
    def total_cents(self) -> int:
        """The total in minor units: net and tax."""
        return self.net_cents + self.tax_cents


def document_of(charged: Sequence[Line], *, tax: tuple[TaxLine, ...], plan_names: Mapping[str, str]) -> Document:
    """The document for these charged lines and their tax; a plan without a name is called by its code."""
    sold = [line for line in charged if line.kind not in SETTLING]
    total = sum(line.amount_cents for line in sold) + sum(share.amount_cents for share in tax)
    kind: DocumentKind = "credit_note" if total < 0 else "invoice"
    sign = -1 if total < 0 else 1
    return Document(
        kind,
        tuple(
            _line(line, position, sign=sign, plan_name=plan_names.get(line.plan, line.plan))
            for position, line in enumerate(sold, start=1)
        ),
        tuple(
            TaxShare(
                category=share.category,
                rate_percent=exact_decimal(share.rate_percent, places=4),
                base_cents=sign * share.base_cents,
                amount_cents=sign * share.amount_cents,
                reason=share.reason,
                country=share.country,
            )
            for share in tax
        ),
        balance_cents=-sum(line.amount_cents for line in charged if line.kind == "credit_balance"),
        rounding_cents=sum(line.amount_cents for line in charged if line.kind == "rounding"),
        carried_cents=sign * sum(line.amount_cents for line in charged if line.kind == "carried"),
    )


def exact_decimal(value: Fraction, *, places: int) -> Decimal:
    """The number with at most so many decimals, rounded half away from zero, without trailing zeros."""
    scaled = round_half_away_from_zero(value * 10**places)
    with localcontext(prec=60):
        number = Decimal(scaled).scaleb(-places)
        return number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()


def _line(line: Line, position: int, *, sign: int, plan_name: str) -> InvoiceLine:
    amount = sign * line.amount_cents
    unit, quantity, price = _priced(line, amount)
    return InvoiceLine(
        position=position,
        kind=line.kind,
        plan=line.plan,
        plan_name=plan_name,
        period=Span(start=line.period.start, end=line.period.end),
        quantity=quantity,
        unit=unit,
        unit_price_cents=price,
        amount_cents=amount,
        metric=line.metric,
        late=line.late,
        per=line.per,
        count=line.quantity,
        **({} if line.taxed is None else _marks(line.taxed)),
    )


def _marks(taxed: Treatment) -> dict[str, Any]:
    """How the line is taxed, as the contract writes it."""
    return {
        "tax_category": taxed.category,
        "tax_rate_percent": exact_decimal(taxed.rate_percent, places=4),
        "tax_reason": taxed.reason,
        "tax_country": taxed.country,
    }


def _priced(line: Line, amount: int) -> tuple[LineUnit, Decimal, Decimal]:
    """Unit, quantity and price of one; quantity × price rounds to the amount."""
    if line.kind in {"unused_time", "remaining_time", "full_period"}:
        unit, exact, price = _unit(line), line.share * line.quantity, Fraction(abs(line.price_cents), line.quantity)
    elif line.units is not None and line.unit_price_cents is not None:
        unit, exact, price = "piece", Fraction(line.units), line.unit_price_cents
    else:
        unit, exact, price = "lump_sum", Fraction(1), Fraction(abs(amount))
    sign = -1 if amount < 0 else 1
    for places in _DECIMALS:
        quantity, each = sign * exact_decimal(exact, places=places), exact_decimal(price, places=places)
        if _product(quantity, each) == amount:
            return unit, quantity, each
    return "lump_sum", Decimal(sign), Decimal(abs(amount))


def _product(quantity: Decimal, price: Decimal) -> int:
    with localcontext(prec=60):
        return int((quantity * price).quantize(Decimal(1), ROUND_HALF_UP))


def _unit(line: Line) -> LineUnit:
    """The interval that the price is for, from the length of the period that the share was taken of."""
    whole = line.period.microseconds / line.share if line.share else 0
    return next((unit for unit, most in _LONGEST.items() if whole <= most // timedelta(microseconds=1)), "year")
