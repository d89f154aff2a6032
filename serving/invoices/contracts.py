"""Shapes of the invoice routes."""

from datetime import date
from typing import Literal

from pydantic import BaseModel

from data_contracts.invoices import DocumentKind, Party, Reference, Seller
from serving.web.fields import Instant

Status = Literal["open", "paid", "credited", "failed", "cancelled"]


class DocumentSpan(BaseModel):
    """A half-open period."""

    start: Instant
    end: Instant


class Links(BaseModel):
    """The addresses of a document, relative to the service."""

    self: str
    pdf: str
    html: str
    xml: str
    """Answers 404 for a currency with three decimals, which EN 16931 does not allow."""


class InvoiceSummary(BaseModel):
    """One document in the list; amounts are not negative, `kind` says in whose favour they are."""

    number: str
    kind: DocumentKind
    status: str
    """`open` or `paid` for an invoice, `credited` for a credit note."""
    issued_on: date
    issued_on_text: str
    period: DocumentSpan
    currency: str
    net_cents: int
    tax_cents: int
    total_cents: int
    total_text: str
    paid_at: Instant | None
    due_on: date | None
    refers_to: str | None
    links: Links


class InvoiceList(BaseModel):
    """The documents of one organisation, newest first."""

    invoices: list[InvoiceSummary]


class InvoiceLineText(BaseModel):
    """One line of a document with its text."""

    position: int
    kind: str
    plan: str
    plan_name: str
    period: DocumentSpan
    quantity: str
    unit: str
    unit_price_cents: str
    amount_cents: int
    metric: str | None
    late: bool
    text: str


class TaxShareText(BaseModel):
    """The tax of one rate with the reason for it."""

    category: Literal["S", "AE", "O", "E"]
    rate_percent: str
    base_cents: int
    amount_cents: int
    reason: str | None


class PaymentText(BaseModel):
    """How the document was to be settled when it was issued."""

    method: Literal["card", "sepa", "bank_transfer"] | None
    paid_cents: int
    due_cents: int
    text: str


class InvoiceAnswer(InvoiceSummary):
    """One document with all of its content."""

    supplied_on: date
    reference: Reference | None
    seller: Seller
    buyer: Party
    lines: list[InvoiceLineText]
    tax: list[TaxShareText]
    payment: PaymentText
    notes: list[str]
