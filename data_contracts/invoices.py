"""One row per issued document, an invoice or a credit note: everything that stands on it, and that it adds up."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from data_contracts.languages import Locale

DocumentKind = Literal["invoice", "credit_note"]
LineUnit = Literal["month", "year", "piece", "lump_sum"]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(_Shape):
    """Half-open."""

    start: AwareDatetime
    end: AwareDatetime


class InvoiceLine(_Shape):
    """One line, net. On a credit note a positive amount is what is given back."""

    position: int = Field(ge=1)
    kind: Literal["unused_time", "remaining_time", "full_period", "overage", "discount", "credit_balance"]
    plan: str
    plan_name: str
    period: Span
    quantity: Decimal
    """Negative where the amount is."""
    unit: LineUnit
    unit_price_cents: Decimal = Field(ge=0)
    """Net minor units of one unit; may have decimals."""
    amount_cents: int
    metric: str | None = None
    """What an overage line counts."""
    late: bool = False
    """Whether the usage was reported after its month had been billed."""

    @model_validator(mode="after")
    def amount_is_quantity_times_price(self) -> Self:
        """Rounded once, half away from zero."""
        exact = self.quantity * self.unit_price_cents
        if int(exact.quantize(Decimal(1), ROUND_HALF_UP)) != self.amount_cents:
            raise ValueError(f"line {self.position} is {self.amount_cents}, not {exact}")
        return self


class TaxShare(_Shape):
    """The tax of one rate; categories of EN 16931."""

    category: Literal["S", "AE", "O", "E"]
    rate_percent: Decimal = Field(ge=0)
    base_cents: int = Field(ge=0)
    amount_cents: int = Field(ge=0)
    reason: Literal["reverse_charge", "outside_eu", "french_territory", "net_of_tax"] | None


class Party(_Shape):
    """Who sells or who buys, as on the day of issue."""

    name: str
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    region: str | None = None
    country: str
    vat_id: str | None = None
    company_id: str | None = None
    """SIREN of a French company."""


class Seller(Party):
    """The seller, with what French law wants on an invoice and where to pay."""

    vat_id: str
    legal_form: str
    register_entry: str
    email: str
    phone: str
    iban: str
    bic: str


class Payment(_Shape):
    """How the document is settled, as far as it was known when it was issued."""

    method: Literal["card", "sepa", "bank_transfer"] | None
    paid_cents: int = Field(ge=0)
    due_on: date | None
    """`None` when nothing is left to pay."""


class Reference(_Shape):
    """An earlier document."""

    number: str
    issued_on: date


class Invoice(_Shape):
    """One issued document; never edited, only credited."""

    number: str
    kind: DocumentKind
    organization_id: str
    issued_on: date
    supplied_on: date
    locale: Locale
    timezone: str
    """Where the customer's days are counted."""
    currency: str
    seller: Seller
    buyer: Party
    refers_to: Reference | None
    lines: tuple[InvoiceLine, ...] = Field(min_length=1)
    tax: tuple[TaxShare, ...] = Field(min_length=1)
    net_cents: int = Field(ge=0)
    tax_cents: int = Field(ge=0)
    total_cents: int = Field(ge=0)
    payment: Payment

    @property
    def due_cents(self) -> int:
        """What was left to pay when the document was issued."""
        return self.total_cents - self.payment.paid_cents

    @model_validator(mode="after")
    def it_adds_up(self) -> Self:
        """Net = sum of lines = sum of tax bases; total = net + tax; nothing is paid beyond it."""
        if not self.net_cents == sum(line.amount_cents for line in self.lines) == sum(s.base_cents for s in self.tax):
            raise ValueError("the net is not the sum of the lines and of the tax bases")
        if self.tax_cents != sum(share.amount_cents for share in self.tax):
            raise ValueError("the tax is not the sum over the rates")
        if self.total_cents != self.net_cents + self.tax_cents:
            raise ValueError("the total is not net and tax")
        if self.due_cents < 0:
            raise ValueError("more was paid than is owed")
        return self
