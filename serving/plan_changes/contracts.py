"""A wish, its quote and its confirmation, as they cross the boundary."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from serving.accounts.contracts import BlockerText, OverageText
from serving.web.fields import Id, Instant, PlanCode

Direction = Literal["start", "upgrade", "downgrade", "lateral", "none"]
QuoteText = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=4000)]


class WishIn(BaseModel):
    """What is wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: PlanCode
    interval: Literal["month", "year"]
    decision_id: Id | None = None
    promotion: PlanCode | None = None


class ConfirmIn(BaseModel):
    """A quote to be carried out, and what to pay with; the default method when none is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quote: QuoteText
    payment_method: Id | None = None


class Span(BaseModel):
    """Half-open."""

    start: Instant
    end: Instant


class LineText(BaseModel):
    """One line, net: negative in the customer's favour."""

    kind: Literal["unused_time", "remaining_time", "full_period", "overage", "discount", "credit_balance"]
    plan: str
    period: Span
    amount_cents: int
    text: str


class TaxText(BaseModel):
    """The tax of one rate; categories of EN 16931."""

    category: Literal["S", "AE", "O"]
    rate_percent: str
    base_cents: int
    amount_cents: int
    reason: str | None


class NextInvoiceText(BaseModel):
    """The next regular invoice as far as it is known."""

    at: Instant
    net_cents: int


class PromotionEndText(BaseModel):
    """From when on the full price is paid again."""

    at: Instant
    net_cents: int


class AllowanceText(BaseModel):
    """What renews, in the open period and in whole months from then on; `None`: without limit."""

    metric: str
    this_period: int | None
    then: int | None


class DifferenceText(BaseModel):
    """Something gained or lost; `unlimited` stands for a limit without bound."""

    kind: Literal["feature", "integration", "limit"]
    code: str
    text: str
    before: bool | float | str | None
    after: bool | float | str | None


class SummaryRow(BaseModel):
    """One line as people read it; `total` is the one that counts."""

    text: str
    amount: str
    total: bool


class SummaryGroup(BaseModel):
    """Rows under one heading: what is due, the next invoice, allowances, what is gained, what is lost."""

    code: Literal["due", "next", "allowance", "gained", "lost"]
    title: str
    rows: list[SummaryRow]


class Summary(BaseModel):
    """The quote in words of the asked language, ready to be shown; a page adds nothing up."""

    title: str
    price: str
    effect: str
    groups: list[SummaryGroup]
    confirm: str


class QuoteAnswer(BaseModel):
    """Everything a change would do; `quote` is absent when something blocks it."""

    quote: str | None
    expires_at: Instant
    plan: str
    interval: Literal["month", "year"]
    direction: Direction
    timing: Literal["now", "period_end", "never"]
    effective_at: Instant | None
    catalogue_version: str
    lines: list[LineText]
    net_cents: int
    tax: list[TaxText]
    due_now_cents: int
    next_invoice: NextInvoiceText | None
    promotion_ends: PromotionEndText | None
    """Null without a promotion, and for one without end."""
    overage: list[OverageText]
    """What more than the allowance costs on the plan."""
    accrued_overage_cents: int
    """Net overage of the open window so far, billed at its end."""
    allowance: list[AllowanceText]
    gained: list[DifferenceText]
    lost: list[DifferenceText]
    blockers: list[BlockerText]
    currency: str
    summary: Summary


class ChangeReceipt(BaseModel):
    """What became of a confirmed quote."""

    change_id: str
    status: Literal["applied", "scheduled", "payment_pending"]
    direction: Direction
    effective_at: Instant
    invoice_id: str | None


class ChangeProgress(ChangeReceipt):
    """How a confirmed change stands now, with the words for it and, when its payment failed, what helps."""

    status: Literal["applied", "scheduled", "payment_pending", "failed", "cancelled", "refused"]  # type: ignore[assignment]
    plan: str
    title: str
    text: str
    remedy: str | None
