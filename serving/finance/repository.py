"""Issued documents and the ledger as accounting reads them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, cast, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from data_contracts.invoices import Invoice
from serving.db.billing_tables import charges
from serving.db.invoice_tables import invoices
from serving.db.payment_tables import ledger_entries, ledger_postings

_CUSTOMER: tuple[str, ...] = ("receivable", "carried", "customer_credit", "unapplied")
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Issued:
    """One document and the state of its charge."""

    invoice: Invoice
    status: str
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class Search:
    """The documents to search for; `None` and empty: all."""

    text: str = ""
    """Part of a number, an organisation's id or a buyer's name."""
    kind: str | None = None
    status: str | None = None
    start: date | None = None
    end: date | None = None


def issued(connection: Connection, search: Search, *, after: str | None, most: int) -> list[Issued]:
    """The documents, newest first; `after` is a number, and those older than it are asked for."""
    query = _documents(connection, search)
    if after is not None:
        last = select(invoices.c.issued_at, invoices.c.number).where(invoices.c.number == after).subquery()
        older = or_(
            invoices.c.issued_at < last.c.issued_at,
            and_(invoices.c.issued_at == last.c.issued_at, invoices.c.number < last.c.number),
        )
        query = query.where(select(last).where(older).exists())
    newest = query.order_by(invoices.c.issued_at.desc(), invoices.c.number.desc()).limit(most)
    return [_read(row) for row in connection.execute(newest)]


def all_issued(connection: Connection, search: Search) -> Iterator[Issued]:
    """Every document, oldest first, a few hundred at a time."""
    oldest = _documents(connection, search).order_by(invoices.c.issued_at, invoices.c.number)
    for row in connection.execution_options(yield_per=_AT_ONCE).execute(oldest):
        yield _read(row)


def booked_tax(connection: Connection, *, start: date, end: date) -> Iterator[tuple[str, date, str, str, int]]:
    """Number, day of issue, tax account, currency and amount owed of every tax posting about a document of a time."""
    query = (
        select(
            invoices.c.number,
            invoices.c.issued_on,
            ledger_postings.c.detail,
            ledger_entries.c.currency,
            ledger_postings.c.amount_cents,
        )
        .join(ledger_entries, ledger_entries.c.entry_id == ledger_postings.c.entry_id)
        .join(invoices, invoices.c.charge_id == ledger_entries.c.charge_id)
        .where(ledger_postings.c.account == "tax", invoices.c.issued_on >= start, invoices.c.issued_on < end)
    )
    for number, day, detail, currency, amount in connection.execute(query):
        yield number, day, detail, currency, -amount


def entries(connection: Connection, organization_id: str) -> list[Row[Any]]:
    """The organisation's ledger entries in order, with the sum on each account of a customer and their document."""
    sums = [
        func.sum(case((ledger_postings.c.account == account, ledger_postings.c.amount_cents), else_=0)).label(account)
        for account in _CUSTOMER
    ]
    columns = (
        ledger_entries.c.entry_id,
        ledger_entries.c.occurred_at,
        ledger_entries.c.recorded_at,
        ledger_entries.c.kind,
        ledger_entries.c.currency,
        invoices.c.number,
    )
    query = (
        select(*columns, *sums)
        .outerjoin(ledger_postings, ledger_postings.c.entry_id == ledger_entries.c.entry_id)
        .outerjoin(invoices, invoices.c.charge_id == ledger_entries.c.charge_id)
        .where(ledger_entries.c.organization_id == organization_id)
        .group_by(*columns)
        .order_by(
            ledger_entries.c.occurred_at,
            ledger_entries.c.recorded_at,
            ledger_entries.c.kind != "charge",  # what is paid at once was charged first
            ledger_entries.c.entry_id,
        )
    )
    return list(connection.execute(query))


def _documents(connection: Connection, search: Search) -> Select[Any]:
    query = select(invoices.c.content, charges.c.status, charges.c.paid_at).join(
        charges, charges.c.charge_id == invoices.c.charge_id
    )
    if search.text:
        buyer = _buyer_name(connection)
        fields = (invoices.c.number, invoices.c.organization_id, buyer)
        query = query.where(or_(*(func.lower(each).contains(search.text.lower(), autoescape=True) for each in fields)))
    if search.kind is not None:
        query = query.where(invoices.c.kind == search.kind)
    if search.status is not None:
        query = query.where(charges.c.status == search.status)
    if search.start is not None:
        query = query.where(invoices.c.issued_on >= search.start)
    if search.end is not None:
        query = query.where(invoices.c.issued_on < search.end)
    return query


def _buyer_name(connection: Connection) -> ColumnElement[str]:
    """The buyer's name within the document, in the words of either database."""
    if connection.dialect.name == "sqlite":
        return func.json_extract(invoices.c.content, "$.buyer.name")
    return func.jsonb_extract_path_text(cast(invoices.c.content, JSONB), "buyer", "name")


def _read(row: Row[Any]) -> Issued:
    invoice = Invoice.model_validate_json(row.content)
    return Issued(invoice, "credited" if invoice.kind == "credit_note" else row.status, row.paid_at)
