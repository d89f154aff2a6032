"""Search documents of all organisations, add up their tax, and state the account of one of them."""

from collections import defaultdict
from datetime import date
from fractions import Fraction
from functools import partial

from sqlalchemy import Connection

from data_contracts.invoices import Invoice, TaxShare
from recommender.billing.tax import SELLER, day_of
from serving.db.session import Database
from serving.finance import repository
from serving.finance.contracts import (
    IssuedList,
    IssuedRow,
    Statement,
    StatementBalance,
    StatementRow,
    VatPeriod,
    VatReport,
    VatRow,
)
from serving.finance.repository import Issued, Search
from serving.organizations import repository as organizations
from serving.web.fields import utc_text

Rate = tuple[str, str, str, str, str]
"""Period, country, category, rate and currency."""


class Finance:
    """Reads for accounting."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def invoices(self, search: Search, *, after: str | None, most: int) -> IssuedList:
        """A page of documents, newest first."""
        read = partial(repository.issued, search=search, after=after, most=most + 1)
        found = await self._database.read(read)
        last = found[most - 1].invoice.number if len(found) > most else None
        return {"invoices": [_issued(each) for each in found[:most]], "next": last}

    async def vat(self, *, start: date, end: date, period: VatPeriod) -> VatReport:
        """The tax of the documents issued from `start` until before `end`, by period, country, category and rate."""
        rows = await self._database.read(lambda connection: _vat_rows(connection, start, end, period))
        return {"start": start.isoformat(), "end": end.isoformat(), "rows": rows}

    async def statement(self, organization_id: str, *, start: date | None, end: date | None) -> Statement:
        """The account of an organisation, an erased one included; raises `UnknownOrganization`."""

        def read(connection: Connection) -> Statement:
            organizations.get_kept(connection, organization_id)
            return _statement(connection, organization_id, start, end)

        return await self._database.read(read)


def _issued(found: Issued) -> IssuedRow:
    invoice = found.invoice
    return {
        "number": invoice.number,
        "kind": invoice.kind,
        "status": found.status,
        "organization_id": invoice.organization_id,
        "buyer": invoice.buyer.name,
        "country": invoice.buyer.country,
        "vat_id": invoice.buyer.vat_id,
        "issued_on": invoice.issued_on.isoformat(),
        "due_on": None if invoice.payment.due_on is None else invoice.payment.due_on.isoformat(),
        "paid_at": None if found.paid_at is None else utc_text(found.paid_at),
        "currency": invoice.currency,
        "net_cents": invoice.net_cents,
        "tax_cents": invoice.tax_cents,
        "total_cents": invoice.total_cents,
        "refers_to": None if invoice.refers_to is None else invoice.refers_to.number,
    }


def _vat_rows(connection: Connection, start: date, end: date, period: VatPeriod) -> list[VatRow]:
    base: dict[Rate, int] = defaultdict(int)
    tax: dict[Rate, int] = defaultdict(int)
    booked: dict[Rate, int] = defaultdict(int)
    numbers: dict[Rate, set[str]] = defaultdict(set)
    whose: dict[str, str] = {}
    for found in repository.all_issued(connection, Search(start=start, end=end)):
        invoice = found.invoice
        sign = -1 if invoice.kind == "credit_note" else 1
        for share in invoice.tax:
            rate = f"{float(share.rate_percent):g}"
            key = (
                _first_day(invoice.issued_on, period),
                _whose(invoice, share),
                share.category,
                rate,
                invoice.currency,
            )
            base[key] += sign * share.base_cents
            tax[key] += sign * share.amount_cents
            numbers[key].add(invoice.number)
            whose[invoice.number] = key[1]
    for number, day, account, currency, amount in repository.booked_tax(connection, start=start, end=end):
        *named, category, exact = account.split()  # accounts older than several rates on a document name no country
        country, rate = named[0] if named else whose[number], f"{float(Fraction(exact)):g}"
        booked[_first_day(day, period), country, category, rate, currency] += amount
    return [_vat_row(key, base, tax, booked, numbers) for key in sorted(numbers.keys() | booked.keys())]


def _vat_row(
    key: Rate, base: dict[Rate, int], tax: dict[Rate, int], booked: dict[Rate, int], numbers: dict[Rate, set[str]]
) -> VatRow:
    period, country, category, rate, currency = key
    return {
        "period": period,
        "country": country,
        "category": category,  # type: ignore[typeddict-item]  # a key of ours
        "rate_percent": rate,
        "currency": currency,
        "documents": len(numbers[key]),
        "base_cents": base[key],
        "tax_cents": tax[key],
        "booked_cents": booked[key],
    }


def _whose(invoice: Invoice, share: TaxShare) -> str:
    """The country of the tax; on documents older than that field, the buyer's."""
    return share.country or (SELLER if invoice.buyer.country == "MC" else invoice.buyer.country)


def _first_day(day: date, period: VatPeriod) -> str:
    month = {"month": day.month, "quarter": day.month - (day.month - 1) % 3, "year": 1}[period]
    return day.replace(month=month, day=1).isoformat()


def _statement(connection: Connection, organization_id: str, start: date | None, end: date | None) -> Statement:
    opening: dict[str, int] = defaultdict(int)
    balance: dict[str, int] = defaultdict(int)
    rows: list[StatementRow] = []
    for entry in repository.entries(connection, organization_id):
        day, currency = day_of(entry.occurred_at), entry.currency
        if end is not None and day >= end:
            continue
        balance[currency] += entry.receivable + entry.carried + entry.customer_credit + entry.unapplied
        if start is not None and day < start:
            opening[currency] = balance[currency]
            continue
        rows.append(
            {
                "entry_id": entry.entry_id,
                "occurred_at": utc_text(entry.occurred_at),
                "kind": entry.kind,
                "number": entry.number,
                "currency": currency,
                "receivable_cents": int(entry.receivable),
                "carried_cents": int(entry.carried),
                "customer_credit_cents": int(entry.customer_credit),
                "unapplied_cents": int(entry.unapplied),
                "balance_cents": int(balance[currency]),
            }
        )
    balances: list[StatementBalance] = [
        {"currency": currency, "opening_cents": int(opening[currency]), "closing_cents": int(balance[currency])}
        for currency in sorted(balance)
    ]
    return {
        "organization_id": organization_id,
        "start": None if start is None else start.isoformat(),
        "end": None if end is None else end.isoformat(),
        "balances": balances,
        "rows": rows,
    }
