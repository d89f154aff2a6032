"""A wish, its quote and its confirmation, as they cross the boundary."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints
from typing_extensions import TypedDict

from serving.web.fields import Id, PlanCode
from serving.words.contracts import BlockerText, InstantText, OverageText, answer_shape

GroupCode = Literal["due", "next", "allowance", "gained", "lost"]
ReceiptStatus = Literal["applied", "scheduled", "payment_pending"]
ProgressStatus = Literal["applied", "scheduled", "payment_pending", "failed", "cancelled", "refused"]
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


@answer_shape
class Span(TypedDict):
    """Half-open."""

    start: InstantText
    end: InstantText


@answer_shape
class LineText(TypedDict):
    """One line, net: negative in the customer's favour."""

    kind: Literal["unused_time", "remaining_time", "full_period", "overage", "discount", "credit_balance"]
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
    """From when on the full price is paid again."""

    at: InstantText
    net_cents: int


@answer_shape
class AllowanceText(TypedDict):
    """What renews, in the open period and in whole months from then on; `None`: without limit."""

    metric: str
    this_period: int | None
    then: int | None


@answer_shape
class DifferenceText(TypedDict):
    """Something gained or lost; `unlimited` stands for a limit without bound."""

    kind: Literal["feature", "integration", "limit"]
    code: str
    text: str
    before: bool | float | str | None
    after: bool | float | str | None


@answer_shape
class SummaryRow(TypedDict):
    """One line as people read it; `total` is the one that counts."""

    text: str
    amount: str
    total: bool


@answer_shape
class SummaryGroup(TypedDict):
    """Rows under one heading: what is due, the next invoice, allowances, what is gained, what is lost."""

    code: GroupCode
    title: str
    rows: list[SummaryRow]


@answer_shape
class Summary(TypedDict):
    """The quote in words of the asked language, ready to be shown; a page adds nothing up."""

    title: str
    price: str
    effect: str
    groups: list[SummaryGroup]
    confirm: str


@answer_shape
class QuoteAnswer(TypedDict):
    """Everything a change would do; `quote` is absent when something blocks it."""

    quote: str | None
    expires_at: InstantText
    plan: str
    interval: Literal["month", "year"]
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
    """What more than the allowance costs on the plan."""
    accrued_overage_cents: int
    """Net overage of the open window so far, billed at its end."""
    allowance: list[AllowanceText]
    gained: list[DifferenceText]
    lost: list[DifferenceText]
    blockers: list[BlockerText]
    currency: str
    summary: Summary


@answer_shape
class ChangeReceipt(TypedDict):
    """What became of a confirmed quote."""

    change_id: str
    status: ReceiptStatus
    direction: Direction
    effective_at: InstantText
    invoice_id: str | None


@answer_shape
class ChangeProgress(TypedDict):
    """How a confirmed change stands now, with the words for it and, when its payment failed, what helps."""

    change_id: str
    status: ProgressStatus
    direction: Direction
    effective_at: InstantText
    invoice_id: str | None
    plan: str
    title: str
    text: str
    remedy: str | None
