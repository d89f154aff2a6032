"""Shapes of the plan change routes: wish, quote, confirmation, progress."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict

from data_contracts.intervals import Interval
from recommender.billing.catalogue import MAX_QUANTITY
from recommender.billing.proration import LineKind
from serving.payments.contracts import PaymentAction
from serving.web.fields import Id, PlanCode
from serving.words.contracts import BlockerText, InstantText, NumberSold, OverageText, answer_shape

GroupCode = Literal["due", "next", "allowance", "gained", "lost"]
ReceiptStatus = Literal["applied", "scheduled", "payment_pending", "requires_action"]
"""`requires_action`: the change waits until the customer has confirmed its payment, as `action` says."""
ProgressStatus = Literal["applied", "scheduled", "payment_pending", "requires_action", "failed", "cancelled", "refused"]
Direction = Literal["start", "upgrade", "downgrade", "lateral", "none"]
QuoteText = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=4000)]


class WishIn(BaseModel):
    """The plan that is wanted, at an interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: PlanCode
    interval: Interval
    decision_id: Id | None = None
    promotion: PlanCode | None = None
    quantity: Annotated[int, Field(strict=True, ge=1, le=MAX_QUANTITY)] | None = None
    """How many, of a plan that is sold by number; else as many as are held, or in use."""


class ConfirmIn(BaseModel):
    """A quote to carry out, and the payment method, by default the organisation's default one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quote: QuoteText
    payment_method: Id | None = None
    return_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=2000)] | None = None
    """Where the customer comes back to from their bank, `{change_id}` in it being replaced; without it the provider's
    script asks them on the page."""


@answer_shape
class Span(TypedDict):
    """A half-open period."""

    start: InstantText
    end: InstantText


@answer_shape
class LineText(TypedDict):
    """One line, net; a negative amount is in the customer's favour."""

    kind: LineKind
    plan: str
    period: Span
    amount_cents: int
    text: str


@answer_shape
class TaxText(TypedDict):
    """The tax of one rate; categories of EN 16931."""

    category: Literal["S", "AE", "O", "E"]
    rate_percent: str
    base_cents: int
    amount_cents: int
    reason: str | None


@answer_shape
class NextInvoiceText(TypedDict):
    """The next regular invoice as far as it is known."""

    at: InstantText
    net_cents: int


@answer_shape
class PromotionEndText(TypedDict):
    """The instant from which the full price is paid again."""

    at: InstantText
    net_cents: int


@answer_shape
class AllowanceText(TypedDict):
    """The allowance of a metric in the open period and in later months; `None`: without limit."""

    metric: str
    this_period: int | None
    then: int | None


@answer_shape
class DifferenceText(TypedDict):
    """A feature, integration or limit that is gained or lost; `unlimited` stands for a limit without bound."""

    kind: Literal["feature", "integration", "limit"]
    code: str
    text: str
    before: bool | float | str | None
    after: bool | float | str | None


@answer_shape
class SummaryRow(TypedDict):
    """One row of the summary; `total` marks the total."""

    text: str
    amount: str
    total: bool


@answer_shape
class SummaryGroup(TypedDict):
    """Rows under one heading: amounts due, the next invoice, allowances, gains, losses."""

    code: GroupCode
    title: str
    rows: list[SummaryRow]


@answer_shape
class Summary(TypedDict):
    """The quote in words, ready to be shown; a page computes nothing."""

    title: str
    price: str
    effect: str
    groups: list[SummaryGroup]
    confirm: str


@answer_shape
class QuoteAnswer(TypedDict):
    """Everything that a change would do and cost; `quote` is null when something blocks the change."""

    quote: str | None
    expires_at: InstantText
    plan: str
    interval: Interval
    number: NumberSold | None
    """How many the quote is for; null where the price is of the whole plan."""
    direction: Direction
    timing: Literal["now", "period_end", "never"]
    effective_at: InstantText | None
    catalogue_version: str
    lines: list[LineText]
    net_cents: int
    tax: list[TaxText]
    due_now_cents: int
    next_invoice: NextInvoiceText | None
    promotion_ends: PromotionEndText | None
    """Null without a promotion, and for one without end."""
    overage: list[OverageText]
    """Prices beyond the allowances of the plan."""
    accrued_overage_cents: int
    """Net overage of the open window so far, as it would be billed at its end after the change."""
    caused_overage_cents: int
    """The part of it that there would not be without the change."""
    allowance: list[AllowanceText]
    gained: list[DifferenceText]
    lost: list[DifferenceText]
    blockers: list[BlockerText]
    currency: str
    summary: Summary
    unavailable: str | None
    """Why nothing can be confirmed at the moment; null: it can."""


@answer_shape
class ChangeReceipt(TypedDict):
    """The result of a confirmed quote."""

    change_id: str
    status: ReceiptStatus
    direction: Direction
    effective_at: InstantText
    invoice_id: str | None
    action: PaymentAction | None


@answer_shape
class ChangeProgress(TypedDict):
    """The state of a confirmed change in words, with a remedy when its payment failed."""

    change_id: str
    status: ProgressStatus
    direction: Direction
    effective_at: InstantText
    invoice_id: str | None
    action: PaymentAction | None
    plan: str
    title: str
    text: str
    unlocked: list[str]
    """Features that the plan includes, once it is held."""
    rows: list[SummaryRow]
    """The payment, and the next regular invoice."""
    remedy: str | None
