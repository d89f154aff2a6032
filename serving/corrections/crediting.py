"""The lines and the tax of a credit note over an invoice, or over a part of it."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from data_contracts.invoices import Invoice, InvoiceLine, TaxedAs, TaxShare
from recommender.billing.money import round_half_away_from_zero
from serving.corrections.contracts import CreditedLine


class MoreThanThereIs(ValueError):
    """More is to be credited, refunded, applied, paid out or written off than there is."""


def whole(original: Invoice) -> tuple[InvoiceLine, ...]:
    """Every line of the invoice."""
    return original.lines


def picked(original: Invoice, wanted: Sequence[CreditedLine]) -> tuple[InvoiceLine, ...]:
    """The lines that are named, each as a whole or as a lump sum; raises `MoreThanThereIs`."""
    by_position = {line.position: line for line in original.lines}
    found = []
    for place, each in enumerate(wanted, start=1):
        line = by_position.get(each.position)
        if line is None or (each.amount_cents or 0) > max(line.amount_cents, 0):
            raise MoreThanThereIs(each.position)
        part = line if each.amount_cents is None else lump(line, each.amount_cents)
        found.append(part.model_copy(update={"position": place}))
    return tuple(found)


def part(original: Invoice, total_cents: int) -> tuple[InvoiceLine, ...]:
    """One line over a part of the invoice's total, tax included; raises `MoreThanThereIs`."""
    if total_cents > original.total_cents:
        raise MoreThanThereIs(total_cents)
    dearest = max(original.lines, key=lambda line: line.amount_cents)
    percent = original.tax[0].rate_percent if dearest.tax_category is None else dearest.tax_rate_percent or 0
    net = round_half_away_from_zero(Fraction(total_cents) * 100 / (100 + Fraction(percent)))
    return (lump(dearest, net).model_copy(update={"position": 1}),)


def lump(line: InvoiceLine, amount_cents: int) -> InvoiceLine:
    """A part of a line as a lump sum."""
    sums = {"quantity": Decimal(1), "unit": "lump_sum", "unit_price_cents": Decimal(amount_cents)}
    return line.model_copy(update={**sums, "amount_cents": amount_cents})


def tax_on_lines(original: Invoice, lines: Sequence[InvoiceLine]) -> tuple[TaxShare, ...]:
    """The tax that the invoice charged on these lines, at its rates and of its countries."""
    by_treatment: dict[TaxedAs, list[TaxShare]] = {}
    for share in original.tax:
        by_treatment.setdefault(original.taxed_as(share), []).append(share)
    shares: list[TaxShare] = []
    for how, same in by_treatment.items():  # more than one where lines of an older document do not say the country
        mine = [line for line in lines if original.taxed_as(line) == how]
        net = sum(line.amount_cents for line in mine)
        if mine and net == sum(share.base_cents for share in same):
            shares.extend(same)
        elif mine:
            largest = max(same, key=lambda share: abs(share.base_cents))
            amount = round_half_away_from_zero(Fraction(net) * Fraction(largest.rate_percent) / 100)
            shares.append(largest.model_copy(update={"base_cents": net, "amount_cents": amount}))
    return tuple(shares)
