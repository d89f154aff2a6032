"""Shapes of the routes for accounting."""

from typing import Literal

from typing_extensions import TypedDict

from data_contracts.invoices import DocumentKind, TaxCategory
from serving.words.contracts import DateText, InstantText, answer_shape

VatPeriod = Literal["month", "quarter", "year"]


@answer_shape
class IssuedRow(TypedDict):
    """One issued document of any organisation; `kind` says in whose favour its total is."""

    number: str
    kind: DocumentKind
    status: str
    organization_id: str
    buyer: str
    country: str
    vat_id: str | None
    issued_on: DateText
    due_on: DateText | None
    paid_at: InstantText | None
    currency: str
    net_cents: int
    tax_cents: int
    total_cents: int
    refers_to: str | None


@answer_shape
class IssuedList(TypedDict):
    """Documents, the newest first."""

    invoices: list[IssuedRow]
    next: str | None
    """The `after` of the next page; null: this was the last one."""


@answer_shape
class VatRow(TypedDict):
    """The tax of one period, country, category and rate; credit notes are taken off."""

    period: str
    """Its first day."""
    country: str
    """The country of the tax; without tax, that of the customers."""
    category: TaxCategory
    rate_percent: str
    currency: str
    documents: int
    base_cents: int
    tax_cents: int
    """As the documents say."""
    booked_cents: int
    """As the ledger says; the same."""


@answer_shape
class VatReport(TypedDict):
    """The tax of the documents that were issued within a time, by the seller's calendar."""

    start: DateText
    end: DateText
    """The first day that is not in it."""
    rows: list[VatRow]


@answer_shape
class StatementRow(TypedDict):
    """One entry of the ledger and what it changes: above zero the organisation owes more."""

    entry_id: str
    occurred_at: InstantText
    kind: str
    number: str | None
    """The document that it is about."""
    currency: str
    receivable_cents: int
    carried_cents: int
    """Too small to be collected: a later invoice asks for it."""
    customer_credit_cents: int
    unapplied_cents: int
    balance_cents: int
    """The debt of the organisation after it, in this currency; below zero it is owed."""


@answer_shape
class StatementBalance(TypedDict):
    """The debt of an organisation in one currency; below zero it is owed."""

    currency: str
    opening_cents: int
    closing_cents: int


@answer_shape
class Statement(TypedDict):
    """The account of one organisation: every entry of its ledger within a time."""

    organization_id: str
    start: DateText | None
    end: DateText | None
    """The first day that is not in it."""
    balances: list[StatementBalance]
    rows: list[StatementRow]
