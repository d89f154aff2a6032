"""One row per issued document, an invoice or a credit note: everything that is printed on it, checked to add up."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from data_contracts.languages import Locale

DocumentKind = Literal["invoice", "credit_note"]
LineUnit = Literal["month", "quarter", "halfyear", "year", "piece", "lump_sum"]


TaxCategory = Literal["S", "AE", "O", "E"]
"""Codes of EN 16931."""
TaxReason = Literal["reverse_charge", "outside_eu", "french_territory", "net_of_tax"]

TaxedAs = tuple[TaxCategory, Decimal, TaxReason | None, str | None]
"""Category, rate in percent, reason and country."""


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(_Shape):
    """A half-open period of time."""

    start: AwareDatetime
    end: AwareDatetime


class InvoiceLine(_Shape):
    """One line of a document, net. On a credit note a positive amount is money given back to the customer."""

    position: int = Field(ge=1)
    kind: Literal[
        "unused_time", "remaining_time", "full_period", "overage", "rest_of_month", "discount", "credit_balance"
    ]
    plan: str
    plan_name: str
    period: Span
    quantity: Decimal
    """The number of units; negative where the amount is negative."""
    unit: LineUnit
    unit_price_cents: Decimal = Field(ge=0)
    """The net price of one unit in minor units; may have decimals."""
    amount_cents: int
    metric: str | None = None
    """The metric that an overage line counts; absent on other lines."""
    late: bool = False
    """Whether the line bills usage that was reported after its month had been billed."""
    per: str | None = None
    """The thing that is priced by number, such as a seat; absent where the price is of the whole plan."""
    count: int = Field(default=1, ge=1)
    """How many of it the line is for; the quantity is their number times the share of the period."""
    tax_category: TaxCategory | None = None
    """How the line is taxed; absent on documents older than this field, which have one rate."""
    tax_rate_percent: Decimal | None = Field(default=None, ge=0)
    tax_reason: TaxReason | None = None
    tax_country: str | None = None
    """The country of the tax, as in `TaxShare`; absent on documents older than this field."""

    @model_validator(mode="after")
    def amount_is_quantity_times_price(self) -> Self:
        """The amount is quantity × unit price, rounded once, half away from zero."""
        exact = self.quantity * self.unit_price_cents
        if int(exact.quantize(Decimal(1), ROUND_HALF_UP)) != self.amount_cents:
            raise ValueError(f"line {self.position} is {self.amount_cents}, not {exact}")
        return self


class TaxShare(_Shape):
    """The tax at one rate; base and amount are below zero where the lines of that rate are."""

    category: TaxCategory
    rate_percent: Decimal = Field(ge=0)
    base_cents: int
    amount_cents: int
    reason: TaxReason | None
    country: str | None = None
    """The country of the tax; without tax, that of the customer. Absent on documents older than this field."""


class Party(_Shape):
    """The seller or the buyer with the address of the day of issue."""

    name: str
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    region: str | None = None
    country: str
    vat_id: str | None = None
    company_id: str | None = None
    """The SIREN of a French company; of others the number in their register."""
    email: str | None = None
    """Where documents are sent (BT-34, BT-49)."""
    purchase_order: str | None = None
    """The buyer's order that is invoiced (BT-13)."""


class Seller(Party):
    """The seller with the particulars that French law requires on an invoice, and the account to pay to."""

    vat_id: str
    legal_form: str
    register_entry: str
    email: str
    phone: str
    iban: str
    bic: str


class Payment(_Shape):
    """How the document is paid, as far as that was known when it was issued."""

    method: Literal["card", "sepa", "bank_transfer"] | None
    paid_cents: int = Field(ge=0)
    balance_cents: int = Field(default=0, ge=0)
    """The part of what is paid that a credit balance has paid."""
    rounding_cents: int = 0
    """Added to the total so that it can be paid (BT-114); below zero: rounded off."""
    carried_cents: int = 0
    """Carried into this document from earlier ones; below zero: carried on, being too small to collect."""
    due_on: date | None
    """The last day to pay; `None` when nothing is left to pay."""
    mandate: str | None = None
    """The reference of the mandate by which an account is debited (BT-89)."""
    creditor_id: str | None = None
    """The SEPA creditor identifier of that mandate (BT-90)."""
    returned_by: Literal["refund", "transfer", "invoice"] | None = None
    """On a credit note: by the payment method, by transfer, or off what is open; `None`: as a credit balance."""


class Reference(_Shape):
    """The earlier document that a credit note refers to."""

    number: str
    issued_on: date


class Invoice(_Shape):
    """One issued document. Issued documents are never edited, only credited by another."""

    number: str
    kind: DocumentKind
    organization_id: str
    issued_on: date
    supplied_on: date
    locale: Locale
    timezone: str
    """The IANA time zone of the dates on the document."""
    currency: str
    seller: Seller
    buyer: Party
    refers_to: Reference | None
    lines: tuple[InvoiceLine, ...] = Field(min_length=1)
    tax: tuple[TaxShare, ...] = Field(min_length=1)
    net_cents: int
    tax_cents: int
    total_cents: int = Field(ge=0)
    payment: Payment

    @property
    def due_cents(self) -> int:
        """The amount that was left to pay when the document was issued."""
        payment = self.payment
        return self.total_cents + payment.rounding_cents + payment.carried_cents - payment.paid_cents

    def taxed_as(self, each: InvoiceLine | TaxShare) -> TaxedAs:
        """How a line or a share of the tax is taxed.

        The country is left out where a line of the document does not say it, all but the first share's treatment
        where a line says nothing: such documents are older, and have one rate.
        """
        if isinstance(each, TaxShare):
            how, country = (each.category, each.rate_percent, each.reason), each.country
        elif each.tax_category is None or each.tax_rate_percent is None:
            return self.taxed_as(self.tax[0])
        else:
            how, country = (each.tax_category, each.tax_rate_percent, each.tax_reason), each.tax_country
        return (*how, country if all(line.tax_country for line in self.lines) else None)

    def _bases(self, taxed: tuple[InvoiceLine, ...] | tuple[TaxShare, ...]) -> dict[TaxedAs, int]:
        """How something is taxed → the sum of what is taxed so."""
        bases: dict[TaxedAs, int] = {}
        for each in taxed:
            cents = each.amount_cents if isinstance(each, InvoiceLine) else each.base_cents
            bases[self.taxed_as(each)] = bases.get(self.taxed_as(each), 0) + cents
        return bases

    @model_validator(mode="after")
    def it_adds_up(self) -> Self:
        """Net = sum of lines = sum of tax bases, by treatment too; total = net + tax; at most the total is paid."""
        if not self.net_cents == sum(line.amount_cents for line in self.lines) == sum(s.base_cents for s in self.tax):
            raise ValueError("the net is not the sum of the lines and of the tax bases")
        if self._bases(self.lines) != self._bases(self.tax):
            raise ValueError("the tax bases are not the sums of the lines that are taxed so")
        if self.tax_cents != sum(share.amount_cents for share in self.tax):
            raise ValueError("the tax is not the sum over the rates")
        if self.total_cents != self.net_cents + self.tax_cents:
            raise ValueError("the total is not net and tax")
        if self.due_cents < 0:
            raise ValueError("more was paid than is owed")
        return self
