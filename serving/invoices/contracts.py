"""Shapes of the invoice routes."""

from typing import Literal

from typing_extensions import TypedDict

from data_contracts.invoices import DocumentKind, Party, Reference, Seller, TaxCategory
from serving.words.contracts import DateText, InstantText, answer_shape

Status = Literal["open", "paid", "credited", "failed", "cancelled"]


@answer_shape
class DocumentSpan(TypedDict):
    """A half-open period."""

    start: InstantText
    end: InstantText


@answer_shape
class Links(TypedDict):
    """The addresses of a document, relative to the service."""

    self: str
    pdf: str
    html: str
    xml: str
    """Answers 404 for a currency with three decimals, which EN 16931 does not allow."""


@answer_shape
class InvoiceSummary(TypedDict):
    """One document in the list; `total_cents` is not negative, `kind` says in whose favour it is.

    Net and tax of a credit note may differ in sign where it holds lines of several rates.
    """

    number: str
    kind: DocumentKind
    status: str
    """`open`, `paid` (settled) or `carried` (never asked for) for an invoice, `credited` for a credit note."""
    status_text: str
    """How it stands in words: paid, or carried to the next invoice, written off, credited, wholly or the rest of it."""
    issued_on: DateText
    issued_on_text: str
    period: DocumentSpan
    currency: str
    net_cents: int
    tax_cents: int
    total_cents: int
    total_text: str
    open_cents: int
    """The part of the total still to be paid today."""
    paid_at: InstantText | None
    due_on: DateText | None
    refers_to: str | None
    links: Links


@answer_shape
class InvoiceList(TypedDict):
    """The documents of one organisation, newest first."""

    invoices: list[InvoiceSummary]


@answer_shape
class InvoiceLineText(TypedDict):
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
    tax_category: TaxCategory
    tax_rate_percent: str
    tax_reason: str | None
    tax_country: str | None
    """The country of the tax; without tax, that of the customer."""
    text: str


@answer_shape
class TaxShareText(TypedDict):
    """The tax of one rate with the reason for it; base and amount are below zero where the lines of that rate are."""

    category: TaxCategory
    rate_percent: str
    base_cents: int
    amount_cents: int
    reason: str | None
    country: str | None
    """The country of the tax; without tax, that of the customer. `None` on documents older than this field."""


@answer_shape
class PaymentText(TypedDict):
    """The payment of the document as it was stated when it was issued."""

    method: Literal["card", "sepa", "bank_transfer"] | None
    paid_cents: int
    balance_cents: int
    """The part of it that a credit balance has paid."""
    rounding_cents: int
    """Added to the total so that it can be paid."""
    carried_cents: int
    """Carried into this invoice from earlier ones; below zero: carried to the next."""
    due_cents: int
    text: str


@answer_shape
class InvoiceAnswer(InvoiceSummary):
    """One document with all of its content."""

    supplied_on: DateText
    reference: Reference | None
    seller: Seller
    buyer: Party
    lines: list[InvoiceLineText]
    tax: list[TaxShareText]
    payment: PaymentText
    notes: list[str]
